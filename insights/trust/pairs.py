"""The pairs of agent and action that there is something to say of, in pages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from audit.statements.prepared import execute
from governance.models import Autonomy
from insights.trust.gates import Measured, Pair, measure

PAGE = 25
LOOK_AT = 500  # pairs that one page looks through for those that are ready


@dataclass(frozen=True, slots=True)
class Filters:
    """What is wanted; empty means everything."""

    agent: str = ""
    action: str = ""
    stage: str = ""
    ready: str = ""

    @classmethod
    def read(cls, asked: Mapping[str, str]) -> Filters:
        return cls(**{name: asked.get(name, "").strip()[:100] for name in cls.__annotations__})

    def query(self) -> dict[str, str]:
        return {name: getattr(self, name) for name in self.__annotations__ if getattr(self, name)}


@dataclass(frozen=True, slots=True)
class Page:
    """Measured pairs, and after which one to go on; None at the end."""

    rows: list[Measured]
    next: tuple[str, str] | None


def page(filters: Filters, *, after: tuple[str, str] = ("", "")) -> Page:
    """The next pairs by agent and action, each with its gates; none of a stage that there is not."""
    if filters.stage and filters.stage not in map(str, Autonomy.Stage.values):
        return Page([], None)
    rows: list[Measured] = []
    looked = 0
    while True:
        pairs = _pairs(filters, after)
        found = measure(pairs[:PAGE])
        rows += [one for one in found if not filters.ready or one.is_ready]
        looked += len(found)
        more = len(pairs) > PAGE
        if found:
            after = (found[-1].pair.agent, found[-1].pair.action)
        if not more or len(rows) >= PAGE or looked >= LOOK_AT:
            break
    if len(rows) > PAGE:
        rows, more = rows[:PAGE], True
        after = (rows[-1].pair.agent, rows[-1].pair.action)
    return Page(rows, after if more else None)


def _pairs(filters: Filters, after: tuple[str, str]) -> list[Pair]:
    asked: dict[str, Any] = {
        "agent": filters.agent,
        "action": filters.action,
        "stage": int(filters.stage) if filters.stage else None,
        "guided": int(Autonomy.Stage.GUIDED),
        "after_agent": after[0],
        "after_action": after[1],
        "limit": PAGE + 1,
    }
    return [Pair(*row) for row in execute(_PAIRS, asked)]


# Known are pairs with a stage of their own, those that people decided on (found by leaping from one
# to the next in their index), and what an agent is expressly allowed.
_PAIRS = """
WITH RECURSIVE decided AS (
    (SELECT agent_id, action FROM suggestions_resolution
      WHERE by = 'human' AND status IN ('approved', 'rejected', 'returned')
      ORDER BY agent_id, action LIMIT 1)
    UNION ALL
    SELECT following.agent_id, following.action
      FROM decided, LATERAL (
        SELECT agent_id, action FROM suggestions_resolution
         WHERE by = 'human' AND status IN ('approved', 'rejected', 'returned')
           AND (agent_id, action) > (decided.agent_id, decided.action)
         ORDER BY agent_id, action LIMIT 1) following
), known AS (
    SELECT agent_id, action FROM governance_autonomy
     UNION
    SELECT agent_id, action FROM decided
     UNION
    SELECT id, unnest(allowed_actions) FROM governance_agent WHERE allowed_actions IS NOT NULL
)
SELECT agent.id, agent.name, agent.owner_id, known.action, coalesce(held.stage, %(guided)s),
       coalesce(held.since, agent.created_at), coalesce(held.reason, '')
  FROM known
  JOIN governance_agent agent ON agent.id = known.agent_id
  JOIN governance_actiontype kind ON kind.name = known.action AND kind.current
  LEFT JOIN governance_autonomy held ON held.agent_id = known.agent_id AND held.action = known.action
 WHERE (%(agent)s = '' OR agent.name = %(agent)s) AND (%(action)s = '' OR known.action = %(action)s)
   AND (%(stage)s::int IS NULL OR coalesce(held.stage, %(guided)s) = %(stage)s)
   AND (agent.name, known.action) > (%(after_agent)s, %(after_action)s)
 ORDER BY agent.name, known.action LIMIT %(limit)s
"""
