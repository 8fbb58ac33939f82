"""An approval of which nothing was carried out is taken away: its proposal goes back to its reviewers.

Decisions stand a floor above, which serves what has to be done with them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from audit.ground.actors import Actor
from execution.holding import news
from execution.models import Execution
from suggestions.answering.resolve import unresolve
from suggestions.models import Proposal, Suggestion


@dataclass(frozen=True)
class Deciders:
    """What is asked of those who decide, about a locked proposal.

    `come_back` lets what people decided count no more, and gives them time to decide anew; it says whose
    decisions those were. `admit` says the digest of edited arguments that may be approved, and raises what
    the policy asks for: it refuses as an edit on the desk is refused.
    """

    come_back: Callable[[Proposal, Actor], list[str]]
    admit: Callable[[Proposal, Suggestion, dict[str, Any]], str]


_served: list[Deciders] = []


def serve(deciders: Deciders) -> None:
    """Call these when a proposal goes back."""
    _served[:] = [deciders]


def deciders() -> Deciders:
    [served] = _served
    return served


def back_to_reviewers(
    proposal: Proposal, execution: Execution, *, actor: Actor, event: str, told: dict[str, Any]
) -> None:
    """Take an execution away, and let its locked proposal wait for people again; also what had passed.

    What they decided stays in the record and does not count any more. The agent is told of the `event`.
    """
    decisions = deciders().come_back(proposal, actor)
    Execution.objects.filter(pk=execution.pk).delete()
    news.hint(proposal.pk)
    facts = {"execution": str(execution.pk), "action_digest": execution.action_digest}
    due = {"deadline": proposal.deadline.isoformat()}
    unresolve(proposal, actor=actor, event=event, data={**facts, "decisions": decisions, **due}, told=told)
