"""The only way a proposal comes into being."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any

import psycopg
from django.db import OperationalError, connection, transaction
from psycopg.types.json import Jsonb

from audit.actors import Actor
from audit.announce import announce
from audit.record import NOW_SQL
from audit.refusals import Refusal
from governance.models import Agent
from suggestions.models import Proposal, Resolution, Suggestion
from suggestions.prepare import Prepared
from suggestions.resolve import resolve


class KeyReused(Refusal):
    """An idempotency key came again with another body."""

    detail = "This Idempotency-Key was used before with another body. Use a new key for a new proposal."


class StillInFlight(Refusal):
    """The first request with this key has not been answered yet."""

    detail = "A request with this Idempotency-Key is still being answered. Try again shortly."


@dataclass(frozen=True)
class Submitted:
    """A stored proposal; `replayed` when an earlier request with the same key made it."""

    proposal: Proposal
    suggestions: list[Suggestion]
    replayed: bool


# One statement writes any number of proposals with their suggestions and events, or of
# none of them anything. A key that exists already makes its proposal drop out, with all
# that belongs to it. An agent's own limit can only bring the deadline nearer.
_INSERT = f"""
WITH given AS (
    SELECT * FROM unnest(
        %(id)s::uuid[], %(key)s::text[], %(body_digest)s::text[], %(title)s::text[], %(summary)s::text[],
        %(subject_type)s::text[], %(subject_id)s::text[], %(context)s::jsonb[], %(provenance)s::jsonb[],
        %(traceparent)s::text[], %(callback_url)s::text[], %(revises)s::uuid[], %(salt)s::bytea[],
        %(verdict)s::jsonb[], %(team)s::text[], %(priority)s::smallint[], %(approvals)s::smallint[],
        %(risk)s::smallint[], %(decide_within)s::float8[], %(expires_at)s::timestamptz[],
        %(action)s::text[], %(sentence)s::text[], %(before)s::text[], %(after)s::text[]
    ) AS g (id, key, body_digest, title, summary, subject_type, subject_id, context, provenance,
            traceparent, callback_url, revises, salt, verdict, team, priority, approvals, risk,
            decide_within, expires_at, action, sentence, event_before, event_after)
), proposal AS (
    INSERT INTO suggestions_proposal (
        id, agent_id, idempotency_key, body_digest, status, version, title, summary, subject_type,
        subject_id, context, provenance, traceparent, callback_url, revises_id, salt, policy_id, verdict,
        team_id, priority, approvals_needed, risk, deadline, action, sentence, created_at)
    SELECT id, %(agent)s, key, body_digest, 'pending', 1, title, summary, subject_type,
           subject_id, context, provenance, traceparent, callback_url, revises, salt, %(policy)s, verdict,
           team, priority, approvals, risk,
           least(expires_at, now() + make_interval(secs => decide_within)), action, sentence, now()
      FROM given
        ON CONFLICT (agent_id, idempotency_key) DO NOTHING
    RETURNING id, created_at, deadline
), suggestion AS (
    INSERT INTO suggestions_suggestion (
        id, proposal_id, rank, action_type_id, arguments, action_digest, sentence, confidence,
        success_probability, risk, claimed_risk, risk_indicators, before, explanation)
    SELECT s.id, s.proposal_id, rank, action_type_id, arguments, action_digest, sentence, confidence,
           success_probability, risk, claimed_risk, risk_indicators, before, explanation
      FROM unnest(
        %(s_id)s::uuid[], %(s_proposal)s::uuid[], %(s_rank)s::smallint[], %(s_action_type)s::bigint[],
        %(s_arguments)s::jsonb[], %(s_action_digest)s::text[], %(s_sentence)s::text[],
        %(s_confidence)s::float8[], %(s_success_probability)s::float8[], %(s_risk)s::smallint[],
        %(s_claimed_risk)s::smallint[], %(s_risk_indicators)s::jsonb[], %(s_before)s::jsonb[],
        %(s_explanation)s::text[]
      ) AS s (id, proposal_id, rank, action_type_id, arguments, action_digest, sentence, confidence,
              success_probability, risk, claimed_risk, risk_indicators, before, explanation)
      JOIN proposal ON proposal.id = s.proposal_id
), event AS (
    INSERT INTO audit_event (body)
    SELECT event_before || {NOW_SQL} || event_after FROM given JOIN proposal USING (id)
)
SELECT id, created_at, deadline FROM proposal
"""


def submit(agent: Agent, prepared: Sequence[Prepared]) -> list[Submitted]:
    """Store proposals, all or none, each at most once per idempotency key.

    A key that was used before gives back the proposal it made then. Raises `KeyReused` when
    its body was another one, `StillInFlight` when that request is not finished.
    """
    try:
        with _transaction_where_needed(prepared):
            times = _insert(agent, prepared)
            _resolve_at_once([p for p in prepared if p.proposal.pk in times])
    except OperationalError as error:
        if isinstance(error.__cause__, psycopg.errors.LockNotAvailable):
            raise StillInFlight from error
        raise
    submitted = [_submitted(agent, p, times.get(p.proposal.pk)) for p in prepared]
    if times:
        transaction.on_commit(partial(announce, *times), robust=True)
    return submitted


def _transaction_where_needed(prepared: Sequence[Prepared]) -> Any:
    """One statement is a transaction by itself; what the policy answers at once takes several."""
    several = any(p.proposal.verdict["verdict"] != "review" for p in prepared)
    return transaction.atomic() if several else nullcontext()


def _insert(agent: Agent, prepared: Sequence[Prepared]) -> dict[Any, tuple[Any, Any]]:
    """Run the statement; returns when and until when, for the proposals that were new."""
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, _parameters(agent, prepared))
        return {id: (created_at, deadline) for id, created_at, deadline in cursor.fetchall()}


def _parameters(agent: Agent, prepared: Sequence[Prepared]) -> dict[str, Any]:
    proposals = [p.proposal for p in prepared]
    suggestions = [s for p in prepared for s in p.suggestions]
    return {
        "agent": agent.pk,
        "policy": proposals[0].policy_id,
        "id": [p.pk for p in proposals],
        "key": [p.idempotency_key for p in proposals],
        "body_digest": [p.body_digest for p in proposals],
        "title": [p.title for p in proposals],
        "summary": [p.summary for p in proposals],
        "subject_type": [p.subject_type for p in proposals],
        "subject_id": [p.subject_id for p in proposals],
        "context": [Jsonb(p.context) for p in proposals],
        "provenance": [Jsonb(p.provenance) for p in proposals],
        "traceparent": [p.traceparent for p in proposals],
        "callback_url": [p.callback_url for p in proposals],
        "revises": [p.revises_id for p in proposals],
        "salt": [p.salt for p in proposals],
        "verdict": [Jsonb(p.verdict) for p in proposals],
        "team": [p.team_id for p in proposals],
        "priority": [p.priority for p in proposals],
        "approvals": [p.approvals_needed for p in proposals],
        "risk": [int(p.risk) for p in proposals],
        "decide_within": [p.decide_within for p in prepared],
        "expires_at": [p.expires_at for p in prepared],
        "action": [p.action for p in proposals],
        "sentence": [p.sentence for p in proposals],
        "before": [p.event[0] for p in prepared],
        "after": [p.event[1] for p in prepared],
        "s_id": [s.pk for s in suggestions],
        "s_proposal": [s.proposal_id for s in suggestions],
        "s_rank": [s.rank for s in suggestions],
        "s_action_type": [s.action_type_id for s in suggestions],
        "s_arguments": [Jsonb(s.arguments) for s in suggestions],
        "s_action_digest": [s.action_digest for s in suggestions],
        "s_sentence": [s.sentence for s in suggestions],
        "s_confidence": [s.confidence for s in suggestions],
        "s_success_probability": [s.success_probability for s in suggestions],
        "s_risk": [int(s.risk) for s in suggestions],
        "s_claimed_risk": [None if s.claimed_risk is None else int(s.claimed_risk) for s in suggestions],
        "s_risk_indicators": [Jsonb(s.risk_indicators) for s in suggestions],
        "s_before": [Jsonb(s.before) for s in suggestions],
        "s_explanation": [s.explanation for s in suggestions],
    }


def _resolve_at_once(new: Sequence[Prepared]) -> None:
    """What the policy blocks or lets pass never waits for anybody."""
    for prepared in new:
        verdict = prepared.proposal.verdict["verdict"]
        if verdict == "review":
            continue
        policy = Actor("policy", prepared.proposal.policy_id or "default", "Policy")
        approved = prepared.suggestions[0] if verdict == "auto_approve" else None
        resolve(
            prepared.proposal,
            Proposal.Status.APPROVED if approved else Proposal.Status.BLOCKED,
            by=Resolution.By.POLICY,
            actor=policy,
            suggestion=approved,
            arguments=approved.arguments if approved else None,
            action_digest=approved.action_digest if approved else "",
            reason=_reason(prepared.proposal.verdict),
        )


def _reason(verdict: dict[str, Any]) -> str:
    reasons = [rule["reason"] for rule in verdict["rules"] if rule["reason"]]
    return "; ".join(reasons) or "So the policy says."


def _submitted(agent: Agent, prepared: Prepared, times: tuple[Any, Any] | None) -> Submitted:
    if times is None:
        return _earlier(agent, prepared)
    prepared.proposal.created_at, prepared.proposal.deadline = times
    return Submitted(prepared.proposal, prepared.suggestions, replayed=False)


def _earlier(agent: Agent, prepared: Prepared) -> Submitted:
    """The proposal that this key made before; its present state, for `present.first_answer` to turn back."""
    earlier = (
        Proposal.objects.select_related("agent")
        .prefetch_related("suggestions__action_type")
        .get(agent=agent, idempotency_key=prepared.proposal.idempotency_key)
    )
    if earlier.body_digest != prepared.proposal.body_digest:
        raise KeyReused
    return Submitted(earlier, list(earlier.suggestions.all()), replayed=True)
