"""What an agent sent along: the conversation, and the rest as it came."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from approvals.showing.arguments import as_text
from audit.ground.unseen import Piece, pieces
from governance.models import Halt
from suggestions.answering.present import presented
from suggestions.models import Proposal, Suggestion

ROLES = ("user", "assistant", "tool", "system")


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of the conversation that the agent sent along."""

    role: str
    pieces: list[Piece]


def take_messages(context: dict[str, Any]) -> list[Message]:
    """The conversation in the context, taken out of it; none where it has another form."""
    found = context.get("messages")
    if not isinstance(found, list) or not all(isinstance(m, dict) for m in found):
        return []
    context.pop("messages")
    return [_message(m) for m in found]


def _message(message: dict[str, Any]) -> Message:
    role = message.get("role")
    content = message.get("content")
    rest = {name: value for name, value in message.items() if name not in ("role", "content")}
    if role not in ROLES:
        rest = {"role": role, **rest}
    parts = [as_text(content)] if content else []
    parts += [as_json(rest)] if rest else []
    return Message(role if role in ROLES else "other", pieces("\n".join(parts)))


def raw_of(proposal: Proposal, suggestions: Sequence[Suggestion], *, on: Sequence[Halt]) -> dict[str, Any]:
    """All of it as it came and as the API tells it; `on` are the kill switches."""
    return {
        **presented(proposal, suggestions, on=on).as_json(),
        "title": proposal.title,
        "summary": proposal.summary,
        "subject": {"type": proposal.subject_type, "id": proposal.subject_id},
        "context": proposal.context,
        "provenance": proposal.provenance,
        "revises": str(proposal.revises_id) if proposal.revises_id else None,
        "said_of_suggestions": [
            {
                "rank": s.rank,
                "before": s.before,
                "risk_indicators": s.risk_indicators,
                "explanation": s.explanation,
            }
            for s in suggestions
        ],
    }


def as_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2, default=str)
