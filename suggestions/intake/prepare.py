"""From a checked body to what will be stored: drafted, judged, with its event. Writes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog

from audit.ground.canonical import commitment
from audit.ground.refusals import Invalid
from audit.log.record import compose
from governance.actions import catalogue
from governance.actions.catalogue import Entry
from governance.agents import boundaries
from governance.door.authentication import AgentCaller
from governance.models import Agent, Risk
from governance.policies.verdict import Verdict
from suggestions.allowance import budgets
from suggestions.intake import asking_again
from suggestions.intake.bodies import ProposalBody
from suggestions.intake.draft import drafted
from suggestions.intake.glance import glance
from suggestions.intake.judge import judged, standing_verdict
from suggestions.intake.shadow import Difference, difference, failed, unharmed
from suggestions.models import Proposal, Suggestion
from suggestions.past.answers import Past
from suggestions.past.locks import Turn

_log = structlog.get_logger(__name__)


@dataclass
class Prepared:
    """A proposal as it will be stored, with its event; `expires_at` is the agent's own limit.

    `fingerprints` name what each suggestion asks for; `cleared` are rejected proposals that this
    one revises in a way that matters; `beside` is what the policy in the shadow says otherwise.
    """

    proposal: Proposal
    suggestions: list[Suggestion]
    decide_within: float
    expires_at: datetime | None
    event: tuple[str, str]
    fingerprints: list[str]
    cleared: list[UUID]
    beside: Difference | None = None


def prepare(
    caller: AgentCaller,
    body: ProposalBody,
    *,
    key: str,
    body_digest: str,
    traceparent: str = "",
    turn: Turn | None = None,
) -> Prepared:
    """Check a body against boundaries, schemas and policy.

    Raises a `BoundaryHit` that names the boundary, or `Invalid` naming each field. The
    policy's verdict is in the proposal; nothing is stored yet. With a `turn`, what the policy
    asks of the past is exact: see `suggestions.past.locks`.
    """
    agent = caller.agent
    _check_boundaries(caller, body)
    _check_end(caller, body, key)
    known = catalogue.at(caller.newest_action_type)
    proposal, suggestions, entries = drafted(
        agent, body, known, key=key, body_digest=body_digest, traceparent=traceparent
    )
    _check_revised(agent, body)
    past = Past.of(proposal, turn=turn)
    budgets.check(proposal, suggestions, past=past, turn=turn)
    unjudged = [copy(s) for s in suggestions] if caller.shadow else []
    verdict = judged(caller.policy, proposal, suggestions, entries, caller.circumstances, past=past)
    beside = _in_the_shadow(caller, proposal, unjudged, entries, verdict) if caller.shadow else None
    if caller.standing and verdict.verdict == "review":
        verdict = standing_verdict(caller, verdict, proposal, suggestions, entries)
    first = suggestions[0]
    proposal.policy_id = caller.policy
    proposal.shadow_id = caller.shadow
    proposal.verdict = verdict.as_json()
    proposal.team_id = verdict.team
    proposal.also_teams = [team for team in verdict.teams if team != verdict.team]
    proposal.priority = verdict.priority
    proposal.approvals_needed = verdict.approvals
    proposal.risk = max(s.risk for s in suggestions)
    proposal.action = first.action_type.name
    proposal.sentence = first.sentence
    proposal.glance = glance(proposal, first)
    event = _event(proposal, suggestions)
    if turn:
        turn.handed_in(proposal, first.arguments)
    fingerprints = asking_again.fingerprints(proposal, suggestions)
    cleared = asking_again.cleared_by(proposal, suggestions) if body.revises else []
    return Prepared(
        proposal, suggestions, verdict.decide_within, body.expires_at, event, fingerprints, cleared, beside
    )


def _in_the_shadow(
    caller: AgentCaller,
    proposal: Proposal,
    suggestions: Sequence[Suggestion],
    entries: Sequence[Entry],
    verdict: Verdict,
) -> Difference | None:
    """What the policy in the shadow says otherwise. Whatever goes wrong there, the submission goes on.

    It waits for no turn: what it asks of the past is as exact as can be had without.
    """
    if caller.shadow is None or caller.shadow == caller.policy:
        return None
    try:
        with unharmed():
            past = Past.of(proposal, known=dict(verdict.facts))
            would = judged(caller.shadow, proposal, suggestions, entries, caller.circumstances, past=past)
        return difference(caller.shadow, verdict, would)
    except Exception as error:
        _log.warning("shadow failed", policy=caller.shadow, error=type(error).__name__)
        return failed(caller.shadow, verdict, error)


def _check_boundaries(caller: AgentCaller, body: ProposalBody) -> None:
    """Those that need no look at the arguments; rates are counted once for a whole request."""
    actions = [s.action for s in body.suggestions]
    boundaries.check_enabled_and_within_hours(caller.agent, caller.at)
    boundaries.check_actions(caller.agent, actions)
    boundaries.check_deployment(
        caller.agent, actions, stated=body.provenance.deployment, active=caller.circumstances.deployment
    )


def withhold(prepared: Prepared, sentence: str) -> None:
    """Let people review what was going to pass: what spoke for it does not hold any more.

    For the transaction that is about to store it.
    """
    verdict = prepared.proposal.verdict
    notes = [*verdict["notes"], f"A rule would let this pass. {sentence}"]
    prepared.proposal.verdict = {**verdict, "verdict": "review", "notes": notes}
    prepared.event = _event(prepared.proposal, prepared.suggestions)


def _event(proposal: Proposal, suggestions: list[Suggestion]) -> tuple[str, str]:
    told = told_of(proposal, suggestions)
    return compose("proposal.submitted", actor=proposal.agent.as_actor(), proposal=proposal.pk, data=told)


def _check_end(caller: AgentCaller, body: ProposalBody, key: str) -> None:
    """Nobody could answer what has ended already; a request that is sent again may have ended since."""
    if body.expires_at is None or body.expires_at > caller.at:
        return
    if not Proposal.objects.filter(agent=caller.agent, idempotency_key=key).exists():
        said = f"This is past: it is {caller.at:%Y-%m-%dT%H:%M:%SZ} here. Name a moment that is to come."
        raise Invalid.field("/expires_at", said)


def _check_revised(agent: Agent, body: ProposalBody) -> None:
    if body.revises and not Proposal.objects.asked().filter(pk=body.revises, agent=agent).exists():
        raise Invalid.field("/revises", "This agent has no such proposal.")


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
