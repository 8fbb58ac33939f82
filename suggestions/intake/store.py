"""One statement for any number of proposals, with their suggestions and events."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from audit.log.record import NOW_SQL, as_utc
from audit.statements.prepared import execute
from governance.door.authentication import STANDS_SQL, Stands
from governance.models import Agent
from suggestions.allowance import budgets
from suggestions.intake import asking_again
from suggestions.intake.prepare import Prepared
from suggestions.models import Suggestion
from suggestions.past.locks import turn_of

# One statement writes any number of proposals with their suggestions and events, or of
# none of them anything. A key that exists already makes its proposal drop out, with all
# that belongs to it. An agent's own limit can only bring the deadline nearer. Where one of
# them asks again for what was rejected, a budget is spent, or the agent stands otherwise than the
# judgement had it, nothing is written.
_INSERT = f"""
WITH given AS (
    SELECT * FROM jsonb_to_recordset(%(proposals)s) AS _ (
        id uuid, key text, body_digest text, title text, summary text, subject_type text,
        subject_id text, context jsonb, provenance jsonb, traceparent text, callback_url text,
        revises uuid, salt text, verdict jsonb, team text, also_teams text[], priority smallint,
        approvals smallint, risk smallint, decide_within float8, expires_at timestamptz,
        remind float8, escalate_after float8, action text,
        sentence text, glance jsonb, numbers jsonb, shadow text, event_before text,
        event_between text, event_after text,
        fingerprints text[], cleared uuid[], concern uuid)
), {asking_again.REFUSED_SQL}, {{spent}}proposal AS (
    INSERT INTO suggestions_proposal (
        id, agent_id, idempotency_key, body_digest, status, version, title, summary, subject_type,
        subject_id, context, provenance, traceparent, callback_url, revises_id, salt, policy_id, verdict,
        team_id, also_teams, priority, approvals_needed, risk, deadline, expires_at, remind_at,
        escalate_at, action, sentence, glance, numbers, shadow_id, concern, created_at)
    SELECT id, %(agent)s, key, body_digest, 'pending', 1, title, summary, subject_type,
           subject_id, context, provenance, traceparent, callback_url, revises, decode(salt, 'hex'),
           %(policy)s, verdict, team, also_teams, priority, approvals, risk,
           ends.at, expires_at,
           CASE WHEN ends.at - make_interval(secs => remind) > now()
                THEN ends.at - make_interval(secs => remind) END,
           CASE WHEN now() + make_interval(secs => escalate_after) < ends.at
                THEN now() + make_interval(secs => escalate_after) END,
           action, sentence, glance, numbers, shadow, concern, now()
      FROM given, LATERAL (
           SELECT least(expires_at, now() + make_interval(secs => decide_within)) AS at) ends
     WHERE NOT EXISTS (SELECT FROM refused){{unspent}}{{still}}
        ON CONFLICT (agent_id, idempotency_key) DO NOTHING
    RETURNING id, created_at, deadline
), suggestion AS (
    INSERT INTO suggestions_suggestion (
        id, proposal_id, rank, action_type_id, arguments, action_digest, sentence, confidence,
        success_probability, risk, claimed_risk, risk_indicators, before, explanation)
    SELECT s.id, proposal.id, rank, action_type, arguments, action_digest, sentence, confidence,
           success_probability, risk, claimed_risk, risk_indicators, before, explanation
      FROM jsonb_to_recordset(%(suggestions)s) AS s (
        id uuid, proposal uuid, rank smallint, action_type bigint, arguments jsonb, action_digest text,
        sentence text, confidence float8, success_probability float8, risk smallint,
        claimed_risk smallint, risk_indicators jsonb, before jsonb, explanation text)
      JOIN proposal ON proposal.id = s.proposal
), event AS (
    INSERT INTO audit_event (body)
    SELECT event_before || {NOW_SQL} || event_between || {as_utc("deadline")} || event_after
      FROM given JOIN proposal USING (id)
)
SELECT id, created_at, deadline FROM proposal
"""


@cache
def _insert(*, in_turn: bool, as_it_stands: bool) -> str:
    return _INSERT.format(
        spent=f"{budgets.SPENT_SQL}, " if in_turn else "",
        unspent=" AND NOT EXISTS (SELECT FROM spent)" if in_turn else "",
        still=f" AND ({STANDS_SQL}) = %(stands)s" if as_it_stands else "",
    )


def insert(agent: Agent, prepared: Sequence[Prepared], stands: Stands | None = None) -> set[UUID]:
    """Run the statement; the proposals that were new are told their times, and their ids returned.

    With `stands` only where the agent still stands so. What is drawn from budgets takes the agent's turn in
    the same trip. Raises `FirstFailed` where that does not come.
    """
    parameters: dict[str, Any] = {
        "agent": agent.pk,
        "policy": prepared[0].proposal.policy_id,
        "proposals": Jsonb([_proposal_row(p) for p in prepared]),
        "suggestions": Jsonb([_suggestion_row(s) for p in prepared for s in p.suggestions]),
    }
    if stands:
        parameters |= {"key_hash": stands.key_hash, "stands": stands.said}
    draws = [draw for p in prepared for draw in p.draws]
    if draws:
        parameters |= budgets.parameters(draws)
    statement = _insert(in_turn=bool(draws), as_it_stands=bool(stands))
    found = execute(statement, parameters, after=turn_of(agent.pk) if draws else None)
    rows = {row[0]: row[1:] for row in found}
    for proposal in (p.proposal for p in prepared if p.proposal.pk in rows):
        proposal.created_at, proposal.deadline = rows[proposal.pk]
        proposal._state.adding = False
    return set(rows)


def _proposal_row(prepared: Prepared) -> dict[str, Any]:
    proposal = prepared.proposal
    return {
        "id": str(proposal.pk),
        "key": proposal.idempotency_key,
        "body_digest": proposal.body_digest,
        "title": proposal.title,
        "summary": proposal.summary,
        "subject_type": proposal.subject_type,
        "subject_id": proposal.subject_id,
        "context": proposal.context,
        "provenance": proposal.provenance,
        "traceparent": proposal.traceparent,
        "callback_url": proposal.callback_url,
        "revises": str(proposal.revises_id) if proposal.revises_id else None,
        "salt": bytes(proposal.salt).hex(),
        "verdict": proposal.verdict,
        "shadow": proposal.shadow_id,
        "team": proposal.team_id,
        "also_teams": proposal.also_teams,
        "priority": proposal.priority,
        "approvals": proposal.approvals_needed,
        "risk": int(proposal.risk),
        "decide_within": prepared.decide_within,
        "expires_at": prepared.expires_at.isoformat() if prepared.expires_at else None,
        "remind": proposal.verdict.get("remind_seconds"),
        "escalate_after": proposal.verdict.get("escalate_after_seconds"),
        "action": proposal.action,
        "sentence": proposal.sentence,
        "glance": proposal.glance,
        "numbers": proposal.numbers,
        "concern": str(proposal.concern) if proposal.concern else None,
        "event_before": prepared.event[0],
        "event_between": prepared.event[1],
        "event_after": prepared.event[2],
        "fingerprints": prepared.fingerprints,
        "cleared": [str(proposal_id) for proposal_id in prepared.cleared],
    }


def _suggestion_row(suggestion: Suggestion) -> dict[str, Any]:
    return {
        "id": str(suggestion.pk),
        "proposal": str(suggestion.proposal_id),
        "rank": suggestion.rank,
        "action_type": suggestion.action_type_id,
        "arguments": suggestion.arguments,
        "action_digest": suggestion.action_digest,
        "sentence": suggestion.sentence,
        "confidence": suggestion.confidence,
        "success_probability": suggestion.success_probability,
        "risk": int(suggestion.risk),
        "claimed_risk": None if suggestion.claimed_risk is None else int(suggestion.claimed_risk),
        "risk_indicators": suggestion.risk_indicators,
        "before": suggestion.before,
        "explanation": suggestion.explanation,
    }
