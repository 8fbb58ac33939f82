"""How often an effect was seen to be there: of each agent and action, over a week, a month or three.

An agent's word is no proof. What nobody looked for is counted by itself, and neither among the proved nor
among the failures; so is what may have taken effect and nobody knows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from audit.ground.ids import first_id
from audit.ground.wilson import Share, share
from audit.statements.prepared import execute
from governance.trust.incidents import moment

SPANS = (7, 30, 90)  # days
MOST = 500  # of the newest of each pair
PAGE = 25


@dataclass(frozen=True, slots=True)
class Filters:
    """What is wanted; empty means everything."""

    days: int = 30
    agent: str = ""
    action: str = ""

    @classmethod
    def read(cls, asked: Mapping[str, str]) -> Filters:
        days = asked.get("days", "")
        return cls(
            days=int(days) if days in map(str, SPANS) else 30,
            agent=asked.get("agent", "").strip()[:100],
            action=asked.get("action", "").strip()[:128],
        )

    def query(self) -> dict[str, str]:
        others = {name: getattr(self, name) for name in ("agent", "action") if getattr(self, name)}
        return {"days": str(self.days), **others}


@dataclass(frozen=True, slots=True)
class Effects:
    """Of an agent and an action, of what came to an end: what was found of the effects."""

    agent: str
    action: str
    ended: int
    verified: int
    unverified: int
    unverifiable: int
    mismatch: int
    failed: int
    unknown: int
    waiting: int  # for a person, for another reason

    @property
    def judged(self) -> int:
        """Of how many a verdict is known."""
        return self.verified + self.unverified + self.unverifiable + self.mismatch

    def share_of(self, verdict: str) -> Share:
        return share(getattr(self, verdict), self.judged)


@dataclass(frozen=True, slots=True)
class Page:
    rows: list[Effects]
    next: tuple[str, str] | None


def page(filters: Filters, *, after: tuple[str, str] = ("", "")) -> Page:
    """The next pairs of which something ended in that time, by agent and action."""
    asked = {
        "agent": filters.agent,
        "action": filters.action,
        "first": first_id(moment() - timedelta(days=filters.days)),
        "days": filters.days,
        "after_agent": after[0],
        "after_action": after[1],
        "limit": PAGE + 1,
        "most": MOST,
    }
    rows = [Effects(*row) for row in execute(_EFFECTS, asked)]
    last = rows[PAGE - 1] if len(rows) > PAGE else None
    return Page(rows[:PAGE], (last.agent, last.action) if last else None)


# Pairs are found by leaping from one to the next in their index, and counted once they are on the page. What
# ended before verdicts were kept is judged by the receipts of its steps.
_ENDED = "status IN ('succeeded', 'failed', 'needs_attention')"
_EFFECTS = f"""
WITH RECURSIVE known AS (
    (SELECT agent_id, action FROM execution_execution
      WHERE {_ENDED} AND agent_id IS NOT NULL ORDER BY agent_id, action LIMIT 1)
    UNION ALL
    SELECT following.agent_id, following.action
      FROM known, LATERAL (
        SELECT agent_id, action FROM execution_execution
         WHERE {_ENDED} AND (agent_id, action) > (known.agent_id, known.action)
         ORDER BY agent_id, action LIMIT 1) following
), pair AS MATERIALIZED (
    SELECT agent.id, agent.name, known.action
      FROM known JOIN governance_agent agent ON agent.id = known.agent_id
     WHERE (%(agent)s = '' OR agent.name = %(agent)s) AND (%(action)s = '' OR known.action = %(action)s)
       AND (agent.name, known.action) > (%(after_agent)s, %(after_action)s)
       AND EXISTS (SELECT FROM execution_execution e
                    WHERE {_ENDED} AND e.agent_id = agent.id AND e.action = known.action AND e.id >= %(first)s
                      AND e.created_at >= statement_timestamp() - make_interval(days => %(days)s))
     ORDER BY agent.name, known.action LIMIT %(limit)s
)
SELECT pair.name, pair.action, count(*)::int,
       (count(*) FILTER (WHERE judged.verdict = 'verified'))::int,
       (count(*) FILTER (WHERE judged.verdict = 'unverified'))::int,
       (count(*) FILTER (WHERE judged.verdict = 'unverifiable'))::int,
       (count(*) FILTER (WHERE judged.verdict = 'mismatch'))::int,
       (count(*) FILTER (WHERE judged.status = 'failed'))::int,
       (count(*) FILTER (WHERE judged.is_unknown))::int,
       (count(*) FILTER (WHERE judged.status = 'needs_attention' AND NOT judged.is_unknown
                           AND judged.verdict = ''))::int
  FROM pair
 CROSS JOIN LATERAL (
    SELECT newest.status,
           CASE WHEN newest.verdict <> '' OR newest.status <> 'succeeded' THEN newest.verdict
                WHEN (SELECT bool_and(coalesce(receipt->>'verified' = 'true', false)) FROM execution_step
                       WHERE execution_id = newest.id) THEN 'verified'
                ELSE 'unverified' END AS verdict,
           newest.status = 'needs_attention' AND EXISTS (
               SELECT FROM execution_step s JOIN execution_attempt a ON a.step_id = s.id
                WHERE s.execution_id = newest.id AND s.status = 'waiting' AND a.round = newest.round
                  AND a.outcome = 'unknown') AS is_unknown
      FROM (SELECT id, status, verdict, round FROM execution_execution e
             WHERE {_ENDED} AND e.agent_id = pair.id AND e.action = pair.action AND e.id >= %(first)s
               AND e.created_at >= statement_timestamp() - make_interval(days => %(days)s)
             ORDER BY e.id DESC LIMIT %(most)s) newest) judged
 GROUP BY pair.name, pair.action
 ORDER BY pair.name, pair.action
"""
