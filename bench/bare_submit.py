"""The least that could take a proposal in: it writes the same rows and checks nothing."""

from __future__ import annotations

import hashlib
import json
import os
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from psycopg.types.json import Jsonb
from psycopg_pool import AsyncConnectionPool
from starlette.requests import Request
from starlette.responses import JSONResponse

GIVEN: dict[str, Any] = json.loads(os.environ.get("BARE_GIVEN", "{}"))
VERDICT = {"verdict": "review", "team": "operations", "approvals": 1, "rules": [], "grace_seconds": 0}

PROPOSAL = """
INSERT INTO suggestions_proposal (
    id, agent_id, idempotency_key, body_digest, status, version, title, summary, subject_type, subject_id,
    context, provenance, traceparent, callback_url, salt, policy_id, verdict, team_id, priority,
    approvals_needed, risk, deadline, action, sentence, created_at)
VALUES (%s, %s, %s, %s, 'pending', 1, %s, %s, %s, %s, %s, %s, '', '', %s, %s, %s, 'operations', 50,
    1, 2, %s, %s, %s, %s)"""
SUGGESTION = """
INSERT INTO suggestions_suggestion (
    id, proposal_id, rank, action_type_id, arguments, action_digest, sentence, confidence,
    success_probability, risk, claimed_risk, risk_indicators, before, explanation)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, 2, %s, %s, %s, %s)"""
EVENT = "INSERT INTO audit_event (body) VALUES (%s)"


async def submit(request: Request) -> JSONResponse:
    body = await request.json()
    new, now = uuid.uuid4(), datetime.now(UTC)
    suggestions = [_suggestion(new, s) for s in body["suggestions"]]
    pool: AsyncConnectionPool = request.app.state.pool
    async with pool.connection() as connection, connection.transaction():
        await connection.execute(PROPOSAL, _proposal(new, body, request, now))
        for suggestion in suggestions:
            await connection.execute(SUGGESTION, suggestion)
        await connection.execute(EVENT, [_event(new, body, now)])
    answer = {"id": str(new), "status": "pending", "suggestions": [str(s[0]) for s in suggestions]}
    return JSONResponse(answer, status_code=201)


def _proposal(new: uuid.UUID, body: dict[str, Any], request: Request, now: datetime) -> list[Any]:
    first = body["suggestions"][0]
    return [
        new,
        GIVEN["agent"],
        request.headers["idempotency-key"],
        _digest(body),
        body["title"],
        body["summary"],
        body["subject"]["type"],
        body["subject"]["id"],
        Jsonb(body["context"]),
        Jsonb(body["provenance"]),
        os.urandom(16),
        GIVEN["policy"],
        Jsonb(VERDICT),
        now + timedelta(hours=4),
        first["action"],
        f"Refund {first['arguments']['amount']}",
        now,
    ]


def _suggestion(proposal: uuid.UUID, said: dict[str, Any]) -> list[Any]:
    return [
        uuid.uuid4(),
        proposal,
        said["rank"],
        GIVEN["action_type"],
        Jsonb(said["arguments"]),
        _digest(said["arguments"]),
        f"Refund {said['arguments']['amount']}",
        said["confidence"],
        said["success_probability"],
        1,
        Jsonb(said["risk"]["indicators"]),
        Jsonb({}),
        said["explanation"],
    ]


def _event(proposal: uuid.UUID, body: dict[str, Any], now: datetime) -> str:
    actions = [{"rank": s["rank"], "action": s["action"]} for s in body["suggestions"]]
    event = {
        "actor": {"id": GIVEN["agent"], "name": "bench", "type": "agent"},
        "at": now.isoformat(),
        "data": {"suggestions": actions, "verdict": VERDICT, "body_digest": "sha256:" + "0" * 64},
        "id": str(uuid.uuid4()),
        "proposal": str(proposal),
        "type": "proposal.submitted",
        "v": 1,
    }
    return json.dumps(event, separators=(",", ":"))


def _digest(value: Any) -> str:
    return "sha256:" + hashlib.sha256(json.dumps(value).encode()).hexdigest()
