"""How far the newest checkpoint is behind the log. Loads no models, for the clock has none."""

from __future__ import annotations

from audit.statements.prepared import execute

MOST_SECONDS, MOST_ENTRIES = 60, 1_000  # what is promised; behind that it is an alarm

SIGN_AFTER = 10.0  # seconds since the last checkpoint, after which the next is signed

# Looked up one by one, whatever statistics say of the table: as the sealer does.
_IS_UNSEALED = (
    "e.id > coalesce(s.floor, 0) AND NOT EXISTS (SELECT FROM audit_leaf WHERE event_id = e.id OFFSET 0)"
)

# Seconds since the oldest event was written that no checkpoint covers; null where each is covered.
SECONDS = f"""
SELECT extract(epoch FROM statement_timestamp() - coalesce(
        (SELECT e.at FROM audit_leaf l JOIN audit_event e ON e.id = l.event_id
          WHERE l.leaf_index = coalesce(s.signed_size, 0)),
        (SELECT e.at FROM audit_event e WHERE {_IS_UNSEALED}
          ORDER BY e.id LIMIT 1)))
  FROM (VALUES (1)) always LEFT JOIN audit_sealer s ON true"""

# Events that no checkpoint covers: sealed ones, and those that wait for it, counted up to a bound.
ENTRIES = f"""
SELECT (SELECT coalesce(max(leaf_index) + 1, 0) FROM audit_leaf) - coalesce(s.signed_size, 0)
       + (SELECT count(*) FROM (
              SELECT FROM audit_event e
               WHERE {_IS_UNSEALED}
               LIMIT {10 * MOST_ENTRIES}) waiting)
  FROM (VALUES (1)) always LEFT JOIN audit_sealer s ON true"""

# Is anything to be sealed or signed? For the clock.
IS_DUE = f"""
SELECT coalesce((SELECT max(id) FROM audit_event) > coalesce(s.floor, 0), FALSE)
       OR (SELECT max(leaf_index) + 1 FROM audit_leaf) > s.signed_size
          AND s.signed_at <= statement_timestamp() - interval '{SIGN_AFTER} seconds'
  FROM (VALUES (1)) always LEFT JOIN audit_sealer s ON true"""


def lag() -> tuple[float, int]:
    """Seconds and entries that the newest checkpoint is behind the log."""
    [(seconds, entries)] = execute(f"SELECT coalesce(({SECONDS}), 0), ({ENTRIES})", [])
    return float(seconds), int(entries)
