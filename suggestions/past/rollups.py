"""Sums of the past, so that a window of ninety days is answered as fast as one of an hour.

For agents and subjects that are asked about and have much of a past, what is older than a minute or two
is added up by minutes, two hours and days. Answers read these, and rows only at both ends.
Nothing depends on their being there: what is not added up is read from the rows.

A proposal that changes after it was added up leaves a `Correction` in the same transaction; the next
run adds it. Shared locks keep a run from passing over a change that is being made.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from psycopg.types.json import Jsonb

from audit.statements.prepared import execute
from audit.statements.writes import write
from governance.models import PolicyVersion
from governance.policies.policy import ready
from suggestions.models import Proposal
from suggestions.past.numbers import keys_of

SPANS = (60, 7_200, 86_400)  # seconds; each is a multiple of the one before
MANY_ROWS = 2_000  # in an answer, from which on it is worth adding up
AT_ONCE = 20_000  # rows in a transaction
TURN_SECONDS = 5.0
_LOCK_CLASS = 7_301  # of PostgreSQL's advisory locks; `suggestions.past.locks` uses the other kind

# What a statement that locks a proposal `t` works out besides, so that no run passes over its change.
HELD = (
    f"pg_advisory_xact_lock_shared({_LOCK_CLASS}, hashtext(t.agent_id::text))",
    f"pg_advisory_xact_lock_shared({_LOCK_CLASS}, hashtext(t.subject_key::text))",
)
_HOLD = f"SELECT pg_advisory_xact_lock_shared({_LOCK_CLASS}, hashtext(k)) FROM unnest(%s::text[]) AS k"
_CORRECT = """
INSERT INTO suggestions_correction (key, created_at, status, numbers, sign)
SELECT s.key, change.*
  FROM suggestions_settled s
 CROSS JOIN (VALUES (%s::timestamptz, %s, %s::jsonb, -1), (%s, %s, %s::jsonb, 1))
    AS change (created_at, status, numbers, sign)
 WHERE s.key = ANY(%s) AND s.until > change.created_at
"""

_ASK_FOR = """
INSERT INTO suggestions_settled (key, of_subject, until)
SELECT key, %(of_subject)s, date_trunc('day', now(), 'UTC') - interval '92 days'
  FROM unnest(%(keys)s::uuid[]) AS key
    ON CONFLICT DO NOTHING RETURNING key
"""
_ALL_AGENTS = "SELECT id FROM governance_agent WHERE id NOT IN (SELECT key FROM suggestions_settled)"
_AGENTS_WITH_BUDGETS = f"{_ALL_AGENTS} AND boundaries ? 'budgets'"

# Every transaction that is older has ended: its rows are visible to whoever looks from now on.
_OLDEST = """
SELECT least(now() - interval '10 seconds', min(xact_start)) FROM pg_stat_activity
 WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()
"""
_NEXT = """
SELECT s.until, greatest(s.until, least(date_bin('1 minute', %(oldest)s, 'epoch'), (
    SELECT greatest(date_bin('1 minute', created_at, 'epoch'), s.until + interval '1 minute')
      FROM suggestions_proposal WHERE {whose} AND created_at >= s.until
     ORDER BY created_at OFFSET %(at_once)s LIMIT 1)))
  FROM suggestions_settled s WHERE s.key = %(key)s
"""
_ADD = """
WITH corrected AS (
    DELETE FROM suggestions_correction WHERE key = %(key)s RETURNING created_at, status, numbers, sign
), changes AS (
    SELECT created_at, status, numbers, 1 AS sign FROM suggestions_proposal
     WHERE {whose} AND created_at >= %(since)s AND created_at < %(until)s
     UNION ALL
    SELECT * FROM corrected
), each AS (
    SELECT date_bin('1 minute', created_at, 'epoch') AS start, status, sign, action, argument, value::numeric
      FROM changes
     CROSS JOIN LATERAL jsonb_each(
        jsonb_build_object('', numbers - '') || CASE jsonb_typeof(numbers -> '')
            WHEN 'string' THEN jsonb_build_object(numbers ->> '', numbers - '')
            ELSE coalesce(numbers -> '', '{{}}') END
     ) AS by_action (action, its)
     CROSS JOIN LATERAL (
        SELECT '' AS argument, NULL::jsonb AS value UNION ALL SELECT * FROM jsonb_each(its)) AS one
), fine AS (
    SELECT start, status, action, argument, sum(sign) AS n, sum(sign * greatest(value, 0)) AS total,
           max(value) FILTER (WHERE sign > 0) AS greatest
      FROM each GROUP BY start, status, action, argument
)
INSERT INTO suggestions_subtotal AS s (key, argument, action, span, start, status, n, total, greatest)
SELECT %(key)s, argument, action, span, date_bin(make_interval(secs => span), start, 'epoch') AS bin,
       status, sum(n), coalesce(sum(total), 0), max(greatest)
  FROM fine, unnest(%(spans)s::int[]) AS span
 GROUP BY argument, action, span, bin, status
    ON CONFLICT (key, argument, action, span, start, status) DO UPDATE
   SET n = s.n + excluded.n, total = s.total + excluded.total,
       greatest = greatest(s.greatest, excluded.greatest)
RETURNING 1
"""
_WHOSE = {
    False: "agent_id = %(key)s AND NOT is_check",
    True: "subject_key = %(key)s AND NOT (subject_id = '') AND NOT is_check",
}


# --- While something changes ----------------------------------------------------------------


def hold(proposal: Proposal) -> None:
    """Keep runs from passing over a change of this proposal, until the transaction ends.

    A statement of its own, before `correct`; `suggestions.answering.resolve.lock` does it with its own.
    """
    execute(_HOLD, [[str(key) for key in keys_of(proposal)]])


def correct(proposal: Proposal, *, was: str, were: dict[str, Any]) -> None:
    """Keep the sums true of a proposal that was counted with other status and numbers, and is held.

    In the transaction of the change.
    """
    created = proposal.created_at
    write(
        _CORRECT,
        [created, was, Jsonb(were), created, proposal.status, Jsonb(proposal.numbers), keys_of(proposal)],
    )


def ask_for(keys: Iterable[UUID], *, of_subject: bool) -> None:
    """Have sums made of the past of these."""
    execute(_ASK_FOR, {"keys": list(keys), "of_subject": of_subject})


# --- In the background ----------------------------------------------------------------------


def settle(seconds: float = TURN_SECONDS) -> int:
    """Add up what has come to rest, for about so long; returns how many keys got further.

    Safe to run twice and at the same time.
    """
    over = time.monotonic() + seconds
    _expect_questions()
    further = 0
    for key, of_subject in execute("SELECT key, of_subject FROM suggestions_settled ORDER BY until", []):
        moved = False
        while time.monotonic() < over and _settle_some(key, of_subject):
            moved = True
        further += moved
    return further


def _expect_questions() -> None:
    """Agents are asked about as soon as a policy asks about the past, and those with budgets always."""
    versions = PolicyVersion.objects.filter(status="active") | PolicyVersion.objects.filter(shadow=True)
    asks = any(ready(digest).asks_past for digest in versions.values_list("pk", flat=True))
    agents = [key for (key,) in execute(_ALL_AGENTS if asks else _AGENTS_WITH_BUDGETS, [])]
    if agents:
        ask_for(agents, of_subject=False)


@transaction.atomic
def _settle_some(key: UUID, of_subject: bool) -> bool:
    """One step ahead; whether there may be more."""
    whose = _WHOSE[of_subject]
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [_LOCK_CLASS, str(key)])
    [(oldest,)] = execute(_OLDEST, [])
    [(since, until)] = execute(_NEXT.format(whose=whose), {"key": key, "oldest": oldest, "at_once": AT_ONCE})
    execute(_ADD.format(whose=whose), {"key": key, "since": since, "until": until, "spans": list(SPANS)})
    if until == since:
        return False
    execute("UPDATE suggestions_settled SET until = %s WHERE key = %s RETURNING 1", [until, key])
    if until.date() != since.date():
        _forget_old(key)
    return True


def _forget_old(key: UUID) -> None:
    execute(
        "DELETE FROM suggestions_subtotal WHERE key = %s AND start < now() - interval '93 days' RETURNING 1",
        [key],
    )
