"""Undoing an approval in its grace period, before anything runs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models.functions import Now

from approvals.models import Decision
from audit.actors import Actor
from audit.refusals import Refusal
from execution.models import Execution
from execution.undo import TooLateToUndo, take_away
from governance.models import User
from suggestions.models import Proposal, Resolution
from suggestions.resolve import unresolve


class NotYourApproval(Refusal):
    detail = "Only somebody who approved it can undo that; an operator can cancel its execution."


@transaction.atomic
def undo(proposal_id: UUID, *, reviewer: User, actor: Actor) -> Proposal:
    """Let an approval not have happened: what was to run is taken away, and the proposal waits again.

    The reviewer's own approval stands no longer; those of others do. The agent is told. Raises
    `TooLateToUndo` once the grace period is over, `NotYourApproval`.
    """
    proposal = Proposal.objects.select_for_update(of=("self",)).select_related("agent").get(pk=proposal_id)
    if proposal.status != Proposal.Status.APPROVED or proposal.resolution.by != Resolution.By.HUMAN:
        raise TooLateToUndo("Nothing was approved here that could be undone.")
    own = Decision.objects.filter(
        proposal=proposal,
        reviewer=reviewer,
        standing=True,
        verdict=Decision.Verdict.APPROVE,
        action_digest=proposal.resolution.action_digest,
    ).first()
    if own is None:
        raise NotYourApproval
    take_away(proposal, actor=actor)
    own.standing = False
    own.save(update_fields=["standing"])
    unresolve(proposal, actor=actor, data={"decision": str(own.pk), "action_digest": own.action_digest})
    return proposal


@dataclass(frozen=True, slots=True)
class Undoable:
    """An approval of one's own that can still be undone, until when."""

    proposal: UUID
    sentence: str
    until: datetime


def undoable(reviewer: User) -> list[Undoable]:
    """What this person approved that still can be undone, the soonest to run first."""
    waiting = Execution.objects.filter(
        status=Execution.Status.SCHEDULED,
        fence=0,
        due_at__gt=Now(),
        proposal__resolution__by=Resolution.By.HUMAN,
        proposal__decisions__reviewer=reviewer,
        proposal__decisions__standing=True,
        proposal__decisions__verdict=Decision.Verdict.APPROVE,
    )
    found = waiting.order_by("due_at").select_related("proposal")[:20]
    return [Undoable(e.proposal_id, e.proposal.sentence, e.due_at) for e in found]
