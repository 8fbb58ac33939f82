"""From a checked body to rows: digests, sentences, risk. Needs no database."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from audit.ground.canonical import digest, new_salt
from audit.ground.ids import uuid7
from audit.ground.refusals import Invalid
from audit.statements.prepared import unsaved
from governance.actions import risk
from governance.actions.catalogue import Entry
from governance.agents import boundaries
from governance.models import Agent
from governance.policies.policy import risk_of
from governance.showing.sentences import sentence
from suggestions.intake.bodies import ProposalBody, SuggestionBody
from suggestions.intake.concerns import concern_of
from suggestions.models import Proposal, Suggestion
from suggestions.past import numbers


def drafted(
    agent: Agent,
    body: ProposalBody,
    known: dict[str, Entry],
    *,
    key: str = "",
    body_digest: str = "",
    traceparent: str = "",
) -> tuple[Proposal, list[Suggestion], list[Entry]]:
    """The rows that a body would become, with the action type of each suggestion, before any verdict.

    Raises `Invalid`. Needs no database.
    """
    entries = _entries(agent, body.suggestions, known)
    proposal = _proposal(agent, body, key=key, body_digest=body_digest, traceparent=traceparent)
    suggestions = [_suggestion(proposal, s, e) for s, e in zip(body.suggestions, entries, strict=True)]
    proposal.numbers = numbers.asked_for(suggestions)
    proposal.concern = concern_of(proposal, suggestions[0], entries[0].type.schema)
    return proposal, suggestions, entries


def _entries(agent: Agent, asked: Sequence[SuggestionBody], known: dict[str, Entry]) -> list[Entry]:
    errors = []
    entries = []
    for index, suggestion in enumerate(asked):
        pointer = f"/suggestions/{index}"
        entry = known.get(suggestion.action)
        if entry is None:
            detail = f"There is no action type {suggestion.action}; GET /api/v1/action-types/ lists them."
            errors.append({"pointer": f"{pointer}/action", "detail": detail})
            continue
        boundaries.check_classes(agent, entry, suggestion.arguments)
        errors += entry.errors(suggestion.arguments, f"{pointer}/arguments")
        entries.append(entry)
    if errors:
        raise Invalid(errors)
    return entries


def _proposal(agent: Agent, body: ProposalBody, *, key: str, body_digest: str, traceparent: str) -> Proposal:
    return unsaved(
        Proposal,
        id=uuid7(),
        agent=agent,
        status=Proposal.Status.PENDING,
        version=1,
        idempotency_key=key,
        body_digest=body_digest,
        title=body.title,
        summary=body.summary,
        subject_type=body.subject.type if body.subject else "",
        subject_id=body.subject.id if body.subject else "",
        context=body.context,
        provenance=body.provenance.model_dump(exclude_defaults=True),
        traceparent=traceparent,
        callback_url=body.callback_url or "",
        revises_id=body.revises,
        salt=new_salt(),
        is_check=False,
    )


def _suggestion(proposal: Proposal, body: SuggestionBody, entry: Entry) -> Suggestion:
    claimed = risk_of(body.risk.level) if body.risk else None
    return unsaved(
        Suggestion,
        id=uuid7(),
        proposal=proposal,
        rank=body.rank,
        action_type=entry.type,
        arguments=body.arguments,
        action_digest=action_digest(entry, body.arguments),
        sentence=sentence(entry.type, body.arguments, found=entry.marks.of(body.arguments)),
        confidence=body.confidence,
        success_probability=body.success_probability,
        risk=risk.counting(claimed, entry.type),
        claimed_risk=claimed,
        risk_indicators=[i.model_dump() for i in body.risk.indicators] if body.risk else [],
        before=body.before,
        explanation=body.explanation,
    )


def action_digest(entry: Entry, arguments: dict[str, Any]) -> str:
    """The name of exactly what would be done: what the reviewer saw is what runs."""
    return digest({"action": entry.type.name, "version": entry.type.version, "arguments": arguments})
