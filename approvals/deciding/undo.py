"""Undoing an approval in its grace period, before anything runs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction

from approvals.deciding import due_times, second
from approvals.models import Decision
from audit.ground.actors import Actor
from audit.ground.refusals import Refusal
from audit.statements.prepared import execute
from execution.running.undo import TooLateToUndo, take_away
from governance.models import User
from suggestions.answering.resolve import lock, unresolve
from suggestions.intake import samples
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


def come_back(proposal: Proposal, actor: Actor) -> list[str]:
    """Let what was decided on a locked proposal count no more, for what it rested on has moved, and give
    people time to decide anew. Returns the ids of the decisions, which stay in the record."""
    decided = Decision.objects.filter(proposal=proposal, standing=True)
    ids = [str(pk) for pk in decided.order_by("at").values_list("pk", flat=True)]
    decided.update(standing=False, stale=True)
    second.let_go(proposal, actor=actor)
    samples.let_go(proposal, actor=actor)
    due_times.begin_anew(proposal)
    return ids


@dataclass(frozen=True, slots=True)
class Undoable:
    """An approval of one's own that can still be undone, until when; `left` in seconds by the
    database's clock, at the moment it was asked."""

    proposal: UUID
    sentence: str
    until: datetime
    left: float

    @classmethod
    def read(cls, proposal: str, sentence: str, until: str, left: float) -> Undoable:
        """As a row of `UNDOABLE` comes in JSON."""
        return cls(UUID(proposal), sentence, datetime.fromisoformat(until), left)


def undoable(reviewer: User, *, proposal: Proposal | None = None) -> list[Undoable]:
    """What this person approved that still can be undone, what they said last first.

    With `proposal` that one alone.
    """
    asked = {"reader": reviewer.pk, "proposal": proposal and proposal.pk}
    return [Undoable(*row) for row in execute(UNDOABLE, asked)]


UNDOABLE = f"""
SELECT p.id, coalesce(nullif(r.sentence, ''), p.sentence), e.due_at,
       extract(epoch FROM e.due_at - statement_timestamp())::double precision
  FROM approvals_decision d
  JOIN suggestions_proposal p ON p.id = d.proposal_id
  JOIN suggestions_resolution r ON r.proposal_id = p.id
  JOIN execution_execution e ON e.proposal_id = p.id
 WHERE d.reviewer_id = %(reader)s AND d.standing AND d.verdict = 'approve' AND p.status = 'approved'
   AND r.by = 'human' AND r.action_digest = d.action_digest
   AND (%(proposal)s::uuid IS NULL OR p.id = %(proposal)s)
   AND e.status = 'scheduled' AND e.fence = 0 AND e.due_at > statement_timestamp()
 ORDER BY d.at DESC, d.id DESC LIMIT {MOST}
"""
