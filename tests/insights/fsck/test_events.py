"""Of every type of event it is known how it moves what is compared, or why it moves nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest

from audit.log.event_types import EVENT_TYPES
from audit.models import Event
from insights.fsck.checks import CHECKS, KINDS
from insights.fsck.still import STILL, Why


def test_every_type_of_event_moves_something_or_says_why_not() -> None:
    moving = {event for kind in KINDS for event in kind.moves}
    assert sorted(moving & STILL.keys()) == []
    assert sorted(EVENT_TYPES.keys() ^ (moving | STILL.keys())) == []


def test_every_reason_is_given_somewhere() -> None:
    assert set(STILL.values()) == set(Why)


def test_checks_have_names_of_their_own() -> None:
    names = [check.name for check in CHECKS]
    assert len(names) == len(set(names))
    assert all("," not in name for name in names)  # `--only` takes them with commas between


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("event", "facts"),
    [
        ("proposal.submitted", ["deadline"]),
        ("proposal.escalated", ["deadline"]),
        ("execution.result_reported", ["becomes", "closed"]),
        ("execution.failed", ["closed"]),
        ("execution.marked_done", ["steps"]),
        ("manual_task.done", ["attempt"]),
        ("manual_task.given_up", ["attempt"]),
    ],
)
def test_events_tell_what_no_other_tells(world: Any, event: str, facts: list[str]) -> None:
    """Where one of these is missing the replay takes what the row says."""
    told = [
        json.loads(body)["data"] for body in Event.objects.filter(type=event).values_list("body", flat=True)
    ]
    assert told
    assert [data for data in told if not all(data.get(name) for name in facts)] == []


@pytest.mark.django_db
def test_an_edit_tells_what_is_asked_since(world: Any) -> None:
    bodies = Event.objects.filter(type="decision.made").values_list("body", flat=True)
    [edited] = [data for body in bodies if "changes" in (data := json.loads(body)["data"])]
    assert edited["asks"] == {"approvals": 1, "teams": ["operations"], "risk": "medium"}
