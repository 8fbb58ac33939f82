"""The queue: which open proposals a person sees, in pages that cost the same however many wait."""

from __future__ import annotations

import base64
import binascii
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection
from django.utils.http import urlencode

from audit.refusals import Invalid
from governance.models import Agent, Risk, Team, User
from suggestions.models import Proposal

PAGE = 50
COUNT_TO = 1_000
# A filter looks at so many of a team's open proposals for one page, then hands over what it
# has with a cursor to go on: a rare word costs clicks, not the database.
LOOK_AT = 5_000
LONGEST_QUERY = 200


class Position(NamedTuple):
    """A place in the queue: by priority, then deadline; the id makes it one place."""

    order: int
    deadline: datetime
    id: UUID

    def as_cursor(self) -> str:
        text = f"{self.order}|{self.deadline.isoformat()}|{self.id}"
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    @classmethod
    def read(cls, cursor: str) -> Position:
        """The place that a cursor names. Raises `Invalid`."""
        try:
            text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
            order, deadline, proposal = text.split("|")
            at = datetime.fromisoformat(deadline)
            if at.tzinfo is None or not -1_000 < int(order) < 1_000:
                raise ValueError
            return cls(int(order), at, UUID(proposal))
        except (ValueError, binascii.Error) as error:
            raise Invalid.field(
                "/cursor", "This page of the queue does not exist; begin at the top."
            ) from error

    @classmethod
    def of(cls, proposal: Proposal) -> Position:
        return cls(proposal.queue_order, proposal.deadline, proposal.pk)


@dataclass(frozen=True)
class Filters:
    """What is wanted of the queue; empty means everything."""

    team: str = ""
    action: str = ""
    agent: str = ""
    risk: str = ""
    q: str = ""

    @classmethod
    def read(cls, asked: Mapping[str, str]) -> Filters:
        named = {
            name: asked.get(name, "").replace("\0", "").strip()[:LONGEST_QUERY]
            for name in cls.__annotations__
        }
        return cls(**named)

    @property
    def active(self) -> int:
        """How many are set, the search aside."""
        return sum(bool(value) for value in (self.team, self.action, self.agent, self.risk))

    @property
    def narrow(self) -> bool:
        """Does it leave out some of a team's proposals?"""
        return bool(self.action or self.agent or self.risk or self.q)

    def query(self, **changes: str) -> str:
        """As the query string of an address, with its question mark; empty when nothing is set."""
        other = replace(self, **changes)
        asked = urlencode([(name, value) for name, value in vars(other).items() if value])
        return f"?{asked}" if asked else ""


@dataclass(frozen=True)
class Page:
    """Proposals in the queue's order. `next` is where to go on; None at the end."""

    ids: list[UUID]
    next: Position | None = None


@dataclass(frozen=True)
class Waiting:
    """What waits, counted to `COUNT_TO` per team, and what there is to filter by among it."""

    teams: dict[str, int] = field(default_factory=dict)
    agents: list[str] = field(default_factory=list)
    actions: list[str] = field(default_factory=list)

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
    return list(user.teams.order_by("name"))


# A team's open proposals: those that it is asked about first, and the few for which it has to
# agree besides others. Each part is read from its own index, so that one is never read for the other.
FIRST = "status = 'pending' AND team_id = team.slug"
BESIDES = (
    "status = 'pending' AND also_teams <> ARRAY[]::varchar[] AND also_teams @> ARRAY[team.slug::varchar]"
)

# From every team its own few, each from the index of its open proposals, then merged.
# `position` is constant for a page, so that each team is read from there on.
_PLAIN = f"""
SELECT DISTINCT p.id, p.queue_order, p.deadline, false AS is_edge
  FROM unnest(%(teams)s::text[]) AS team(slug), LATERAL (
       (SELECT id, queue_order, deadline FROM suggestions_proposal
         WHERE {FIRST} {{after}} ORDER BY queue_order, deadline, id LIMIT %(limit)s)
       UNION ALL
       (SELECT id, queue_order, deadline FROM suggestions_proposal
         WHERE {BESIDES} {{after}} ORDER BY queue_order, deadline, id LIMIT %(limit)s)) p
 ORDER BY p.queue_order, p.deadline, p.id LIMIT %(limit)s
"""
_AFTER = "AND (queue_order, deadline, id) > (%(order)s, %(deadline)s, %(id)s)"

# The same with filters: of each team and part the next LOOK_AT are looked at, and where that was
# not all of them, `edge` says how far it got. Beyond the nearest edge nothing is known.
_SEEN = "id, queue_order, deadline, action, risk, agent_id, sentence, title, subject_id"
_NARROW = f"""
WITH seen AS MATERIALIZED (
    SELECT team.slug, p.*
      FROM unnest(%(teams)s::text[]) AS team(slug), LATERAL (
           (SELECT 1 AS part, {_SEEN} FROM suggestions_proposal
             WHERE {FIRST} {{after}} ORDER BY queue_order, deadline, id LIMIT %(look_at)s)
           UNION ALL
           (SELECT 2 AS part, {_SEEN} FROM suggestions_proposal
             WHERE {BESIDES} {{after}} ORDER BY queue_order, deadline, id LIMIT %(look_at)s)) p
), edge AS (
    SELECT queue_order, deadline, id
      FROM (SELECT DISTINCT ON (slug, part) queue_order, deadline, id,
                   count(*) OVER (PARTITION BY slug, part) AS looked
              FROM seen ORDER BY slug, part, queue_order DESC, deadline DESC, id DESC) last
     WHERE looked = %(look_at)s
     ORDER BY queue_order, deadline, id LIMIT 1
), found AS (
    SELECT DISTINCT id, queue_order, deadline FROM seen
     WHERE {{conditions}}
       AND NOT EXISTS (SELECT FROM edge WHERE (seen.queue_order, seen.deadline, seen.id)
                                            > (edge.queue_order, edge.deadline, edge.id))
     ORDER BY queue_order, deadline, id LIMIT %(limit)s
)
SELECT id, queue_order, deadline, false AS is_edge FROM found
 UNION ALL
SELECT id, queue_order, deadline, true FROM edge
 ORDER BY is_edge, queue_order, deadline, id
"""


def page(teams: Sequence[str], filters: Filters, *, after: Position | None = None, size: int = PAGE) -> Page:
    """The next open proposals of these teams: cost is bounded by teams times page.

    An unknown filter value finds nothing.
    """
    statement = _statement(teams, filters, after, size)
    if statement is None:
        return Page([])
    with connection.cursor() as cursor:
        cursor.execute(*statement)
        rows = cursor.fetchall()
    found = [row for row in rows if not row[3]]
    edge = next((row for row in rows if row[3]), None)
    last = found[size - 1] if len(found) > size else edge
    return Page([row[0] for row in found[:size]], Position(last[1], last[2], last[0]) if last else None)


def _statement(
    teams: Sequence[str], filters: Filters, after: Position | None, size: int
) -> tuple[str, dict[str, Any]] | None:
    """SQL and values for a page and one row more; None where nothing can be found."""
    chosen = [team for team in teams if filters.team in ("", team)]
    values: dict[str, Any] = {"teams": chosen, "limit": size + 1, "look_at": LOOK_AT}
    conditions = _conditions(filters, values)
    if not chosen or conditions is None:
        return None
    if after:
        values |= after._asdict()
    sql = _NARROW if conditions else _PLAIN
    return sql.format(after=_AFTER if after else "", conditions=" AND ".join(conditions)), values


def _conditions(filters: Filters, values: dict[str, Any]) -> list[str] | None:
    """The filters as SQL, with their values added; None where nothing can match."""
    conditions = []
    if filters.action:
        conditions.append("action = %(action)s")
        values["action"] = filters.action
    if filters.risk:
        if filters.risk not in Risk.labels:
            return None
        conditions.append("risk = %(risk)s")
        values["risk"] = int(Risk[filters.risk.upper()])
    if filters.agent:
        agent = Agent.objects.filter(name=filters.agent).values_list("pk", flat=True).first()
        if agent is None:
            return None
        conditions.append("agent_id = %(agent)s")
        values["agent"] = agent
    if filters.q:
        conditions.append(
            "strpos(lower(concat_ws(' ', sentence, title, subject_id, action)), lower(%(q)s)) > 0"
        )
        values["q"] = filters.q
    return conditions


def waiting(teams: Sequence[str]) -> Waiting:
    """Counts per team, and the agents and actions among the first of each."""
    if not teams:
        return Waiting()
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
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
            """,
            {"teams": list(teams), "limit": COUNT_TO + 1},
        )
        rows = cursor.fetchall()
    counts: Counter[str] = Counter()
    for team, _agent, _action, n in rows:
        counts[team] += n
    return Waiting(dict(counts), sorted({row[1] for row in rows}), sorted({row[2] for row in rows}))


def version() -> str:
    """Changes with every change of any proposal, and little else; costs one look at the log's end.

    An event of a transaction that commits late has an older number than the newest: so the last
    ones are counted as well.
    """
    with connection.cursor() as cursor:
        cursor.execute(VERSION)
        newest, count = cursor.fetchone()
    return f"{newest}.{count}"


OVERLAP = 1_000
VERSION = f"""
WITH newest AS (SELECT id FROM audit_event WHERE proposal_id IS NOT NULL ORDER BY id DESC LIMIT 1)
SELECT coalesce(max(e.id), 0), count(e.id)
  FROM newest JOIN audit_event e ON e.id > newest.id - {OVERLAP} AND e.proposal_id IS NOT NULL
"""


def following(proposal: Proposal, teams: Sequence[str], filters: Filters, *, reviewer: User) -> UUID | None:
    """What to look at after this one: the next that waits for this reviewer, else the first."""
    for after in (Position.of(proposal), None):
        ids = page(teams, filters, after=after, size=20).ids
        decided = set(
            Proposal.objects.filter(
                pk__in=ids, decisions__reviewer=reviewer, decisions__standing=True
            ).values_list("pk", flat=True)
        )
        for found in ids:
            if found not in decided and found != proposal.pk:
                return found
    return None


def explain(teams: Sequence[str], filters: Filters) -> Any:
    """PostgreSQL's plan for the first page, for the test that watches over it."""
    statement = _statement(teams, filters, None, PAGE)
    if statement is None:
        return []
    sql, values = statement
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (FORMAT JSON) {sql}", values)
        return cursor.fetchone()[0]
