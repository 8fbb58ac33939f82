"""Attempts: written down before the call and closed after it, with all that goes with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models.functions import Now
from psycopg.types.json import Json, Jsonb

from audit.ground.actors import WORKER, Actor
from audit.log.record import NOW_SQL, compose, record
from audit.statements.prepared import execute, unsaved
from audit.statements.writes import add, write
from execution.holding import news
from execution.holding.lease import Lease, LeaseLost
from execution.models import Attempt, Execution, Step
from execution.routes.result import Result

_CHANGED = "UPDATE suggestions_proposal SET version = version + 1 WHERE id = %s"
_INTO = "execution_attempt (step_id, number, route, fence, round, outcome, detail, response)"
# Nothing of it is written twice, and nothing at all once the lease is lost.
_END = f"""
WITH mine AS (
    UPDATE execution_execution
       SET version = version + 1,
           status = CASE WHEN %(succeeds)s THEN 'succeeded' ELSE status END,
           lease_until = CASE WHEN %(succeeds)s THEN NULL ELSE lease_until END,
           finished_at = CASE WHEN %(succeeds)s THEN statement_timestamp() ELSE finished_at END,
           reason = CASE WHEN %(succeeds)s THEN '' ELSE reason END,
           verdict = coalesce(%(verdict)s, verdict)
     WHERE id = %(execution)s AND fence = %(fence)s AND status = 'running'
 RETURNING id
), ended AS (
    UPDATE execution_attempt
       SET outcome = %(outcome)s, detail = %(detail)s, http_status = %(http_status)s,
           response = %(response)s, finished_at = statement_timestamp()
     WHERE step_id = %(step)s AND number = %(number)s AND outcome = 'open' AND EXISTS (SELECT FROM mine)
 RETURNING step_id
), step AS (
    UPDATE execution_step
       SET receipt = %(receipt)s, answer = coalesce(%(answer)s, answer),
           verdict = CASE WHEN %(completes)s THEN 'unverified' ELSE verdict END,
           status = CASE WHEN %(completes)s THEN 'completed' ELSE status END,
           completed_at = CASE WHEN %(completes)s THEN statement_timestamp() ELSE completed_at END
     WHERE id IN (SELECT step_id FROM ended) AND %(receipt)s::jsonb IS NOT NULL
), changed AS (
    UPDATE suggestions_proposal SET version = version + 1
     WHERE id = %(proposal)s AND EXISTS (SELECT FROM ended)
), told AS (
    INSERT INTO audit_event (body)
    SELECT (event ->> 0) || {NOW_SQL} || (event ->> 1) FROM json_array_elements(%(events)s) AS event
     WHERE EXISTS (SELECT FROM ended)
)
SELECT EXISTS (SELECT FROM mine)
"""


def begin(lease: Lease, execution: Execution, step: Step, *, number: int, route: str) -> Attempt:
    """Write an attempt down before it is made, in the transaction that holds the lease: if the worker is
    killed, its row is found open."""
    attempt = unsaved(Attempt, step=step, number=number, route=route, fence=lease.fence)
    facts = _facts(execution, attempt)
    record("attempt.started", actor=WORKER, proposal=execution.proposal_id, data=facts)
    values = map(str, [step.pk, number, route, lease.fence, execution.round])
    add(_INTO, "(%s, %s, %s, %s, %s, 'open', '', '')", list(values))
    write(_CHANGED, [execution.proposal_id])
    news.hint(execution.proposal_id)
    return attempt


def end(
    lease: Lease,
    execution: Execution,
    attempt: Attempt,
    result: Result,
    *,
    receipt: Mapping[str, Any] | None = None,
    answer: Mapping[str, Any] | None = None,
    verdict: str | None = None,
    completes: bool = False,
    succeeds: bool = False,
) -> None:
    """Write down what came of an attempt, once: a second call changes nothing. A transaction by itself.

    With `receipt` and `answer` for its step; `completes` where that is done with nobody having looked, and
    `succeeds` where the execution is, whose `verdict` it changes then. Raises `LeaseLost`, as a second call
    does where the first one ended the execution.
    """
    proposal = execution.proposal_id
    finished = {"outcome": result.outcome, "http_status": result.status, "response_digest": result.digest}
    events = [("attempt.finished", {**_facts(execution, attempt), **finished})]
    if completes:
        step = {"step": attempt.step.name, "receipt": receipt, "execution": str(execution.pk)}
        events.append(("step.completed", step))
    if succeeds:
        done = {"execution": str(execution.pk), "action_digest": execution.action_digest}
        events.append(("execution.succeeded", done))
    values = {
        "execution": execution.pk,
        "fence": lease.fence,
        "step": attempt.step_id,
        "number": attempt.number,
        "outcome": result.outcome,
        "detail": result.detail[:500],
        "http_status": result.status,
        "response": result.kept,
        "receipt": None if receipt is None else Jsonb(receipt),
        "answer": None if answer is None else Jsonb(answer),
        "verdict": verdict,
        "completes": completes,
        "succeeds": succeeds,
        "proposal": proposal,
        "events": Json([compose(name, actor=WORKER, data=data, proposal=proposal) for name, data in events]),
    }
    if execute(_END, values) != [(True,)]:
        raise LeaseLost
    news.hint(proposal)


def cut_off(execution: Execution, *, actor: Actor) -> int:
    """Call the outcome of every open attempt unknown, in the transaction that goes on without it.

    Whoever was in the middle has to have lost the lease. Returns how many there were.
    """
    left_open = Attempt.objects.filter(step__execution=execution, outcome=Attempt.Outcome.OPEN)
    found = list(left_open.select_related("step"))
    for attempt in found:
        attempt.outcome = Attempt.Outcome.UNKNOWN
        attempt.detail = _said(attempt)
        attempt.finished_at = Now()
        attempt.save(update_fields=["outcome", "detail", "finished_at"])
        data = {**_facts(execution, attempt), "outcome": attempt.outcome}
        record("attempt.finished", actor=actor, proposal=execution.proposal_id, data=data)
    return len(found)


def _said(attempt: Attempt) -> str:
    if attempt.token_digest:
        return f"Begun by {attempt.begun_by}, and not reported while the lease ran."
    return "The worker was cut off in the middle of it."


def _facts(execution: Execution, attempt: Attempt) -> dict[str, Any]:
    return {
        "execution": str(execution.pk),
        "step": attempt.step.name,
        "attempt": attempt.number,
        "route": attempt.route,
        "fence": attempt.fence,
    }
