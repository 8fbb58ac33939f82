"""Of every type of event it is known how it moves what is compared, or why it moves nothing."""

from __future__ import annotations

from audit.log.event_types import EVENT_TYPES
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
