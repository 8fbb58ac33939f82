"""From a checked body to what will be stored: drafted, judged, with its event. Writes nothing."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from audit.ground.refusals import Invalid
from governance.actions import catalogue
from governance.agents import boundaries
from governance.door.authentication import AgentCaller
from governance.models import Agent
from governance.policies.policy import ready
from suggestions.allowance import budgets
from suggestions.allowance.budgets import Draw
from suggestions.intake import asking_again
from suggestions.intake.bodies import ProposalBody
from suggestions.intake.draft import drafted
from suggestions.intake.glance import glance
from suggestions.intake.judge import in_the_shadow, judged, standing_verdict
from suggestions.intake.shadow import Difference
from suggestions.intake.submitted import EventParts, event_of
from suggestions.models import Proposal, Suggestion
from suggestions.past import looks
from suggestions.past.answers import Past
from suggestions.past.locks import Turn


@dataclass
class Prepared:
    """A proposal as it will be stored, with its event; `expires_at` is the agent's own limit.

    `fingerprints` name what each suggestion asks for; `cleared` are rejected proposals that this
    one revises in a way that matters; `beside` is what the policy in the shadow says otherwise.
    `draws` are what has still to be checked against budgets, by the statement that stores it. `looks` are
    what the policy wanted to know of services, stored with it.
    """

    proposal: Proposal
    suggestions: list[Suggestion]
    decide_within: float
    expires_at: datetime | None
    event: EventParts
    fingerprints: list[str]
    cleared: list[UUID]
    beside: Difference | None = None
    draws: list[Draw] = field(default_factory=list)
    looks: list[Any] = field(default_factory=list)


def prepare(
    caller: AgentCaller,
    body: ProposalBody,
    *,
    key: str,
    body_digest: str,
    traceparent: str = "",
    turn: Turn | None = None,
    alone: bool = False,
) -> Prepared:
    """Check a body against boundaries, schemas and policy.

    Raises a `BoundaryHit` that names the boundary, or `Invalid` naming each field. The
    policy's verdict is in the proposal; nothing is stored yet. With a `turn`, what the policy
    asks of the past is exact: see `suggestions.past.locks`. Budgets that have no room are found when it is
    stored if it comes `alone`.
    """
    agent = caller.agent
    _check_boundaries(caller, body)
    _check_end(caller, body, key)
    known = catalogue.at(caller.newest_action_type)
    proposal, suggestions, entries = drafted(
        agent, body, known, key=key, body_digest=body_digest, traceparent=traceparent
    )
    _check_revised(agent, body)
    # Before anything is locked: a service may take its time.
    seen = looks.now(suggestions, _patience(turn)) if ready(caller.policy).asks_look else []
    seen_of = looks.by_suggestion(seen)
    past = Past.of(proposal, turn=turn)
    draws: list[Draw] = []
    if turn and alone:
        draws = budgets.draws(proposal, suggestions, past=past, turn=turn)
    else:
        budgets.check(proposal, suggestions, past=past, turn=turn)
    unjudged = [copy(s) for s in suggestions] if caller.shadow else []
    verdict = judged(
        caller.policy, proposal, suggestions, entries, caller.circumstances, past=past, looks=seen_of
    )
    beside = in_the_shadow(caller, proposal, unjudged, entries, verdict, seen_of) if caller.shadow else None
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
    event = event_of(proposal, suggestions)
    if turn:
        turn.handed_in(proposal, first.arguments)
    fingerprints = asking_again.fingerprints(proposal, suggestions)
    cleared = asking_again.cleared_by(proposal, suggestions) if body.revises else []
    return Prepared(
        proposal,
        suggestions,
        verdict.decide_within,
        body.expires_at,
        event,
        fingerprints,
        cleared,
        beside,
        draws,
        seen,
    )


def _patience(turn: Turn | None) -> looks.Patience:
    """How long the request may wait for services, whatever it hands in."""
    return turn.patience if turn else looks.Patience()


def _check_boundaries(caller: AgentCaller, body: ProposalBody) -> None:
    """Those that need no look at the arguments; rates are counted once for a whole request."""
    actions = [s.action for s in body.suggestions]
    boundaries.check_enabled_and_within_hours(caller.agent, caller.at)
    boundaries.check_actions(caller.agent, actions)
    boundaries.check_deployment(
        caller.agent, actions, stated=body.provenance.deployment, active=caller.circumstances.deployment
    )


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
