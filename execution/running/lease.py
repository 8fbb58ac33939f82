"""One worker at a time: a lease with a fencing number, kept in PostgreSQL."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F

from audit.ground.actors import WORKER
from audit.ground.prepared import execute
from audit.log.record import record
from execution.models import Execution
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


class DeadlinePassed(Exception):
    """Nothing may be begun any more."""


class Halted(Exception):
    """A kill switch is on: nothing may be begun now."""


@dataclass(frozen=True)
class Lease:
    """The right to carry out one execution, until it is lost."""

    execution_id: UUID
    fence: int

    def write(self, **changes: Any) -> None:
        """Change the execution while it is ours, and lock it until the commit. Raises `LeaseLost`."""
        mine = Execution.objects.filter(
            pk=self.execution_id, fence=self.fence, status=Execution.Status.RUNNING
        )
        if not mine.update(version=F("version") + 1, **changes):
            raise LeaseLost

    def begin(self) -> None:
        """Renew it for something that begins now: no kill switch is thrown before the commit.

        The first statement of its transaction. Raises `Halted`, and what `renew` raises.
        """
        halts.keep_out()
        self.renew(begins=True)

    def renew(self, *, begins: bool = False) -> None:
        """Hold it for a full lease from now, before something that takes long.

        Raises `LeaseLost`, and `DeadlinePassed` so that a late worker begins nothing.
        """
        held = execute(_RENEW, [float(settings.LEASE_SECONDS), self.execution_id, self.fence])
        if not held:
            raise LeaseLost
        late, halted = held[0]
        if begins and halted:
            raise Halted
        if late:
            raise DeadlinePassed

    def is_held(self) -> bool:
        """Whether it is ours at this moment, by the database's clock: for what can't be taken back."""
        return bool(execute(_HELD_NOW, [self.execution_id, self.fence]))


@transaction.atomic
def take(execution_id: UUID) -> Lease | None:
    """Become the one worker that may carry it out; None when it is not due, halted or another one's."""
    halts.keep_out()
    taken = Execution.objects.take(execution_id, lease_seconds=settings.LEASE_SECONDS)
    if taken is None:
        return None
    fence, proposal = taken
    event = "execution.started" if fence == 1 else "execution.resumed"
    record(event, actor=WORKER, proposal=proposal, data={"execution": str(execution_id), "fence": fence})
    return Lease(execution_id, fence)
