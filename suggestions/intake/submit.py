"""The only way a proposal comes into being."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

import psycopg
from django.db import OperationalError, transaction
from psycopg.types.json import Jsonb

from audit.ground.actors import Actor
from audit.ground.announce import announce
from audit.ground.prepared import execute
from audit.ground.refusals import Refusal
from audit.log.record import NOW_SQL, record
from governance.models import Agent
from governance.trust import halts, standing
from governance.trust.autonomy import hold
from governance.trust.passing import Circumstances
from suggestions.answering.resolve import resolve
from suggestions.intake import asking_again, samples, shadow
from suggestions.intake.prepare import Prepared, withhold
from suggestions.models import Proposal, Resolution, Suggestion


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
# that belongs to it. An agent's own limit can only bring the deadline nearer. Where one of
# them asks again for what was rejected, nothing is written.
_INSERT = f"""
WITH given AS (
    SELECT * FROM jsonb_to_recordset(%(proposals)s) AS _ (
        id uuid, key text, body_digest text, title text, summary text, subject_type text,
        subject_id text, context jsonb, provenance jsonb, traceparent text, callback_url text,
        revises uuid, salt text, verdict jsonb, team text, also_teams text[], priority smallint,
        approvals smallint, risk smallint, decide_within float8, expires_at timestamptz,
        remind float8, escalate_after float8, action text,
        sentence text, glance jsonb, numbers jsonb, shadow text, event_before text, event_after text,
        fingerprints text[], cleared uuid[], concern uuid)
), {asking_again.REFUSED_SQL}, proposal AS (
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
     WHERE NOT EXISTS (SELECT FROM refused)
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
    SELECT event_before || {NOW_SQL} || event_after FROM given JOIN proposal USING (id)
)
SELECT id, created_at, deadline FROM proposal
"""


def submit(agent: Agent, prepared: Sequence[Prepared]) -> list[Submitted]:
    """Store proposals, all or none, each at most once per idempotency key.

    A key that was used before gives back the proposal it made then. Raises `KeyReused` when
    its body was another one, `StillInFlight` when that request is not finished, `AlreadyRejected`
    when one asks again for what was rejected.
    """
    try:
        with _transaction_where_needed(prepared):
            _stop_what_is_halted(agent, prepared)
            _hold_to_their_stage(agent, prepared)
            used = _use_standing_approvals(prepared)
            new = _insert(agent, prepared)
            shadow.keep([(p.proposal.pk, p.beside) for p in prepared if p.proposal.pk in new])
            _settle_uses(used, new)
            _resolve_at_once([p for p in prepared if p.proposal.pk in new])
    except OperationalError as error:
        if isinstance(error.__cause__, psycopg.errors.LockNotAvailable):
            raise StillInFlight from error
        raise
    if new:
        transaction.on_commit(partial(announce, *new), robust=True)
    earlier = {p.proposal.pk: _earlier(agent, p) for p in prepared if p.proposal.pk not in new}
    if refused := [p for p in prepared if earlier.get(p.proposal.pk, p) is None]:
        if refusal := asking_again.refusal(refused):
            raise refusal
        return submit(agent, prepared)
    return [
        earlier.get(p.proposal.pk) or Submitted(p.proposal, p.suggestions, replayed=False) for p in prepared
    ]


def _transaction_where_needed(prepared: Sequence[Prepared]) -> Any:
    """One statement is a transaction by itself; what the policy answers at once takes several.

    So does what the policy in the shadow says otherwise.
    """
    several = any(p.proposal.verdict["verdict"] != "review" or p.beside for p in prepared)
    return transaction.atomic() if several else nullcontext()


def _stop_what_is_halted(agent: Agent, prepared: Sequence[Prepared]) -> None:
    """What would pass is reviewed where a kill switch was thrown since the policy was asked."""
    passing = [p for p in prepared if p.proposal.verdict["verdict"] == "auto_approve"]
    if not passing:
        return
    halts.keep_out()
    on = Circumstances(halts=halts.marks_for(agent))
    for one in passing:
        if any(on.halted(s.action_type.name) for s in one.suggestions):
            withhold(one, "A kill switch is on.")


def _hold_to_their_stage(agent: Agent, prepared: Sequence[Prepared]) -> None:
    """What passes by the agent's stage passes only while that stage holds, up to the commit."""
    passing = [p for p in prepared if p.proposal.verdict["verdict"] == "auto_approve"]
    if not passing:
        return
    now = hold(agent.pk, {s.action_type.name for p in passing for s in p.suggestions})
    for one in passing:
        for suggestion, judged_at in zip(
            one.suggestions, one.proposal.verdict["known"]["stages"], strict=True
        ):
            action = suggestion.action_type.name
            if now[action] < judged_at:
                withhold(one, f"The agent is at stage {now[action]} for {action} by now.")
                break


def _use_standing_approvals(prepared: Sequence[Prepared]) -> list[tuple[Prepared, UUID, int]]:
    """Take one use for each that passes by a standing approval, and how many are left; what gets none
    is reviewed. In one order, so that no two submissions wait for each other."""
    passing = [
        (UUID(approval), p)
        for p in prepared
        if p.proposal.verdict["verdict"] == "auto_approve"
        and (approval := p.proposal.verdict["known"].get("standing_approval"))
    ]
    used = []
    for approval_id, one in sorted(passing, key=lambda pair: pair[0]):
        left = standing.take(approval_id)
        if left is None:
            withhold(one, "The standing approval has ended or was used up.")
        else:
            used.append((one, approval_id, left))
    return used


def _settle_uses(used: Sequence[tuple[Prepared, UUID, int]], new: set[UUID]) -> None:
    """An event for each use; what was there already has used nothing."""
    for prepared, approval_id, left in used:
        if prepared.proposal.pk not in new:
            standing.give_back(approval_id)
            continue
        first = prepared.suggestions[0]
        data = {
            "standing_approval": str(approval_id),
            "action": first.action_type.name,
            "action_digest": first.action_digest,
            "left": left,
        }
        record("standing_approval.used", actor=_policy(prepared), proposal=prepared.proposal.pk, data=data)


def _insert(agent: Agent, prepared: Sequence[Prepared]) -> set[UUID]:
    """Run the statement; the proposals that were new are told their times, and their ids returned."""
    parameters = {
        "agent": agent.pk,
        "policy": prepared[0].proposal.policy_id,
        "proposals": Jsonb([_proposal_row(p) for p in prepared]),
        "suggestions": Jsonb([_suggestion_row(s) for p in prepared for s in p.suggestions]),
    }
    rows = {row[0]: row[1:] for row in execute(_INSERT, parameters)}
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
        "event_after": prepared.event[1],
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


def _resolve_at_once(new: Sequence[Prepared]) -> None:
    """What the policy blocks or lets pass never waits for anybody."""
    for prepared in new:
        verdict = prepared.proposal.verdict["verdict"]
        if verdict == "review":
            continue
        policy = _policy(prepared)
        approved = prepared.suggestions[0] if verdict == "auto_approve" else None
        if approved:
            samples.choose(prepared.proposal, actor=policy)
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


def _policy(prepared: Prepared) -> Actor:
    return Actor("policy", prepared.proposal.policy_id or "default", "Policy")


def _reason(verdict: dict[str, Any]) -> str:
    reasons = [rule["reason"] for rule in verdict["rules"] if rule["reason"]]
    return "; ".join(reasons) or "So the policy says."


def _earlier(agent: Agent, prepared: Prepared) -> Submitted | None:
    """The proposal that this key made before; its present state, for `present.first_answer` to turn back."""
    earlier = (
        Proposal.objects.select_related("agent")
        .prefetch_related("suggestions__action_type")
        .filter(agent=agent, idempotency_key=prepared.proposal.idempotency_key)
        .first()
    )
    if earlier is None:
        return None
    if earlier.body_digest != prepared.proposal.body_digest:
        raise KeyReused
    return Submitted(earlier, list(earlier.suggestions.all()), replayed=True)
