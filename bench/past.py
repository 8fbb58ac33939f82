"""A long past at once: what people decided, with all of it that pages look at, written a table at a time.

Somebody decides every ten seconds: ten million proposals are three years, ten thousand the last day. So
what is recent is as much in both, and what is told apart is how much lies behind it. Each is leaner than
what an agent hands in: it holds no conversation.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from bench.filling import columns_of, settle
from bench.stage import Stage

AT_ONCE = 500_000
LATELY = 500_000  # of events and executions, into which nothing looks far back, there are no more than these

# The n-th. It has one id in all tables, which goes by time like any other.
_EACH = """
SELECT n, at, (lpad(to_hex(floor(1000 * extract(epoch FROM at))::bigint), 12, '0')
               || '70008000' || lpad(to_hex(n), 12, '0'))::uuid AS id,
       CASE WHEN n %% 11 = 0 THEN %(reviewer)s ELSE %(second)s END::int AS person,
       CASE WHEN n %% 10 = 0 THEN 'rejected' ELSE 'approved' END AS status
  FROM (SELECT n, %(now)s::timestamptz - (%(size)s::int + 1 - n) * interval '9.5 seconds' AS at
          FROM generate_series(%(start)s::int, %(end)s::int) AS n) numbered
"""
_PROPOSAL = {
    "id": "each.id",
    "idempotency_key": "'past-' || lpad(n::text, 9, '0')",
    "status": "each.status",
    "subject_id": "'customer-' || (n::bigint * 7919 %% 50000)",
    "body_digest": "''",
    "summary": "''",
    "context": "'{}'",
    "provenance": "'{}'",
    "verdict": """'{"grace_seconds": 0}'""",
    "concern": "each.id",
    "deadline": "at + interval '4 hours'",
    "created_at": "at - interval '1 minute'",
}
_SUGGESTION = {"id": "each.id", "proposal_id": "each.id", "risk_indicators": "'[]'", "explanation": "''"}
_RESOLUTION = {
    "proposal_id": "each.id",
    "status": "each.status",
    "by": "'human'",
    "user_id": "person",
    "actor_name": "'Reviewer'",
    "suggestion_id": "each.id",
    "arguments": "its.arguments",
    "action_digest": "its.action_digest",
    "reason": "''",
    "salt": "''",
    "at": "at",
    "agent_id": "first.agent_id",
    "action": "first.action",
}
_DECISION = {
    "id": "each.id",
    "proposal_id": "each.id",
    "reviewer_id": "person",
    "verdict": "CASE each.status WHEN 'rejected' THEN 'reject' ELSE 'approve' END",
    "suggestion_id": "each.id",
    "action_digest": "its.action_digest",
    "reason": "''",
    "salt": "''",
    "standing": "true",
    "at": "at",
}
_EXECUTION = {
    "id": "each.id",
    "proposal_id": "each.id",
    "suggestion_id": "each.id",
    "action_digest": "its.action_digest",
    "agent_id": "first.agent_id",
    "action": "first.action",
    "passed": "false",
    "assisted": "false",
    "status": "'succeeded'",
    "version": "3",
    "due_at": "at",
    "deadline": "at + interval '1 hour'",
    "fence": "1",
    "round": "1",
    "timed_from": "at",
    "reason": "''",
    "created_at": "at",
    "finished_at": "at",
}
_STEP = {
    "execution_id": "each.id",
    "position": "0",
    "name": "'refund'",
    "status": "'completed'",
    "receipt": """'{"verified": "true"}'""",
    "completed_at": "at",
}
_EVENT = {
    "body": """json_build_object('type', 'proposal.' || each.status, 'at', at, 'proposal', each.id,
        'actor', json_build_object('type', 'user', 'id', person, 'name', 'Reviewer'))::text"""
}
# With the row of which other columns are copies.
_TABLES: dict[str, tuple[str, dict[str, str]]] = {
    "suggestions_proposal": ("first", _PROPOSAL),
    "suggestions_suggestion": ("its", _SUGGESTION),
    "suggestions_resolution": ("", _RESOLUTION),
    "approvals_decision": ("", _DECISION),
}
_LATELY: dict[str, tuple[str, dict[str, str]]] = {
    "execution_execution": ("", _EXECUTION),
    "execution_step": ("", _STEP),
    "audit_event": ("", _EVENT),
}


def write(stage: Stage, size: int) -> None:
    """So many copies of the first proposal, which stays the newest."""
    tables = [*_TABLES, *_LATELY]
    with psycopg.connect(stage.services.superuser_url, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")  # copies need no second check
        connection.execute("SET synchronous_commit = off")
        connection.execute("SET maintenance_work_mem = '512MB'")
        connection.execute(
            "CREATE TEMPORARY TABLE first AS SELECT * FROM suggestions_proposal ORDER BY id DESC LIMIT 1"
        )
        [(now,)] = connection.execute("SELECT created_at FROM first").fetchall()
        connection.execute(
            """CREATE TEMPORARY TABLE its AS SELECT s.* FROM suggestions_suggestion s
                 JOIN first ON first.id = s.proposal_id WHERE rank = 1"""
        )
        # The record of an agent begins with it.
        connection.execute("UPDATE governance_agent SET created_at = now() - interval '10 years'")
        given = {"reviewer": stage.reviewer.pk, "second": stage.second.pk, "now": now, "size": size}
        with _without_indexes(connection), _without_autovacuum(connection, tables):
            for table, (like, own) in (_TABLES | _LATELY).items():
                _fill(connection, table, _insert(table, like, own), given)
        settle(connection, *tables)


def _fill(connection: psycopg.Connection[Any], table: str, insert: str, given: dict[str, Any]) -> None:
    size = given["size"]
    first = max(1, size - LATELY + 1) if table in _LATELY else 1
    for start in range(first, size + 1, AT_ONCE):
        rows = {"start": start, "end": min(start + AT_ONCE - 1, size)}
        connection.execute(insert, given | rows)  # type: ignore[arg-type]


def _insert(table: str, like: str, own: dict[str, str]) -> str:
    selected = {name: f"{like}.{name}" for name in columns_of(table)} if like else {}
    selected |= own
    approved = "WHERE each.status = 'approved'" if table.startswith("execution_") else ""
    return f"""INSERT INTO {table} ({", ".join(selected)}) SELECT {", ".join(selected.values())}
                 FROM first, its, ({_EACH}) each {approved}"""


@contextmanager
def _without_indexes(connection: psycopg.Connection[Any]) -> Iterator[None]:
    """Those by subject are made afterwards: each row needs another page of them; others grow at an end."""
    found = connection.execute(
        """SELECT indexname, indexdef FROM pg_indexes
            WHERE tablename = 'suggestions_proposal' AND indexdef LIKE '%btree (subject\\_%'"""
    ).fetchall()
    try:
        for name, _ in found:
            connection.execute(f"DROP INDEX {name}")  # type: ignore[arg-type]
        yield
    finally:
        for _, definition in found:
            connection.execute(definition)


@contextmanager
def _without_autovacuum(connection: psycopg.Connection[Any], tables: list[str]) -> Iterator[None]:
    """All of it is vacuumed at the end, and once is enough."""
    for table in tables:
        connection.execute(f"ALTER TABLE {table} SET (autovacuum_enabled = off)")  # type: ignore[arg-type]
    try:
        yield
    finally:
        for table in tables:
            connection.execute(f"ALTER TABLE {table} RESET (autovacuum_enabled)")  # type: ignore[arg-type]
