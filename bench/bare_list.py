"""The least that could list fifty open proposals: it selects the same rows and says the same of them."""

from __future__ import annotations

from typing import Any

from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool
from starlette.requests import Request
from starlette.responses import JSONResponse

PROPOSALS = """
SELECT p.id, p.status, p.version, p.title, a.name AS agent, p.team_id, p.also_teams, p.priority, p.risk,
       p.created_at, p.deadline, p.verdict, p.sentence
  FROM suggestions_proposal p JOIN governance_agent a ON a.id = p.agent_id
 WHERE p.status = 'pending' AND p.team_id = 'operations'
 ORDER BY p.id DESC LIMIT 51"""
SUGGESTIONS = """
SELECT s.id, s.proposal_id, s.rank, t.name AS action, t.version, s.arguments, s.action_digest, s.sentence,
       s.confidence, s.success_probability, s.risk
  FROM suggestions_suggestion s JOIN governance_actiontype t ON t.id = s.action_type_id
 WHERE s.proposal_id = ANY(%s) ORDER BY s.rank"""
RISKS = ("unknown", "low", "medium", "high", "critical")
PAGE = 50


async def listed(request: Request) -> JSONResponse:
    pool: AsyncConnectionPool = request.app.state.pool
    async with pool.connection() as connection, connection.cursor(row_factory=dict_row) as cursor:
        found = await (await cursor.execute(PROPOSALS)).fetchall()
        page = found[:PAGE]
        suggestions = await (await cursor.execute(SUGGESTIONS, [[row["id"] for row in page]])).fetchall()
    of: dict[Any, list[dict[str, Any]]] = {row["id"]: [] for row in page}
    for suggestion in suggestions:
        of[suggestion["proposal_id"]].append(_suggestion(suggestion))
    more = f"/proposals?before={page[-1]['id']}" if len(found) > PAGE else None
    return JSONResponse({"proposals": [_proposal(row, of[row["id"]]) for row in page], "next": more})


def _proposal(row: dict[str, Any], suggestions: list[dict[str, Any]]) -> dict[str, Any]:
    path = f"/api/v1/proposals/{row['id']}/"
    return {
        "id": str(row["id"]),
        "status": row["status"],
        "version": row["version"],
        "sentence": row["sentence"],
        "title": row["title"],
        "agent": row["agent"],
        "team": row["team_id"],
        "teams": [row["team_id"], *row["also_teams"]],
        "priority": row["priority"],
        "risk": RISKS[row["risk"]],
        "created_at": row["created_at"].isoformat(),
        "deadline": row["deadline"].isoformat(),
        "verdict": row["verdict"],
        "suggestions": suggestions,
        "resolution": None,
        "execution": None,
        "held": False,
        "held_reason": None,
        "undo_until": None,
        "links": {
            "self": path,
            "page": f"/queue/{row['id']}/",
            "withdraw": f"{path}withdraw/",
            "execution": f"{path}execution/",
        },
    }


def _suggestion(row: dict[str, Any]) -> dict[str, Any]:
    kept = ("rank", "action", "version", "arguments", "action_digest", "sentence", "confidence")
    said = {name: row[name] for name in (*kept, "success_probability")}
    return {**said, "id": str(row["id"]), "risk": RISKS[row["risk"]]}
