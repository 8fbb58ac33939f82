"""Many proposals at once: the first comes in by the product's own verbs, the others are copies of it."""

from __future__ import annotations

import uuid

import psycopg
from django.apps import apps

from bench.stage import Stage

AT_ONCE = 100_000
OWN = {  # what is different in each copy
    "id": "uuidv7()",
    "status": "'pending'",
    "priority": "(random() * 100)::int",
    "deadline": "now() + make_interval(mins => 60 + (random() * 10000)::int)",
    "created_at": "now() - make_interval(secs => random() * 100000)",
}

# Of those that were decided most were approved as they were, some edited, some rejected.
_DECIDED = """
WITH decided AS (
    INSERT INTO suggestions_resolution
           (proposal_id, status, by, user_id, actor_name, suggestion_id, arguments,
            action_digest, reason, salt, agent_id, action)
    SELECT p.id, CASE WHEN dice < 0.1 THEN 'rejected' ELSE 'approved' END, 'human', %(user)s, 'Reviewer',
           s.id, s.arguments, CASE WHEN dice < 0.2 THEN 'sha256:edited' ELSE s.action_digest END, '', '',
           p.agent_id, p.action
      FROM (SELECT id, agent_id, action, random() AS dice
              FROM suggestions_proposal WHERE status = 'pending') p
      JOIN suggestions_suggestion s ON s.proposal_id = p.id AND s.rank = 1
     WHERE dice < %(share)s
    RETURNING proposal_id, status)
UPDATE suggestions_proposal p SET status = decided.status FROM decided WHERE p.id = decided.proposal_id
"""


def first(stage: Stage) -> None:
    """One proposal alone, of which the others will be copies."""
    stage.empty()
    stage.hand_in()


def fill(stage: Stage, size: int) -> None:
    """Copy the newest proposal until there are so many, with priorities and deadlines of their own."""
    with psycopg.connect(stage.services.superuser_url, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")  # copies need no second check
        have = connection.execute("SELECT count(*) FROM suggestions_proposal").fetchone()[0]  # type: ignore[index]
        for start in range(have, size, AT_ONCE):
            connection.execute(_copies(min(AT_ONCE, size - start), uuid.uuid4().hex))  # type: ignore[arg-type]
        connection.execute("RESET session_replication_role")
        settle(connection, "suggestions_proposal", "suggestions_suggestion")


def decide(stage: Stage, share: float = 0.75) -> None:
    """So many of the open ones were decided by people."""
    with psycopg.connect(stage.services.superuser_url, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute(_DECIDED, {"user": stage.reviewer.pk, "share": share})
        connection.execute("RESET session_replication_role")
        settle(connection, "suggestions_proposal", "suggestions_suggestion", "suggestions_resolution")


def settle(connection: psycopg.Connection, *tables: str) -> None:
    """What the database would do to new rows sooner or later, it does now and not while we measure."""
    for table in tables:
        connection.execute(f"VACUUM (ANALYZE) {table}")  # type: ignore[arg-type]
    connection.execute("CHECKPOINT")


def _copies(number: int, mark: str) -> str:
    own = {**OWN, "idempotency_key": f"'{mark}-' || n"}
    of_one = {"id": "uuidv7()", "proposal_id": "proposal.id"}
    columns = {table: columns_of(table) for table in ("suggestions_proposal", "suggestions_suggestion")}
    proposals = ", ".join(own.get(name, f"first.{name}") for name in columns["suggestions_proposal"])
    suggestions = ", ".join(of_one.get(name, f"its.{name}") for name in columns["suggestions_suggestion"])
    return f"""
        WITH first AS (SELECT * FROM suggestions_proposal ORDER BY id DESC LIMIT 1),
        its AS (
            SELECT s.* FROM suggestions_suggestion s JOIN first ON first.id = s.proposal_id WHERE rank = 1
        ),
        proposal AS (
            INSERT INTO suggestions_proposal ({", ".join(columns["suggestions_proposal"])})
            SELECT {proposals} FROM first, generate_series(1, {number}) AS n RETURNING id
        )
        INSERT INTO suggestions_suggestion ({", ".join(columns["suggestions_suggestion"])})
        SELECT {suggestions} FROM proposal, its"""


def columns_of(table: str) -> list[str]:
    [model] = [m for m in apps.get_models() if m._meta.db_table == table]
    return [f.column for f in model._meta.concrete_fields if not f.generated]
