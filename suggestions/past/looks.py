"""What services say is there now, for policies that want to know; whoever can ask them says so with `serve`.

Asking stands a floor above, with everything that calls out. Without it nothing is known of anything, and a
rule that needs it fails closed.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol
from uuid import UUID

from audit.outbox.tell_worker import tell_worker
from governance.expressions.known_facts import NO_LOOK
from governance.models import ActionType
from suggestions.models import Proposal, Suggestion

LONGEST = 2.0  # seconds that one request waits for all looks together
TASK = "execution.tasks.look"

Facts = Mapping[str, Any]


class Look(Protocol):
    """One answer, not stored yet."""

    suggestion_id: UUID
    proposal_id: UUID

    @property
    def facts(self) -> Facts:
        """The fact `look`."""


class Looker(Protocol):
    """Can ask what is there now."""

    def now(self, suggestions: Sequence[Suggestion], seconds: float) -> Sequence[Any]:
        """A `Look` at each suggestion that can be asked about, within so many seconds."""

    def keep(self, looks: Sequence[Any]) -> None:
        """Store them, in the transaction of their proposals."""

    def then(self, proposals: Sequence[UUID]) -> dict[UUID, Facts]:
        """The fact of each suggestion by its id, as stored proposals were judged by it."""

    def last(self, suggestion: Suggestion, arguments: Mapping[str, Any]) -> Facts:
        """The fact for these arguments of a stored suggestion, as far as the same was asked already."""


_served: list[Looker] = []


def serve(looker: Looker) -> None:
    """Ask this one from now on."""
    _served[:] = [looker]


class Patience:
    """How long one request may still wait for looks."""

    def __init__(self) -> None:
        self._until: float | None = None

    @property
    def left(self) -> float:
        """Seconds, from the first time on that somebody asks."""
        if self._until is None:
            self._until = time.monotonic() + LONGEST
        return max(0.0, self._until - time.monotonic())


def now(suggestions: Sequence[Suggestion], patience: Patience) -> list[Any]:
    """What is there now, of each suggestion that can be asked about; for as long as patience lasts."""
    wanted = [s for s in suggestions if s.action_type.looks]
    if not wanted or not _served or patience.left <= 0:
        return []
    return list(_served[0].now(wanted, patience.left))


def keep(looks: Sequence[Any]) -> None:
    if looks:
        _served[0].keep(looks)


def then(proposals: Sequence[UUID]) -> dict[UUID, Facts]:
    """What was there when these were judged, by suggestion."""
    return _served[0].then(proposals) if _served else {}


def last(suggestion: Suggestion, arguments: Mapping[str, Any]) -> Facts:
    """What was there last, as far as anybody asked."""
    return _served[0].last(suggestion, arguments) if _served and suggestion.action_type.looks else NO_LOOK


def by_suggestion(looks: Iterable[Look]) -> dict[UUID, Facts]:
    return {look.suggestion_id: look.facts for look in looks}


def tell(proposal: Proposal, types: Iterable[ActionType]) -> None:
    """Have a worker look at an open proposal, where it can be asked about; once it is committed."""
    if any(action_type.looks for action_type in types):
        tell_worker(TASK, proposal.pk)
