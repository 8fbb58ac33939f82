"""What the database holds of proposals, in one snapshot: rows and log, read with statements of our own."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg.rows import dict_row


@dataclass
class Account:
    """What the database holds of one proposal."""

    row: dict[str, Any]
    events: list[dict[str, Any]] = field(default_factory=list)
    decisions: list[dict[str, Any]] = field(default_factory=list)
    resolutions: list[dict[str, Any]] = field(default_factory=list)
    executions: list[dict[str, Any]] = field(default_factory=list)
    steps: list[dict[str, Any]] = field(default_factory=list)
    attempts: list[dict[str, Any]] = field(default_factory=list)
    tasks: list[dict[str, Any]] = field(default_factory=list)
    signals: list[dict[str, Any]] = field(default_factory=list)
    undoings: list[dict[str, Any]] = field(default_factory=list)
    callbacks: list[dict[str, Any]] = field(default_factory=list)

    @property
    def execution(self) -> dict[str, Any] | None:
        return self.executions[0] if self.executions else None

    def of_type(self, *types: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["type"] in types]


_PROPOSALS = """
SELECT id, idempotency_key, status FROM suggestions_proposal WHERE idempotency_key = ANY (%s)
"""
_ROWS = {
    "events": """
        SELECT proposal_id AS of, type, body::jsonb ->> 'at' AS at, body::jsonb -> 'data' AS data
          FROM audit_event WHERE proposal_id = ANY (%s) ORDER BY id""",
    "decisions": """
        SELECT proposal_id AS of, id::text, verdict FROM approvals_decision
         WHERE proposal_id = ANY (%s)""",
    "resolutions": """
        SELECT proposal_id AS of, status FROM suggestions_resolution
         WHERE proposal_id = ANY (%s)""",
    "executions": """
        SELECT proposal_id AS of, id::text, status FROM execution_execution
         WHERE proposal_id = ANY (%s)""",
    "steps": """
        SELECT e.proposal_id AS of, s.name, s.kind, s.status FROM execution_step s
          JOIN execution_execution e ON e.id = s.execution_id WHERE e.proposal_id = ANY (%s)""",
    "attempts": """
        SELECT e.proposal_id AS of, s.name AS step, a.number, a.outcome,
               CASE WHEN a.token_digest <> '' THEN 'agent' WHEN a.begun_by <> '' THEN 'team'
                    ELSE 'worker' END AS by
          FROM execution_attempt a
          JOIN execution_step s ON s.id = a.step_id JOIN execution_execution e ON e.id = s.execution_id
         WHERE e.proposal_id = ANY (%s)""",
    "tasks": """
        SELECT e.proposal_id AS of, t.id::text, t.status FROM execution_manualtask t
          JOIN execution_execution e ON e.id = t.execution_id WHERE e.proposal_id = ANY (%s)""",
    "signals": """
        SELECT e.proposal_id AS of, s.name FROM execution_signal s
          JOIN execution_execution e ON e.id = s.execution_id WHERE e.proposal_id = ANY (%s)""",
    "undoings": """
        SELECT e.proposal_id AS of, c.status FROM execution_compensation c
          JOIN execution_execution e ON e.id = c.execution_id
         WHERE e.proposal_id = ANY (%s) ORDER BY c.id""",
    "callbacks": """
        SELECT proposal_id AS of, id::text, type, status FROM suggestions_callback
         WHERE proposal_id = ANY (%s)""",
}


class Reader:
    """Reads over one connection, made anew after it was lost."""

    def __init__(self, database: str) -> None:
        self.database = database
        self._connection: psycopg.Connection[dict[str, Any]] | None = None

    def read(self, orders: list[str]) -> tuple[dict[str, Account], list[str]]:
        """The accounts of these orders, by order, and the orders that have two. Raises `psycopg.Error`."""
        try:
            return self._read(orders)
        except psycopg.Error:
            self.close()
            raise

    def close(self) -> None:
        if self._connection:
            self._connection.close()
        self._connection = None

    def _read(self, orders: list[str]) -> tuple[dict[str, Account], list[str]]:
        with self._connected().transaction():
            rows = self._rows(_PROPOSALS, orders)
            by_id = {row["id"]: Account(row) for row in rows}
            for name, statement in _ROWS.items():
                for row in self._rows(statement, list(by_id)):
                    getattr(by_id[row["of"]], name).append(row)
        counts = Counter(row["idempotency_key"] for row in rows)
        twice = [order for order, count in counts.items() if count > 1]
        return {account.row["idempotency_key"]: account for account in by_id.values()}, twice

    def _connected(self) -> psycopg.Connection[dict[str, Any]]:
        if self._connection is None:
            self._connection = psycopg.connect(self.database, autocommit=True, row_factory=dict_row)
            self._connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        return self._connection

    def _rows(self, statement: str, names: list[Any]) -> list[dict[str, Any]]:
        return self._connected().execute(statement, [names], prepare=True).fetchall()  # type: ignore[arg-type]
