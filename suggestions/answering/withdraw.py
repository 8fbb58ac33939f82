"""An agent takes a proposal back."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction

from governance.models import Agent
from suggestions.answering.resolve import AlreadyResolved, lock_pending, resolve
from suggestions.models import Proposal, Resolution


@transaction.atomic
def withdraw(proposal_id: UUID, *, agent: Agent, reason: str = "") -> Resolution:
    """Again it changes nothing: the first word stands.

    Raises `AlreadyResolved` where somebody else answered, and `Proposal.DoesNotExist` for another
    agent's proposal too.
    """
    if not Proposal.objects.asked().filter(pk=proposal_id, agent=agent).exists():
        raise Proposal.DoesNotExist
    try:
        proposal = lock_pending(proposal_id)
    except AlreadyResolved as answered:
        if answered.resolution.status == Proposal.Status.WITHDRAWN:
            return answered.resolution
        raise
    return resolve(
        proposal,
        Proposal.Status.WITHDRAWN,
        by=Resolution.By.AGENT,
        actor=agent.as_actor(),
        reason=reason,
    )
