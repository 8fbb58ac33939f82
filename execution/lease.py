"""One worker at a time: a lease with a fencing number, kept in PostgreSQL."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from audit.actors import WORKER
from audit.record import record
from execution.models import Execution


class LeaseLost(Exception):
    """Another worker holds it now, or a person or timer has ended it. Write nothing."""


class DeadlinePassed(Exception):
    """Nothing may be begun any more."""


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

    def renew(self) -> None:
        """Hold it for a full lease from now, before something that takes long.

        Raises `LeaseLost`, and `DeadlinePassed` so that a late worker begins nothing.
        """
        self.write(lease_until=Now() + timedelta(seconds=settings.LEASE_SECONDS))
        if Execution.objects.filter(pk=self.execution_id, deadline__lte=Now()).exists():
            raise DeadlinePassed


@transaction.atomic
def take(execution_id: UUID) -> Lease | None:
    """Become the one worker that may carry it out; None when it is not due or another one's."""
    fence = Execution.objects.take(execution_id, lease_seconds=settings.LEASE_SECONDS)
    if fence is None:
        return None
    proposal = Execution.objects.values_list("proposal_id", flat=True).get(pk=execution_id)
    event = "execution.started" if fence == 1 else "execution.resumed"
    record(event, actor=WORKER, proposal=proposal, data={"execution": str(execution_id), "fence": fence})
    return Lease(execution_id, fence)
