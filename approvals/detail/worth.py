"""What an agent's stated numbers have been worth: what it said, beside what came of it.

One statement is the first suggestion of a proposal of this agent and action. People decided on it
in the last `DAYS` days: it was right where they approved exactly that suggestion as it was, and
what was carried out did not fail or need somebody; a check afterwards that called it wrong or right
counts likewise. What nobody decided says nothing, nor does what passed unchecked. Compared are
statements of about the same height (`NEAR`), among the newest `LOOKED_AT`.

A stated probability of success is put beside the executions of this agent and action instead.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from uuid import UUID

from audit.ground.wilson import Share, share
from audit.statements.prepared import execute

DAYS = 90
LOOKED_AT = 500
NEAR = 0.05
FEW = 10  # statements, below which a share would mislead

Statement = tuple[float, bool]  # what was said, and whether it came true


@dataclass(frozen=True, slots=True)
class Worth:
    """Of statements like this one, how many came true; with the bounds between which the true share lies."""

    stated: float
    found: Share

    @property
    def known(self) -> bool:
        return self.found.of >= FEW

    @property
    def percent(self) -> int:
        return round(100 * (self.found.value or 0))

    @property
    def bounds(self) -> tuple[int, int]:
        return round(100 * self.found.low), round(100 * self.found.high)

    @property
    def short(self) -> bool:
        """Surely worth less than it says: all of the interval lies below."""
        return self.known and self.found.high < self.stated - NEAR


@dataclass(frozen=True, slots=True)
class Record:
    """What an agent said of one action, and what came of it."""

    confidence: list[Statement] = field(default_factory=list)
    success: list[Statement] = field(default_factory=list)

    def of_confidence(self, stated: float | None) -> Worth | None:
        return _near(stated, self.confidence)

    def of_success(self, stated: float | None) -> Worth | None:
        return _near(stated, self.success)


def records_of(agent: UUID, actions: Iterable[str]) -> dict[str, Record]:
    """What this agent's statements on each of these actions have been worth lately; one bounded query."""
    found = {action: Record() for action in actions}
    asked = {"agent": agent, "actions": list(found), "days": DAYS, "looked_at": LOOKED_AT}
    for action, of_confidence, stated, came_true in execute(_RECORDS, asked):
        record = found[action]
        (record.confidence if of_confidence else record.success).append((stated, came_true))
    return found


def _near(stated: float | None, statements: Iterable[Statement]) -> Worth | None:
    if stated is None:
        return None
    # As people read it: 0.90 is within 0.05 of 0.85.
    like = [came_true for said, came_true in statements if abs(said - stated) <= NEAR + 1e-9]
    return Worth(stated, share(sum(like), len(like)))


_DECIDED = """
SELECT confidence, was_right FROM (
    (SELECT r.at, s.confidence,
            coalesce(s.id = r.suggestion_id AND s.action_digest = r.action_digest, false)
            AND coalesce(e.status NOT IN ('failed', 'needs_attention'), true) AS was_right
       FROM suggestions_resolution r
       JOIN suggestions_suggestion s ON s.proposal_id = r.proposal_id AND s.rank = 1
       LEFT JOIN execution_execution e ON e.proposal_id = r.proposal_id
      WHERE r.agent_id = %(agent)s AND r.action = asked.action
        AND r.by = 'human' AND r.status IN ('approved', 'rejected', 'returned')
        AND r.at > statement_timestamp() - make_interval(days => %(days)s)
      ORDER BY r.at DESC LIMIT %(looked_at)s)
    UNION ALL
    (SELECT x.ended_at, s.confidence, x.status = 'right'
       FROM suggestions_sample x
       JOIN suggestions_suggestion s ON s.proposal_id = x.proposal_id AND s.rank = 1
      WHERE x.agent_id = %(agent)s AND x.action = asked.action
        AND x.status IN ('right', 'wrong')
        AND x.ended_at > statement_timestamp() - make_interval(days => %(days)s)
      ORDER BY x.ended_at DESC LIMIT %(looked_at)s)
     ORDER BY 1 DESC LIMIT %(looked_at)s) newest
 WHERE confidence IS NOT NULL
"""

_CARRIED_OUT = """
SELECT s.success_probability, newest.status = 'succeeded'
  FROM (SELECT suggestion_id, status, created_at FROM execution_execution
         WHERE agent_id = %(agent)s AND action = asked.action
           AND status IN ('succeeded', 'failed', 'needs_attention')
         ORDER BY id DESC LIMIT %(looked_at)s) newest
  JOIN suggestions_suggestion s ON s.id = newest.suggestion_id
 WHERE s.success_probability IS NOT NULL
   AND newest.created_at > statement_timestamp() - make_interval(days => %(days)s)
"""

_RECORDS = f"""
SELECT asked.action, found.*
  FROM unnest(%(actions)s::varchar[]) AS asked(action), LATERAL (
       SELECT true, said.* FROM ({_DECIDED}) said
       UNION ALL
       SELECT false, carried.* FROM ({_CARRIED_OUT}) carried) found
"""
