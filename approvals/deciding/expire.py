"""Silence never approves: what nobody decided in time expires."""

from __future__ import annotations

from django.db import transaction

from audit.ground.actors import TIMER
from suggestions.answering.resolve import resolve
from suggestions.models import Proposal, Resolution
from suggestions.past import rollups

AT_ONCE = 200


def expire_overdue() -> int:
    """Expire what is overdue by the database's clock; returns how many. Many may run at once."""
    expired = 0
    while batch := _expire_some():
        expired += batch
    return expired


@transaction.atomic
def _expire_some() -> int:
    overdue = (
        Proposal.objects.overdue()
        .select_related("agent")
        .select_for_update(of=("self",), skip_locked=True)
        .order_by("deadline")[:AT_ONCE]
    )
    proposals = list(overdue)
    for proposal in proposals:
        rollups.hold(proposal)
        resolve(
            proposal,
            Proposal.Status.EXPIRED,
            by=Resolution.By.TIMER,
            actor=TIMER,
            reason="Nobody decided in time.",
        )
    return len(proposals)
