"""Submissions that would count each other go one after the other.

Two that look at the past at the same moment would both miss the other one, and both pass where only
one should. The first question about the past takes the turn: a transaction, and in it locks on the
agent and on every subject of the request, in one order for all. They last until what was submitted
is visible to the next. Who asks nothing waits for nobody.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import transaction

from audit.statements.prepared import execute
from audit.statements.writes import Part
from suggestions.models import Proposal
from suggestions.past.looks import Patience
from suggestions.past.numbers import keys_of

_LOCK = "SELECT pg_advisory_xact_lock(key) FROM unnest(%s::bigint[]) AS key"
# What counts in the turn is planned once, for whichever agent: PostgreSQL would rather plan it anew each time
# for one that it takes to be rare, which costs more than to count.
_LOCK_OF_ONE = """
SELECT pg_advisory_xact_lock(%s::bigint), set_config('plan_cache_mode', 'force_generic_plan', TRUE)
"""
_KNOWN = "SELECT idempotency_key FROM suggestions_proposal WHERE agent_id = %s AND idempotency_key = ANY(%s)"


@dataclass(frozen=True)
class Earlier:
    """What the same request hands in before; it is not stored yet, and counts already."""

    proposal: Proposal
    status: str
    arguments: dict[str, Any] | None  # of what passed


class Turn:
    """One request's turn to look at the past."""

    def __init__(self, agent_id: UUID, subjects: Iterable[UUID | None], stack: ExitStack) -> None:
        self.agent_id = agent_id
        self._handed_in: list[Earlier] = []
        self._looked_up: dict[str, bool] = {}
        self._keys = sorted({_number(key) for key in (agent_id, *subjects) if key})
        self._stack = stack
        self._taken = False
        self.patience = Patience()

    def take(self) -> None:
        """Wait for it, once. Raises Django's `OperationalError` after the lock timeout."""
        if not self._taken:
            self._stack.enter_context(transaction.atomic())
            execute(_LOCK, [self._keys])
            self._taken = True

    def handed_in(self, proposal: Proposal, arguments: dict[str, Any]) -> None:
        """Let a proposal count for the request's later ones; `arguments` are of its first suggestion."""
        status = {"auto_approve": "approved", "block": "blocked"}.get(proposal.verdict["verdict"], "pending")
        self._handed_in.append(Earlier(proposal, status, arguments if status == "approved" else None))

    def earlier(self) -> list[Earlier]:
        """What the request handed in so far, without what comes again: that counts where it was stored."""
        new = [e for e in self._handed_in if e.proposal.idempotency_key not in self._looked_up]
        if new:
            keys = [e.proposal.idempotency_key for e in new]
            known = {key for (key,) in execute(_KNOWN, [self.agent_id, keys])}
            self._looked_up |= {key: key in known for key in keys}
        once = {e.proposal.idempotency_key: e for e in reversed(self._handed_in)}
        return [e for key, e in once.items() if not self._looked_up[key]]

    def is_repeated(self, key: str) -> bool:
        """Whether this agent used the idempotency key before: then nothing new comes into being."""
        mine = any(e.proposal.idempotency_key == key for e in self._handed_in)
        return mine or bool(execute(_KNOWN, [self.agent_id, [key]]))


@contextmanager
def one_at_a_time(agent_id: UUID, subjects: Iterable[UUID | None]) -> Iterator[Turn]:
    """A turn that lasts for the block, submission included; an error in it undoes all of it.

    `subjects` are the keys of every subject that the request hands in proposals about.
    """
    with ExitStack() as stack:
        yield Turn(agent_id, subjects, stack)


def lock_history(proposal: Proposal) -> None:
    """Take the turn of a stored proposal's agent and subject until the present transaction ends.

    To be called before any row is locked: a submission waits for rows while it has its turn.
    """
    execute(_LOCK, [sorted(_number(key) for key in keys_of(proposal))])


def turn_of(agent_id: UUID) -> Part:
    """The statement that takes an agent's turn until its transaction ends, for what counts its past alone."""
    return _LOCK_OF_ONE, [_number(agent_id)]


def _number(key: UUID) -> int:
    """For PostgreSQL's advisory locks; two keys that share one only wait for each other."""
    return int.from_bytes(key.bytes[8:], "big", signed=True)
