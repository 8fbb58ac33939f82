"""Carrying out what was approved."""

from __future__ import annotations

import time
from functools import partial
from itertools import cycle
from uuid import UUID

import structlog
from celery.exceptions import SoftTimeLimitExceeded
from django.db import Error

from audit.ground import stopping
from execution.holding.lease import LeaseLost, take
from execution.holding.outbox import EXECUTIONS, URGENT
from execution.models.executions import Next
from execution.running.turn import Take, Turn

SECONDS = 0.2  # of going on, after which what waits in other queues has its turn
_log = structlog.get_logger(__name__)


def run(execution_id: UUID) -> None:
    """Carry out an approved suggestion, once, as far as it goes now.

    Safe to call twice and at the same time: one call holds the lease, the others find nothing to
    take. Everything that must survive a kill is in rows: completed steps and successful attempts
    are not repeated, waits are due times, an attempt that was cut off counts as unknown. A worker
    that lost its lease stops without writing anything. Where a kill switch is on nothing begins:
    what was in the middle of an attempt finishes that and waits.
    """
    _run(partial(take, execution_id))


def run_what_is_due(execution_id: UUID, *, urgent: bool = False) -> None:
    """Carry this one out, and go on with what is due, until nothing is or others have waited long enough.

    So a backlog needs few messages. What comes first is what a worker that is gone left in the middle, then
    what is most urgent, and of that what has been due longest; every fourth is what has been due longest of
    all, so that nothing waits for ever.
    """
    until = time.monotonic() + SECONDS
    run(execution_id)
    while time.monotonic() < until and not stopping.is_asked():
        if not run_next(Next.URGENT if urgent else next(_TURNS)):
            return
    (URGENT if urgent else EXECUTIONS).tell(execution_id)


_TURNS = cycle([Next.BY_PRIORITY] * 3 + [Next.OLDEST])  # goes on from message to message


def run_next(which: Next = Next.BY_PRIORITY) -> bool:
    """`run` for one that is due; False where none is."""
    return _run(partial(take, which))


def _run(take: Take) -> bool:
    turn = Turn(take)
    try:
        turn.go()
    except LeaseLost:
        _log.warning("lease lost", execution=str(turn.lease.execution_id), fence=turn.lease.fence)
    except (Error, SoftTimeLimitExceeded):
        # The database is away or silent: the lease runs out, and whoever takes it next goes on. An attempt
        # that was cut off counts as unknown there, and nothing else needs a person.
        raise
    except Exception as error:
        turn.give_up(f"The worker failed: {type(error).__name__}.")
        raise
    return turn.has_taken
