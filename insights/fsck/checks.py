"""All checks, in the order in which they are done."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from insights.fsck import (
    afterwards,
    content,
    executions,
    governed,
    people,
    proposals,
    running,
    sealed,
    trust,
)
from insights.fsck.checking import Check, Finding, rows
from insights.fsck.still import STILL

KINDS = (
    *governed.KINDS,
    *people.KINDS,
    *trust.KINDS,
    *proposals.KINDS,
    *executions.KINDS,
    *afterwards.KINDS,
    *running.KINDS,
)


def _unknown_events() -> Iterator[Finding]:
    """What no kind is moved by and nobody says why: nothing that this version writes."""
    known = STILL.keys() | {event for kind in KINDS for event in kind.moves}
    for name, first in rows("SELECT type, min(id) FROM audit_event GROUP BY type ORDER BY type"):
        if name not in known:
            yield Finding("events", "type of event", name, "one that is known", "events of it", first)


EVENTS = Check("events", "Each event is of a type of which it is known what it moves.", _unknown_events)
# The log itself first: nothing holds without it.
CHECKS: tuple[Check, ...] = (*sealed.CHECKS, EVENTS, *(kind.as_check() for kind in KINDS), *content.CHECKS)


class UnknownCheck(ValueError):
    """There is no check of this name."""


def chosen(names: Collection[str]) -> list[Check]:
    """The checks of these names, in their order; without any, all of them. Raises `UnknownCheck`."""
    known = {check.name for check in CHECKS}
    if unknown := sorted(set(names) - known):
        raise UnknownCheck(f"There is no check {', '.join(unknown)}. There are: {', '.join(sorted(known))}.")
    return [check for check in CHECKS if not names or check.name in names]
