"""Undoing an approval in its grace period, before anything runs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import DurationField, ExpressionWrapper, F
from django.db.models.functions import Now

from approvals.deciding import second
from approvals.models import Decision
from audit.ground.actors import Actor
from audit.ground.refusals import Refusal
from execution.models import Execution
from execution.running.undo import TooLateToUndo, take_away
from governance.models import User
from suggestions.answering.resolve import lock, unresolve
from suggestions.models import Proposal, Resolution

MOST = 200  # approvals in their grace period, of one person, that are shown


class NotYourApproval(Refusal):
    detail = "Only somebody who approved it can undo that; an operator can cancel its execution."


@transaction.atomic
def undo(proposal_id: UUID, *, reviewer: User, actor: Actor) -> Proposal:
    """Let an approval not have happened: what was to run is taken away, and the proposal waits again.

    The reviewer's own approval stands no longer; those of others do. The agent is told. Raises
    `TooLateToUndo` once the grace period is over, `NotYourApproval`.
    """
    proposal = lock(proposal_id)
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
    second.let_go(proposal, actor=actor)
    unresolve(proposal, actor=actor, data={"decision": str(own.pk), "action_digest": own.action_digest})
    return proposal


@dataclass(frozen=True, slots=True)
class Undoable:
    """An approval of one's own that can still be undone, until when; `left` in seconds by the
    database's clock, at the moment it was asked."""

    proposal: UUID
    sentence: str
    until: datetime
    left: float


def undoable(reviewer: User, *, proposal: Proposal | None = None) -> list[Undoable]:
    """What this person approved that still can be undone, what they said last first.

    With `proposal` that one alone.
    """
    own = Decision.objects.filter(
        reviewer=reviewer,
        standing=True,
        verdict=Decision.Verdict.APPROVE,
        proposal__status=Proposal.Status.APPROVED,
        proposal__resolution__by=Resolution.By.HUMAN,
        proposal__resolution__action_digest=F("action_digest"),
        proposal__execution__status=Execution.Status.SCHEDULED,
        proposal__execution__fence=0,
        proposal__execution__due_at__gt=Now(),
    )
    if proposal is not None:
        own = own.filter(proposal=proposal)
    until = F("proposal__execution__due_at")
    found = own.annotate(until=until, left=ExpressionWrapper(until - Now(), DurationField()))
    rows = found.select_related("proposal__resolution").order_by("-at", "-pk")[:MOST]
    return [
        Undoable(
            d.proposal_id,
            d.proposal.resolution.sentence or d.proposal.sentence,
            d.until,
            d.left.total_seconds(),  # type: ignore[attr-defined]
        )
        for d in rows
    ]
