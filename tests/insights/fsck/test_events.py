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


# Where one of these is missing the replay takes what the row says.
TOLD_BY_NO_OTHER = {
    "proposal.submitted": ["deadline"],
    "proposal.escalated": ["deadline"],
    "proposal.reopened": ["rejected"],
    "execution.result_reported": ["becomes", "closed"],
    "execution.failed": ["closed"],
    "execution.marked_done": ["steps"],
    "manual_task.done": ["attempt"],
    "manual_task.given_up": ["attempt"],
}


@pytest.mark.django_db
def test_events_tell_what_no_other_tells(world: Any) -> None:
    for event, facts in TOLD_BY_NO_OTHER.items():
        told = _data_of(event)
        assert told, event
        assert [data for data in told if not all(data.get(name) for name in facts)] == []
    [edited] = [data for data in _data_of("decision.made") if "changes" in data]
    assert edited["asks"] == {"approvals": 1, "teams": ["operations"], "risk": "medium"}


def _data_of(event: str) -> list[dict[str, Any]]:
    bodies = Event.objects.filter(type=event).values_list("body", flat=True)
    return [json.loads(body)["data"] for body in bodies]
