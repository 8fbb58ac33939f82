"""One worker at a time: a lease with a fencing number, kept in PostgreSQL."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F

from audit.ground.actors import WORKER
from audit.log.record import record
from audit.statements.prepared import execute
from execution.models import Execution
from execution.models.executions import Next
from governance.trust import halts

_RENEW = f"""
UPDATE execution_execution e
   SET version = version + 1, lease_until = statement_timestamp() + make_interval(secs => %s)
 WHERE id = %s AND fence = %s AND status = 'running'
RETURNING deadline <= statement_timestamp(), {halts.HELD}
"""

_HELD_NOW = """
SELECT 1 FROM execution_execution
 WHERE id = %s AND fence = %s AND status = 'running' AND lease_until > statement_timestamp()
"""


class LeaseLost(Exception):
    """Another worker holds it now, or a person or timer has ended it. Write nothing."""


@dataclass(frozen=True)
class Lease:
    """The right to carry out one execution, from `take` on until it is lost.

    When it was taken or renewed, `is_late` said that the deadline had passed, and `is_halted` that a kill
    switch was on: then nothing may begin.
    """

    execution_id: UUID
    fence: int
    is_late: bool = False
    is_halted: bool = False

    def write(self, **changes: Any) -> None:
        """Change the execution while it is ours, and lock it until the commit. Raises `LeaseLost`."""
        mine = Execution.objects.filter(
            pk=self.execution_id, fence=self.fence, status=Execution.Status.RUNNING
        )
        if not mine.update(version=F("version") + 1, **changes):
            raise LeaseLost

    def renew(self) -> Lease:
        """Hold it for a full lease from now; no kill switch is thrown before the commit.

        The first statements of their transaction. Raises `LeaseLost`.
        """
        values = [float(settings.LEASE_SECONDS), self.execution_id, self.fence]
        held = execute(_RENEW, values, after=halts.KEEPING_OUT)
        if not held:
            raise LeaseLost
        return Lease(self.execution_id, self.fence, *held[0])

    def is_held(self) -> bool:
        """Whether it is ours at this moment, by the database's clock: for what can't be taken back."""
        return bool(execute(_HELD_NOW, [self.execution_id, self.fence]))


@transaction.atomic(savepoint=False)
def take(which: UUID | Next = Next.BY_PRIORITY) -> Lease | None:
    """Become the one worker that may carry it out; None when it is not due, halted or another one's.

    Without an id it is one of those that nobody else is about to take. No kill switch is thrown before
    the commit.
    """
    taken = Execution.objects.take(which, lease_seconds=settings.LEASE_SECONDS)
    if taken is None:
        return None
    event = "execution.started" if taken.fence == 1 else "execution.resumed"
    data = {"execution": str(taken.execution), "fence": taken.fence}
    record(event, actor=WORKER, proposal=taken.proposal, data=data)
    return Lease(taken.execution, taken.fence, is_late=taken.is_late)
