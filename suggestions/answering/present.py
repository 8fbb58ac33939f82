"""A proposal as the API shows it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from audit.ground.prepared import execute
from audit.ground.unseen import shown
from governance.models import Halt, Risk
from governance.trust import halts
from suggestions.answering import resolve
from suggestions.models import Proposal, Resolution, Suggestion

WAITING = ("scheduled", "handed_back")  # executions in which nobody is in the middle of anything


class SuggestionAnswer(BaseModel):
    id: str
    rank: int
    action: str
    version: int
    sentence: str
    arguments: dict[str, Any]
    action_digest: str
    confidence: float | None
    success_probability: float | None
    risk: str


class ResolutionAnswer(BaseModel):
    status: str
    by: str
    actor: str
    at: str
    suggestion: str | None
    arguments: dict[str, Any] | None
    action_digest: str | None
    reason: str


class ProposalAnswer(BaseModel):
    """What the API answers about a proposal."""

    id: str
    status: str
    version: int
    sentence: str = Field(description="What the first suggestion would do, as the server says it.")
    title: str = Field(description="What the agent calls it: its own words.")
    agent: str
    team: str
    teams: list[str]
    priority: int
    risk: str
    created_at: str
    deadline: str
    verdict: dict[str, Any]
    suggestions: list[SuggestionAnswer]
    resolution: ResolutionAnswer | None
    execution: dict[str, Any] | None
    held: bool = Field(False, description="A kill switch is on: nothing of it is carried out now.")
    held_reason: str | None = None
    undo_until: str | None = Field(
        None, description="Approved, and can be undone until then: nothing is carried out before."
    )
    links: dict[str, str]


class ProposalPage(BaseModel):
    proposals: list[ProposalAnswer]
    next: str | None


def presented(
    proposal: Proposal,
    suggestions: Iterable[Suggestion],
    *,
    on: Sequence[Halt] | None = None,
    now: datetime | None = None,
) -> dict[str, Any]:
    """The present state, in the form of `ProposalAnswer`.

    `on` are the kill switches, and `now` is the database's time: asked for where they are not known.
    """
    ranked = list(suggestions)
    resolution = getattr(proposal, "resolution", None) if proposal.status != "pending" else None
    execution = getattr(proposal, "execution", None) if proposal.status == "approved" else None
    halt = halt_of(proposal, ranked, on=halts.on() if on is None else on)
    answer = _fixed(proposal, ranked)
    answer["status"] = proposal.status
    answer["version"] = proposal.version
    answer["resolution"] = resolve.presented(resolution) if resolution else None
    answer["execution"] = {"id": str(execution.pk), "status": execution.status} if execution else None
    answer["held"] = halt is not None
    answer["held_reason"] = halt.sentence if halt else None
    if answer["execution"]:
        answer["execution"]["held"] = halt is not None
        answer["undo_until"] = _undo_until(resolution, execution, now)
    return answer


def _undo_until(resolution: Resolution | None, execution: Any, now: datetime | None) -> str | None:
    """The end of the grace period that runs; only what a person approved has one."""
    if resolution is None or resolution.by != Resolution.By.HUMAN:
        return None
    if execution.status != "scheduled" or execution.fence or execution.due_at <= execution.created_at:
        return None
    if now is None:
        [(now,)] = execute("SELECT statement_timestamp()", [])
    return execution.due_at.isoformat() if execution.due_at > now else None


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


def first_answer(proposal: Proposal, suggestions: Iterable[Suggestion]) -> dict[str, Any]:
    """What the submission was answered, computed from what never changes: a replay gets the same."""
    status = {"review": "pending", "block": "blocked", "auto_approve": "approved"}
    answer = _fixed(proposal, suggestions)
    answer["status"] = status[proposal.verdict["verdict"]]
    answer["version"] = 1
    answer["resolution"] = None if answer["status"] == "pending" else resolve.presented(proposal.resolution)
    answer["execution"] = None
    return answer


def _fixed(proposal: Proposal, suggestions: Iterable[Suggestion]) -> dict[str, Any]:
    address = f"/api/v1/proposals/{proposal.pk}/"
    return {
        "id": str(proposal.pk),
        "status": "",
        "version": 0,
        "sentence": shown(proposal.sentence),
        "title": proposal.title,
        "agent": proposal.agent.name,
        "team": proposal.team_id,
        "teams": proposal.teams,
        "priority": proposal.priority,
        "risk": Risk(proposal.risk).label,
        "created_at": proposal.created_at.isoformat(),
        "deadline": proposal.deadline.isoformat(),
        "verdict": proposal.verdict,
        "suggestions": [_suggestion(s) for s in suggestions],
        "resolution": None,
        "execution": None,
        "held": False,
        "held_reason": None,
        "undo_until": None,
        "links": {
            "self": address,
            "execution": f"{address}execution/",
            "withdraw": f"{address}withdraw/",
            "page": f"/queue/{proposal.pk}/",
        },
    }


def _suggestion(suggestion: Suggestion) -> dict[str, Any]:
    return {
        "id": str(suggestion.pk),
        "rank": suggestion.rank,
        "action": suggestion.action_type.name,
        "version": suggestion.action_type.version,
        "sentence": shown(suggestion.sentence),
        "arguments": suggestion.arguments,
        "action_digest": suggestion.action_digest,
        "confidence": suggestion.confidence,
        "success_probability": suggestion.success_probability,
        "risk": Risk(suggestion.risk).label,
    }
