"""A proposal as the API shows it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from audit.ground.unseen import shown
from audit.statements.prepared import execute
from governance.models import Halt, Risk
from governance.trust import halts
from suggestions.answering import resolve
from suggestions.answering.answers import (
    ExecutionInShort,
    ProposalAnswer,
    ProposalLinks,
    SuggestionAnswer,
)
from suggestions.answering.read import Standing
from suggestions.models import Proposal, Resolution, Suggestion

WAITING = ("scheduled", "handed_back")  # executions in which nobody is in the middle of anything


def presented(
    proposal: Proposal,
    suggestions: Iterable[Suggestion],
    *,
    on: Sequence[Halt] | None = None,
    now: datetime | None = None,
) -> ProposalAnswer:
    """The present state. `on` are the kill switches, and `now` is the database's time: asked for where
    they are not known.
    """
    ranked = list(suggestions)
    resolution = getattr(proposal, "resolution", None) if proposal.status != "pending" else None
    execution = getattr(proposal, "execution", None) if proposal.status == "approved" else None
    halt = halt_of(proposal, ranked, on=halts.on() if on is None else on)
    return _answer(
        proposal,
        ranked,
        status=proposal.status,
        version=proposal.version,
        resolution=resolution,
        execution=execution,
        halt=halt,
        undo_until=_undo_until(resolution, execution, now),
    )


def all_presented(found: Sequence[Standing]) -> list[ProposalAnswer]:
    """The present state of each, as one list; which kill switches are on is asked only where any is."""
    on = halts.on() if any(one.halted for one in found) else []
    return [presented(one.proposal, one.suggestions, on=on, now=one.now) for one in found]


def _undo_until(resolution: Resolution | None, execution: Any, now: datetime | None) -> datetime | None:
    """The end of the grace period that runs; only what a person approved has one."""
    if resolution is None or execution is None or resolution.by != Resolution.By.HUMAN:
        return None
    if execution.status != "scheduled" or execution.fence or execution.due_at <= execution.created_at:
        return None
    if now is None:
        [(now,)] = execute("SELECT statement_timestamp()", [])
    ends: datetime = execution.due_at
    return ends if ends > now else None


def halt_of(proposal: Proposal, suggestions: Iterable[Suggestion], *, on: Sequence[Halt]) -> Halt | None:
    """The kill switch that holds a proposal: its approved suggestion, or while it waits its first one."""
    if not on or proposal.status not in ("pending", "approved"):
        return None
    resolution = getattr(proposal, "resolution", None) if proposal.status == "approved" else None
    execution = getattr(proposal, "execution", None) if proposal.status == "approved" else None
    if execution is not None and execution.status not in WAITING:
        return None
    approved = [s for s in suggestions if resolution and s.pk == resolution.suggestion_id]
    action = approved[0].action_type.name if approved else proposal.action
    return next((halt for halt in on if halt.stops(proposal.agent_id, action)), None)


def first_answer(proposal: Proposal, suggestions: Iterable[Suggestion]) -> ProposalAnswer:
    """What the submission was answered, computed from what never changes: a replay gets the same.

    But for what had passed and came back to people, since what it rested on had moved: that waits.
    """
    verdict = proposal.verdict["verdict"]
    resolution = None if verdict == "review" else getattr(proposal, "resolution", None)
    if verdict == "auto_approve" and resolution is None:
        verdict = "review"
    return _answer(
        proposal,
        suggestions,
        status={"review": "pending", "block": "blocked", "auto_approve": "approved"}[verdict],
        version=1,
        resolution=resolution,
    )


def _answer(
    proposal: Proposal,
    suggestions: Iterable[Suggestion],
    *,
    status: str,
    version: int,
    resolution: Resolution | None,
    execution: Any = None,
    halt: Halt | None = None,
    undo_until: datetime | None = None,
) -> ProposalAnswer:
    address = f"/api/v1/proposals/{proposal.pk}/"
    held = halt is not None
    under_way = execution and ExecutionInShort(id=execution.pk, status=execution.status, held=held)
    return ProposalAnswer(
        id=proposal.pk,
        status=status,
        version=version,
        sentence=shown(proposal.sentence),
        title=proposal.title,
        agent=proposal.agent.name,
        team=proposal.team_id,
        teams=proposal.teams,
        priority=proposal.priority,
        risk=Risk(proposal.risk).label,
        created_at=proposal.created_at,
        deadline=proposal.deadline,
        verdict=proposal.verdict,
        suggestions=[_suggestion(s) for s in suggestions],
        resolution=resolve.presented(resolution) if resolution else None,
        execution=under_way,
        held=held,
        held_reason=halt.sentence if halt else None,
        undo_until=undo_until,
        links=ProposalLinks(
            self=address,
            execution=f"{address}execution/",
            withdraw=f"{address}withdraw/",
            page=f"/queue/{proposal.pk}/",
        ),
    )


def _suggestion(suggestion: Suggestion) -> SuggestionAnswer:
    return SuggestionAnswer(
        id=suggestion.pk,
        rank=suggestion.rank,
        action=suggestion.action_type.name,
        version=suggestion.action_type.version,
        sentence=shown(suggestion.sentence),
        arguments=suggestion.arguments,
        action_digest=suggestion.action_digest,
        confidence=suggestion.confidence,
        success_probability=suggestion.success_probability,
        risk=Risk(suggestion.risk).label,
    )
