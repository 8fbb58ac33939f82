"""What a policy may look at, put together from a proposal before anybody decided."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from audit.ground.canonical import canonical
from governance.actions.catalogue import Entry
from governance.expressions import past
from governance.expressions.agreement import agrees
from governance.expressions.known_facts import NO_LOOK
from governance.models import Agent, Risk
from governance.trust.passing import Circumstances
from suggestions.models import Proposal, Suggestion


def facts_of(
    agent: Agent,
    proposal: Proposal,
    suggestion: Suggestion,
    entry: Entry,
    circumstances: Circumstances,
    *,
    stage: int,
    now: datetime | None = None,
    look: Mapping[str, Any] = NO_LOOK,
) -> dict[str, Any]:
    """The facts about one suggestion, under the names of `governance.policies.policy.VARIABLES`.

    What the agent left out reads as 0 or empty: a rule that needs it then does not pass.
    """
    return {
        **facts_of_proposal(proposal, circumstances, now=now),
        **facts_of_suggestion(agent, suggestion, entry, stage=stage, look=look),
    }


def facts_of_proposal(
    proposal: Proposal, circumstances: Circumstances, *, now: datetime | None = None
) -> dict[str, Any]:
    """Those that all suggestions of a proposal share."""
    stated = proposal.provenance.get("deployment", "")
    return {
        "proposal": {"title": proposal.title, "summary": proposal.summary, "context": proposal.context},
        "subject": {"type": proposal.subject_type, "id": proposal.subject_id},
        "deployment": {"label": stated, "registered": bool(stated) and stated == circumstances.deployment},
        "history": past.FACT,
        "user_text": _said_by(proposal.context, "user"),
        "agreed_text": _agreed_to(proposal.context),
        "tool_text": _said_by(proposal.context, "tool"),
        "now": now or datetime.now(UTC),
    }


def facts_of_suggestion(
    agent: Agent, suggestion: Suggestion, entry: Entry, *, stage: int, look: Mapping[str, Any] = NO_LOOK
) -> dict[str, Any]:
    """Those that differ from one suggestion to the next; `look` is what a service said is there now."""
    action_type = entry.type
    claimed = suggestion.claimed_risk
    return {
        "suggestion": {
            "rank": suggestion.rank,
            "confidence": float(suggestion.confidence or 0),
            "success_probability": float(suggestion.success_probability or 0),
            "explanation": suggestion.explanation,
        },
        "action": {
            "name": action_type.name,
            "version": action_type.version,
            "reversibility": action_type.reversibility,
            "data_classes": sorted(entry.touched(suggestion.arguments)),
            **action_type.annotations,
        },
        "args": suggestion.arguments,
        "look": look,
        "risk": {
            "level": Risk(suggestion.risk).label,
            "claimed": Risk(claimed).label if claimed is not None else "",
            "indicators": [indicator["code"] for indicator in suggestion.risk_indicators],
        },
        "agent": {"name": agent.name, "stage": stage},
    }


def _said_by(context: dict[str, Any], role: str) -> str:
    """What one side of the conversation said, a line each; structured content as JSON."""
    said = [m.get("content") for m in _messages(context) if m.get("role") == role]
    return "\n".join(text if isinstance(text, str) else canonical(text).decode() for text in said if text)


def _agreed_to(context: dict[str, Any]) -> str:
    """What the agent said just before the user's last words, where those plainly agree to it."""
    messages = _messages(context)
    last = next((n for n in reversed(range(len(messages))) if messages[n].get("role") == "user"), 0)
    asked = messages[last - 1] if last else {}
    question, answer = asked.get("content"), messages[last].get("content") if last else None
    if asked.get("role") != "assistant" or not isinstance(question, str) or not isinstance(answer, str):
        return ""
    return question if agrees(answer, question) else ""


def _messages(context: dict[str, Any]) -> list[dict[str, Any]]:
    messages = context.get("messages")
    return [m for m in messages if isinstance(m, dict)] if isinstance(messages, list) else []
