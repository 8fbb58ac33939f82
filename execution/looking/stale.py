"""What was approved rests on what is no longer so: it goes back to its reviewers, and nothing is sent."""

from __future__ import annotations

from collections.abc import Callable

from django.db import transaction

from audit.ground.actors import WORKER, Actor
from audit.ground.canonical import commitment
from audit.log.record import record
from execution.holding import news
from execution.holding.lease import Lease
from execution.looking.premise import Premise
from execution.models import Execution
from suggestions.answering.resolve import lock, unresolve
from suggestions.models import Proposal

# Lets what people decided count no more, and gives them time to decide anew; says whose decisions those were.
Reopen = Callable[[Proposal, Actor], list[str]]
_reopens: list[Reopen] = []


def serve(reopen: Reopen) -> None:
    """Call this one when a proposal goes back: decisions stand a floor above."""
    _reopens[:] = [reopen]


@transaction.atomic
def return_to_reviewers(lease: Lease, execution: Execution, premise: Premise) -> None:
    """Take the approval away, of which nothing was carried out: the proposal waits for people again.

    What they decided stays in the record and does not count any more. The agent is told. Also what the policy
    had let pass goes to people. Raises `LeaseLost`.
    """
    proposal = lock(execution.proposal_id)
    lease.write()  # nobody else has gone on with it
    decisions = [one for reopen in _reopens for one in reopen(proposal, WORKER)]
    facts = {"execution": str(execution.pk), "action_digest": execution.action_digest}
    moved = [one.label for one in premise.moved]
    content = commitment(bytes(proposal.salt), premise.look.moved)
    told = {**facts, "look": str(premise.look.pk), "moved": {"count": len(moved), "content": content}}
    record("execution.stale", actor=WORKER, proposal=proposal.pk, data={**told, "reason": premise.reason})
    Execution.objects.filter(pk=execution.pk).delete()
    news.hint(proposal.pk)
    unresolve(
        proposal,
        actor=WORKER,
        event="proposal.returned_stale",
        data={**facts, "decisions": decisions},
        told={"reason": premise.reason, "moved": moved},
    )
