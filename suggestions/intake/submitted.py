"""The event of a proposal that is handed in: what the log keeps of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from audit.ground.canonical import commitment
from audit.log.record import compose
from governance.models import Risk
from suggestions.models import Proposal, Suggestion

_TO_COME = '"deadline":"'  # no other field that comes before it in the order of names could hold this
EventParts = tuple[str, str, str]


def event_of(proposal: Proposal, suggestions: list[Suggestion]) -> EventParts:
    """The event as `compose` makes it, for the statement that stores the proposal.

    In three parts: between them the database puts its time, and the deadline that it makes of it.
    """
    told = {**told_of(proposal, suggestions), "deadline": ""}
    before, rest = compose(
        "proposal.submitted", actor=proposal.agent.as_actor(), proposal=proposal.pk, data=told
    )
    between, mark, after = rest.partition(_TO_COME)
    return before, between + mark, after


def told_of(proposal: Proposal, suggestions: list[Suggestion]) -> dict[str, Any]:
    """What the log keeps: versions, digests and a commitment, none of the content."""
    return {
        "suggestions": [
            {
                "rank": s.rank,
                "action": s.action_type.name,
                "version": s.action_type.version,
                "action_digest": s.action_digest,
            }
            for s in suggestions
        ],
        "content": commitment(bytes(proposal.salt), content_of(proposal, suggestions)),
        "risk": Risk(proposal.risk).label,
        "policy": proposal.policy_id,
        "verdict": proposal.verdict["verdict"],
        "rules": [rule["name"] for rule in proposal.verdict["rules"]],
        "teams": proposal.teams,
        "approvals": proposal.approvals_needed,
        "four_eyes": proposal.verdict.get("four_eyes", proposal.approvals_needed > 1),
    }


def content_of(proposal: Proposal, suggestions: Sequence[Suggestion]) -> dict[str, Any]:
    """Everything personal or free in a proposal: what the event's commitment is over."""
    return {
        "title": proposal.title,
        "summary": proposal.summary,
        "subject": [proposal.subject_type, proposal.subject_id],
        "context": proposal.context,
        "suggestions": [[s.arguments, s.before, s.risk_indicators, s.explanation] for s in suggestions],
    }
