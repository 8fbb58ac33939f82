"""The least that could approve a proposal: it locks it, sees that it is open, and writes the same rows."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from psycopg.types.json import Jsonb
from psycopg_pool import AsyncConnectionPool
from starlette.requests import Request
from starlette.responses import JSONResponse

from bench.bare_submit import GIVEN

LOCK = "SELECT status FROM suggestions_proposal WHERE id = %s FOR UPDATE"
DECISION = """
INSERT INTO approvals_decision (
    id, proposal_id, reviewer_id, verdict, suggestion_id, changes, action_digest, reason, salt,
    reading_seconds, standing)
VALUES (%s, %s, %s, 'approve', %s, '[]', %s, %s, %s, 27, true)"""
RESOLUTION = """
INSERT INTO suggestions_resolution (
    proposal_id, status, by, user_id, actor_name, suggestion_id, arguments, action_digest, sentence,
    reason, salt, agent_id, action)
VALUES (%s, 'approved', 'human', %s, 'reviewer', %s, %s, %s, 'Refund 54.04', %s, %s, %s, 'refund_payment')"""
APPROVED = "UPDATE suggestions_proposal SET status = 'approved', version = version + 1 WHERE id = %s"
EXECUTION = """
INSERT INTO execution_execution (
    id, proposal_id, suggestion_id, action_digest, agent_id, action, passed, assisted, status, version,
    due_at, queued_at, deadline, fence, round, reason)
VALUES (%s, %s, %s, %s, %s, 'refund_payment', false, false, 'scheduled', 1,
    now(), now(), now() + interval '20 minutes', 0, 1, '')"""
STEP = "INSERT INTO execution_step (execution_id, position, name, status) VALUES (%s, 0, 'refund', 'waiting')"
EVENTS = "INSERT INTO audit_event (body) VALUES (%s), (%s), (%s)"
NO_REASON = "sha256:" + "0" * 64
TYPES = ("decision.made", "proposal.approved", "execution.scheduled")
ARGUMENTS = {"order_id": "#W2378156", "amount": 54.04, "note": "We are sorry about the kettle."}


async def decide(request: Request) -> JSONResponse:
    proposal, body = request.path_params["proposal"], await request.json()
    new, execution = uuid.uuid4(), uuid.uuid4()
    pool: AsyncConnectionPool = request.app.state.pool
    async with pool.connection() as connection, connection.transaction():
        found = await (await connection.execute(LOCK, [proposal])).fetchone()
        if found is None or found[0] != "pending":
            return JSONResponse({"status": found and found[0]}, status_code=409)
        for statement, given in _rows(proposal, body, new, execution):
            await connection.execute(statement, given)
    answer = {"id": str(new), "proposal": str(proposal), "verdict": "approve", "arguments": ARGUMENTS}
    return JSONResponse(answer, status_code=201)


def _rows(
    proposal: uuid.UUID, body: dict[str, Any], new: uuid.UUID, execution: uuid.UUID
) -> Iterator[tuple[str, list[Any]]]:
    suggestion, digest, reason = body["suggestion"], body["action_digest"], body["reason"]
    agent, reviewer = GIVEN["agent"], GIVEN["reviewer"]
    yield DECISION, [new, proposal, reviewer, suggestion, digest, reason, os.urandom(16)]
    yield (
        RESOLUTION,
        [proposal, reviewer, suggestion, Jsonb(ARGUMENTS), digest, reason, os.urandom(16), agent],
    )
    yield APPROVED, [proposal]
    yield EXECUTION, [execution, proposal, suggestion, digest, agent]
    yield STEP, [execution]
    yield EVENTS, [_event(name, proposal, digest) for name in TYPES]


def _event(name: str, proposal: uuid.UUID, digest: str) -> str:
    event = {
        "actor": {"id": str(GIVEN["reviewer"]), "name": "reviewer", "type": "user"},
        "at": datetime.now(UTC).isoformat(),
        "data": {
            "action_digest": digest,
            "policy": GIVEN["policy"],
            "reason": NO_REASON,
            "rank": 1,
        },
        "id": str(uuid.uuid4()),
        "proposal": str(proposal),
        "type": name,
        "v": 1,
    }
    return json.dumps(event, separators=(",", ":"))
