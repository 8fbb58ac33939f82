"""What was approved rests on what is no longer so: it goes back to its reviewers, and nothing is sent."""

from __future__ import annotations

from collections.abc import Callable

from django.db import transaction

from audit.ground.actors import WORKER
from audit.ground.canonical import commitment
from audit.log.record import record
from execution.holding.returning import back_to_reviewers
from execution.looking.premise import Premise
from execution.models import Execution
from suggestions.answering.resolve import lock


@transaction.atomic
def return_to_reviewers(execution: Execution, premise: Premise, *, hold: Callable[[], object]) -> None:
    """Take the approval away, of which nothing was carried out: the proposal waits for people again.

    What they decided stays in the record and does not count any more. The agent is told. Also what the policy
    had let pass goes to people. `hold` locks the execution, and raises where somebody has gone on with it.
    """
    proposal = lock(execution.proposal_id)
    hold()
    moved = [one.label for one in premise.moved]
    content = commitment(bytes(proposal.salt), premise.look.moved)
    facts = {"execution": str(execution.pk), "action_digest": execution.action_digest}
    found = {"look": str(premise.look.pk), "moved": {"count": len(moved), "content": content}}
    data = {**facts, **found, "reason": premise.reason}
    record("execution.stale", actor=WORKER, proposal=proposal.pk, data=data)
    told = {"reason": premise.reason, "moved": moved}
    back_to_reviewers(proposal, execution, actor=WORKER, event="proposal.returned_stale", told=told)
