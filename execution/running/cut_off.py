"""Attempts that somebody was in the middle of when their time was over."""

from __future__ import annotations

from django.db.models.functions import Now

from audit.ground.actors import Actor
from audit.log.record import record
from execution.models import Attempt, Execution


def close(execution: Execution, *, actor: Actor) -> int:
    """Call the outcome of every open attempt unknown, in the transaction that goes on without it.

    Whoever was in the middle has to have lost the lease. Returns how many there were.
    """
    left_open = Attempt.objects.filter(step__execution=execution, outcome=Attempt.Outcome.OPEN)
    found = list(left_open.select_related("step"))
    for attempt in found:
        attempt.outcome = Attempt.Outcome.UNKNOWN
        attempt.detail = _said(attempt)
        attempt.finished_at = Now()
        attempt.save(update_fields=["outcome", "detail", "finished_at"])
        data = {
            "execution": str(execution.pk),
            "step": attempt.step.name,
            "attempt": attempt.number,
            "route": attempt.route,
            "fence": attempt.fence,
            "outcome": attempt.outcome,
        }
        record("attempt.finished", actor=actor, proposal=execution.proposal_id, data=data)
    return len(found)


def _said(attempt: Attempt) -> str:
    if attempt.token_digest:
        return f"Begun by {attempt.begun_by}, and not reported while the lease ran."
    return "The worker was cut off in the middle of it."
