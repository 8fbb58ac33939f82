"""The queue: which open proposals a person sees, in pages that cost the same however many wait."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from approvals.queue.filters import Filters, Position, Sort
from approvals.queue.search import DOCUMENT, id_in, rest_sql, text_sql, words_of
from audit.statements.prepared import execute
from governance.door.teams import known_teams_of
from governance.models import Agent, Risk, Team, User
from suggestions.models import Proposal

__all__ = [
    "Filters",
    "Page",
    "Position",
    "Sort",
    "Waiting",
    "following",
    "matching",
    "page",
    "teams_of",
    "version",
    "visible_among",
    "waiting",
]

PAGE = 50
COUNT_TO = 1_000
# A filter looks at so many of a team's open proposals for one page. What is common is found among them;
# what is rare by the index of words, up to as many; beyond that a page hands over what it has with a
# cursor to go on: the worst costs clicks, not the database.
LOOK_AT = 5_000
# Words are looked for in fewer, for they have to be made out first.
LOOK_FOR_WORDS_IN = 400
SOON = "15 minutes"


@dataclass(frozen=True)
class Page:
    """Proposals in the queue's order. `next` is where to go on; None at the end. `size` is how many
    there are on all pages, where that was cheap to know."""

    ids: list[UUID]
    next: Position | None = None
    size: int | None = None


@dataclass(frozen=True)
class Waiting:
    """What waits, counted to `COUNT_TO` per team, and what there is to filter by among it."""

    teams: dict[str, int] = field(default_factory=dict)
    agents: list[str] = field(default_factory=list)
    actions: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, rows: Iterable[Sequence[Any]]) -> Waiting:
        """What `WAITING` found."""
        found = list(rows)
        counts: Counter[str] = Counter()
        for team, _agent, _action, n in found:
            counts[team] += n
        return cls(dict(counts), sorted({row[1] for row in found}), sorted({row[2] for row in found}))

    def count_of(self, teams: Sequence[str]) -> str:
        """How many wait for these teams: "14", "1,000+"."""
        counts = [self.teams.get(team, 0) for team in teams]
        known = sum(min(count, COUNT_TO) for count in counts)
        return f"{known:,}{'+' if max(counts, default=0) > COUNT_TO else ''}"


def teams_of(user: User) -> list[Team]:
    """The teams whose proposals this person may see, in the order of their names."""
    if user.has_perm("suggestions.view_every_proposal"):
        return list(Team.objects.order_by("name"))
    if not user.has_perm("suggestions.view_proposal"):
        return []
    return known_teams_of(user)


def visible_among(ids: Collection[UUID], reader: User) -> set[UUID]:
    """Those of these few proposals that the reader may see: asked by their keys, for history is long."""
    return set(Proposal.objects.visible_to(reader).filter(pk__in=ids).values_list("pk", flat=True))


# A team's open proposals: those that it is asked about first, and the few for which it has to
# agree besides others. Each part is read from its own index, so that one is never read for the other.
FIRST = "status = 'pending' AND team_id = team.slug"
BESIDES = (
    "status = 'pending' AND also_teams <> ARRAY[]::varchar[] AND also_teams @> ARRAY[team.slug::varchar]"
)
# For each order: what it goes by in the table and in its index, and the place in it as `Position` has it.
_ORDERS = {
    Sort.PRIORITY: ("queue_order, deadline, id", "queue_order AS place, deadline AS at"),
    Sort.DEADLINE: ("deadline, id", "0 AS place, deadline AS at"),
    Sort.AGE: ("created_at, id", "0 AS place, created_at AS at"),
}
_AFTER = {
    Sort.PRIORITY: "AND (queue_order, deadline, id) > (%(order)s, %(at)s, %(id)s)",
    Sort.DEADLINE: "AND (deadline, id) > (%(at)s, %(id)s)",
    Sort.AGE: "AND (created_at, id) > (%(at)s, %(id)s)",
}

# From every team its own few, each from the index of its open proposals, then merged.
# `position` is constant for a page, so that each team is read from there on.
_PLAIN = f"""
SELECT DISTINCT p.id, p.place, p.at, false AS is_edge, 0 AS size
  FROM unnest(%(teams)s::text[]) AS team(slug), LATERAL (
       (SELECT id, {{place}} FROM suggestions_proposal
         WHERE {FIRST} {{after}} ORDER BY {{order}} LIMIT %(limit)s)
       UNION ALL
       (SELECT id, {{place}} FROM suggestions_proposal
         WHERE {BESIDES} {{after}} ORDER BY {{order}} LIMIT %(limit)s)) p
 ORDER BY p.place, p.at, p.id LIMIT %(limit)s
"""

# The same with filters: of each team and part the next few are looked at, and where that was
# not all of them, `edge` says how far it got. Beyond the nearest edge nothing is known.
_SEEN = """id, {place}, status, action, risk, agent_id, team_id, also_teams, sentence, title,
    subject_type, subject_id, approvals_needed"""
_NARROW = f"""
WITH seen AS MATERIALIZED (
    SELECT team.slug, p.*
      FROM unnest(%(teams)s::text[]) AS team(slug), LATERAL (
           (SELECT 1 AS part, {_SEEN} FROM suggestions_proposal
             WHERE {FIRST} {{after}} ORDER BY {{order}} LIMIT %(look_at)s)
           UNION ALL
           (SELECT 2 AS part, {_SEEN} FROM suggestions_proposal
             WHERE {BESIDES} {{after}} ORDER BY {{order}} LIMIT %(look_at)s)) p
), edge AS (
    SELECT place, at, id
      FROM (SELECT DISTINCT ON (slug, part) place, at, id,
                   count(*) OVER (PARTITION BY slug, part) AS looked
              FROM seen ORDER BY slug, part, place DESC, at DESC, id DESC) last
     WHERE looked = %(look_at)s
     ORDER BY place, at, id LIMIT 1
), found AS (
    SELECT DISTINCT id, place, at FROM seen
     WHERE {{conditions}}
       AND NOT EXISTS (SELECT FROM edge WHERE (seen.place, seen.at, seen.id) > (edge.place, edge.at, edge.id))
     ORDER BY place, at, id LIMIT %(limit)s
)
SELECT id, place, at, false AS is_edge, 0 AS size FROM found
 UNION ALL
SELECT id, place, at, true, 0 FROM edge
 ORDER BY is_edge, place, at, id
"""

# What is few, all of it: `source` is read to the end, or to LOOK_AT. One row at least, which says how many.
_FEW = f"""
WITH few AS MATERIALIZED (
    SELECT {_SEEN}, created_at, deadline, queue_order FROM suggestions_proposal
     WHERE status = 'pending' AND (team_id = ANY(%(teams)s::text[]) OR also_teams && %(teams)s::varchar[])
       AND {{source}} LIMIT %(look_at)s
), seen AS (
    SELECT * FROM few seen WHERE {{conditions}}
), size AS (SELECT count(*) AS looked, (SELECT count(*) FROM seen) AS found FROM few)
SELECT p.id, p.place, p.at, looked >= %(look_at)s, found
  FROM size LEFT JOIN LATERAL (
       SELECT id, place, at FROM seen WHERE true {{after}} ORDER BY place, at, id LIMIT %(limit)s) p ON true
 ORDER BY p.place, p.at, p.id
"""
_MINE = (
    "id IN (SELECT proposal_id FROM approvals_claim WHERE user_id = %(me)s AND until > statement_timestamp())"
)
_SOON = f"deadline < statement_timestamp() + interval '{SOON}'"
# Of several who have to agree all but one do: the most who stand behind one action, without
# whoever edited it where four eyes are asked for.
_ONE_MORE = """approvals_needed > 1 AND approvals_needed - 1 = (
    SELECT max(n) FROM (
        SELECT count(*) - CASE WHEN bool_or(d.arguments IS NOT NULL) AND (
                   SELECT coalesce(raised -> 'four_eyes', verdict -> 'four_eyes', 'true')::boolean
                     FROM suggestions_proposal asked WHERE asked.id = seen.id) THEN 1 ELSE 0 END AS n
          FROM approvals_decision d
         WHERE d.proposal_id = seen.id AND d.standing AND d.verdict = 'approve'
         GROUP BY d.action_digest) agreeing)"""


def page(
    teams: Sequence[str],
    filters: Filters,
    *,
    after: Position | None = None,
    size: int = PAGE,
    me: int | None = None,
) -> Page:
    """The next open proposals of these teams: cost is bounded by teams times page.

    An unknown filter value finds nothing. Whoever searches for an id finds that proposal, open or not.
    `me` is whose claims "mine" means.
    """
    asked = _asked(teams, filters, after, size, me)
    if asked is None:
        return Page([])
    if sought := id_in(filters.q):
        return Page(
            list(Proposal.objects.for_teams(asked.teams).filter(pk=sought).values_list("pk", flat=True))
        )
    if not asked.conditions:
        return asked.page(_PLAIN)
    if filters.mine or filters.soon:
        return asked.few(_MINE if filters.mine else f"{_SOON} ORDER BY deadline")
    first = asked.page(_NARROW, look_at=LOOK_FOR_WORDS_IN if filters.q else LOOK_AT)
    if first.next is None or len(first.ids) == size:
        return first
    by_words = asked.few(f"{DOCUMENT} @@ ({asked.words})", indexed=True)
    return asked.page(_NARROW) if by_words.size is None else by_words


def matching(
    teams: Sequence[str], filters: Filters, ids: Sequence[UUID], *, me: int | None = None
) -> list[UUID]:
    """Which of these open proposals the list has, or would have on a later page, as it is filtered."""
    asked = _asked(teams, filters, None, len(ids), me)
    if asked is None:
        return []
    if sought := id_in(filters.q):
        ids, conditions = [one for one in ids if one == sought], "true"
    else:
        conditions = " AND ".join(asked.conditions) or "true"
    with connection.cursor() as cursor:
        cursor.execute(_MATCHING.format(conditions=conditions), {**asked.values, "ids": list(ids)})
        return [row[0] for row in cursor.fetchall()]


_MATCHING = """
SELECT id FROM suggestions_proposal seen
 WHERE id = ANY(%(ids)s) AND status = 'pending'
   AND (team_id = ANY(%(teams)s::text[]) OR also_teams && %(teams)s::varchar[]) AND {conditions}
"""


@dataclass(frozen=True)
class _Asked:
    """One question of `page`: its conditions in SQL and their values."""

    teams: list[str]
    sort: Sort
    after: Position | None
    size: int
    conditions: list[str]
    words: str
    values: dict[str, Any]

    def page(self, sql: str, *, look_at: int = 0) -> Page:
        """What is found from `after` on; with filters among the next `look_at`."""
        found, edge = [], None
        for row in _rows(*self.statement(sql, look_at=look_at)):
            if row[3]:
                edge = row
            else:
                found.append(row)
        last = found[self.size - 1] if len(found) > self.size else edge
        return Page(
            [row[0] for row in found[: self.size]], Position(last[1], last[2], last[0]) if last else None
        )

    def few(self, source: str, *, indexed: bool = False) -> Page:
        """What is found among all of a source; a page without a size where that is too much."""
        rows = _rows(*self.statement(_FEW, source=source), only_bitmaps=indexed)
        too_many, size = rows[0][3], rows[0][4]
        if too_many and indexed:
            return Page([])
        found = [row for row in rows if row[0]]
        last = found[self.size - 1] if len(found) > self.size else None
        place = Position(last[1], last[2], last[0]) if last else None
        return Page([row[0] for row in found[: self.size]], place, size)

    def statement(self, sql: str, *, look_at: int = 0, source: str = "") -> tuple[str, dict[str, Any]]:
        order, place = _ORDERS[self.sort]
        after = _AFTER[self.sort] if self.after else ""
        conditions = " AND ".join(self.conditions) or "true"
        sql = sql.format(order=order, place=place, after=after, conditions=conditions, source=source)
        return sql, {**self.values, "look_at": look_at or LOOK_AT}


def _rows(sql: str, values: dict[str, Any], *, only_bitmaps: bool = False) -> list[Any]:
    with transaction.atomic(), connection.cursor() as cursor:
        if only_bitmaps:
            # Of what is rare the index of words knows all; the planner's guess could be to read everything.
            cursor.execute("SET LOCAL enable_seqscan = off")
            cursor.execute("SET LOCAL enable_indexscan = off")
        cursor.execute(sql, values)
        return cursor.fetchall()


def _asked(
    teams: Sequence[str], filters: Filters, after: Position | None, size: int, me: int | None
) -> _Asked | None:
    """The question in SQL; None where nothing can be found."""
    chosen = [team for team in teams if filters.team in ("", team)]
    named = Agent.objects.filter(name=filters.agent).values_list("pk", flat=True)
    agent = named.first() if filters.agent else None
    nothing = (
        not chosen
        or (filters.agent and agent is None)
        or (filters.risk and filters.risk not in Risk.labels)
        or (filters.q and not words_of(filters.q))
    )
    if nothing:
        return None
    values: dict[str, Any] = {"teams": chosen, "limit": size + 1, "me": me}
    if after:
        values |= after._asdict()
    words = [rest_sql(filters, chosen, agent, values)]
    if filters.q:
        words.append(text_sql(filters.q, values))
    conditions = _conditions(filters, agent, words[-1], values)
    return _Asked(chosen, filters.order, after, size, conditions, " && ".join(words), values)


def _conditions(filters: Filters, agent: UUID | None, words: str, values: dict[str, Any]) -> list[str]:
    """The filters as SQL, with their values added."""
    conditions = []
    if filters.action:
        conditions.append("action = %(action)s")
        values["action"] = filters.action
    if filters.risk:
        conditions.append("risk = %(risk)s")
        values["risk"] = int(Risk[filters.risk.upper()])
    if agent:
        conditions.append("agent_id = %(agent)s")
        values["agent"] = agent
    if filters.mine:
        conditions.append(_MINE)
    if filters.soon:
        conditions.append(_SOON.replace("deadline", "seen.deadline"))
    if filters.one_more:
        conditions.append(_ONE_MORE)
    if filters.q:
        conditions.append(f"{DOCUMENT} @@ ({words})")
    return conditions


def waiting(teams: Sequence[str]) -> Waiting:
    """Counts per team, and the agents and actions among the first of each."""
    return Waiting.of(execute(WAITING, {"teams": list(teams), "limit": COUNT_TO + 1}))


WAITING = f"""
SELECT team.slug, agent.name, p.action, p.n
  FROM unnest(%(teams)s::text[]) AS team(slug), LATERAL (
       SELECT agent_id, action, count(*) AS n FROM (
              (SELECT agent_id, action FROM suggestions_proposal
                WHERE {FIRST} ORDER BY queue_order, deadline, id LIMIT %(limit)s)
              UNION ALL
              (SELECT agent_id, action FROM suggestions_proposal
                WHERE {BESIDES} LIMIT %(limit)s)) first
        GROUP BY agent_id, action) p
  JOIN governance_agent agent ON agent.id = p.agent_id
"""


def version() -> str:
    """Changes with every change of any proposal, and little else; costs one look at the log's end.

    An event of a transaction that commits late has an older number than the newest: so the last
    ones are counted as well.
    """
    [(found,)] = execute(VERSION, [])
    return str(found)


OVERLAP = 1_000
# In the order of the log, so that its end is read, and not an index in another order from end to end.
VERSION = f"""
WITH newest AS (SELECT id FROM audit_event WHERE proposal_id IS NOT NULL ORDER BY id DESC LIMIT 1)
SELECT coalesce(max(id), 0) || '.' || count(id)
  FROM (SELECT e.id FROM newest JOIN audit_event e ON e.id > newest.id - {OVERLAP}
         WHERE e.proposal_id IS NOT NULL ORDER BY e.id DESC LIMIT {OVERLAP}) last
"""


def following(proposal: Proposal, teams: Sequence[str], filters: Filters, *, reviewer: User) -> UUID | None:
    """What to look at after this one: the next that waits for this reviewer, else the first."""
    for after in (Position.of(proposal, filters.order), None):
        ids = page(teams, filters, after=after, size=20, me=reviewer.pk).ids
        asked = {"ids": ids, "after": proposal.pk, "reviewer": reviewer.pk}
        left = {found for (found,) in execute(_LEFT, asked)}
        if left:
            return next(found for found in ids if found in left)
    return None


# Those that still wait for this reviewer.
_LEFT = """
SELECT id FROM suggestions_proposal p
 WHERE id = ANY(%(ids)s) AND status = 'pending' AND id <> %(after)s
   AND NOT EXISTS (SELECT FROM approvals_decision d
                    WHERE d.proposal_id = p.id AND d.reviewer_id = %(reviewer)s AND d.standing)
"""


def explain(teams: Sequence[str], filters: Filters) -> Any:
    """PostgreSQL's plans for the first page, for the test that watches over them."""
    plans: list[Any] = []

    def explained(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if "suggestions_proposal" in sql:
            with connection.connection.cursor() as cursor:
                cursor.execute(f"EXPLAIN (FORMAT JSON) {sql}", params)
                plans.append(cursor.fetchone()[0])
        return execute(sql, params, many, context)

    with connection.execute_wrapper(explained):
        page(teams, filters)
    return plans
