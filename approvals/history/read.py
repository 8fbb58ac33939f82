"""What was decided: pages that cost the same however much it is, and the same as a file.

Newest first. A filter that has no index of its own looks at so many for one page and hands over where
to go on; so a rare one costs clicks, never the database.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection, transaction
from django.utils.http import urlencode

from approvals.queue.read import teams_of
from audit.evidence.export import csv_of
from audit.ground.actors import Actor
from audit.ground.ids import read_uuid
from audit.ground.refusals import Invalid
from audit.log.record import record
from governance.models import Agent, Risk, User
from suggestions.models import Proposal, Resolution, SecondReview

PAGE = 50
LOOK_AT = 3_000
LONGEST = 200
OUTCOMES = [status for status in Proposal.Status.values if status != Proposal.Status.PENDING]


class Position(NamedTuple):
    """A place in the history; the id makes it one place."""

    at: datetime
    id: UUID

    def as_cursor(self) -> str:
        return base64.urlsafe_b64encode(f"{self.at.isoformat()}|{self.id}".encode()).decode().rstrip("=")

    @classmethod
    def read(cls, cursor: str) -> Position:
        """The place that a cursor names. Raises `Invalid`."""
        try:
            at, proposal = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode().split("|")
            moment = datetime.fromisoformat(at)
            if moment.tzinfo is None:
                raise ValueError
            return cls(moment, UUID(proposal))
        except (ValueError, binascii.Error) as error:
            raise Invalid.field("?cursor", "This page does not exist; begin at the newest.") from error


@dataclass(frozen=True)
class Filters:
    """What is wanted of the history, as it was typed; empty means everything."""

    outcome: str = ""
    by: str = ""
    reviewer: str = ""
    agent: str = ""
    action: str = ""
    team: str = ""
    risk: str = ""
    since: str = ""
    until: str = ""
    q: str = ""

    @classmethod
    def read(cls, asked: Mapping[str, str]) -> Filters:
        names = [field.name for field in fields(cls)]
        return cls(**{name: asked.get(name, "").strip()[:LONGEST] for name in names})

    @property
    def active(self) -> bool:
        return any(vars(self).values())

    def query(self, **more: str) -> str:
        """As the query string of an address, with its question mark; empty when nothing is set."""
        asked = urlencode([(name, value) for name, value in {**vars(self), **more}.items() if value])
        return f"?{asked}" if asked else ""

    def as_json(self) -> dict[str, str]:
        """For the event of an export: of what was searched for only that something was."""
        told = {name: value for name, value in vars(self).items() if value}
        return {**told, "q": "given"} if self.q else told


@dataclass(frozen=True)
class ReadyFilters:
    """Filters made ready: conditions on resolutions (`r`), those that an index knows and others, and on
    proposals (`p`), with their values."""

    indexed: list[str]
    of_resolutions: list[str]
    of_proposals: list[str]
    values: dict[str, Any]
    by_subject: bool = False


def ready(filters: Filters, reader: User) -> ReadyFilters:
    """The filters as SQL, within what this person may see. Raises `Invalid`, naming each bad one."""
    errors: list[dict[str, Any]] = []
    values: dict[str, Any] = {}
    conditions: list[list[str]] = [[], [], ["NOT p.is_check"]]
    indexed, answered, then = conditions
    if asked_again := list(SecondReview.objects.asked_of(reader).values_list("proposal", flat=True)):
        values["asked_again"] = asked_again  # what they are to decide without knowing of the first
        then.append("p.id <> ALL(%(asked_again)s)")
    for name, check in _CHECKS.items():
        value = getattr(filters, name)
        if not value:
            continue
        try:
            condition, values[name], kind = check(value)
            conditions[kind].append(condition)
        except ValueError as error:
            errors.append({"pointer": f"?{name}", "detail": str(error)})
    if not reader.has_perm("suggestions.view_every_proposal"):
        values["teams"] = [team.slug for team in teams_of(reader)]
        then.append("(p.team_id = ANY(%(teams)s) OR p.also_teams && %(teams)s::varchar[])")
    if errors:
        raise Invalid(errors)
    searched_for = _search(filters.q, indexed, then, values)
    return ReadyFilters(indexed, answered, then, values, by_subject=searched_for)


def _search(q: str, indexed: list[str], then: list[str], values: dict[str, Any]) -> bool:
    """By the id of a proposal; else by its subject, as it is or as lists print it. True for the latter."""
    if not q:
        return False
    if wanted := read_uuid(q):
        indexed.append("r.proposal_id = %(q)s")
        values["q"] = wanted
        return False
    kind, _, name = q.partition(" ")
    values |= {"q": q, "q_type": kind, "q_id": name or q}
    then.append("p.subject_id IN (%(q)s, %(q_id)s)")
    then.append("(p.subject_id = %(q)s OR p.subject_type = %(q_type)s)")
    return True


_INDEXED, _OF_RESOLUTION, _OF_PROPOSAL = range(3)
_Condition = tuple[str, Any, int]


def _outcome(value: str) -> _Condition:
    if value not in OUTCOMES:
        raise ValueError(f"outcome is one of {', '.join(OUTCOMES)}.")
    return "r.status = %(outcome)s", value, _OF_RESOLUTION


def _by(value: str) -> _Condition:
    if value not in Resolution.By.values:
        raise ValueError(f"by is one of {', '.join(Resolution.By.values)}.")
    return "r.by = %(by)s", value, _OF_RESOLUTION


def _reviewer(value: str) -> _Condition:
    found = User.objects.filter(username=value).values_list("pk", flat=True).first()
    if found is None:
        raise ValueError(f"There is nobody with the log-in name “{value}”.")
    return "r.user_id = %(reviewer)s", found, _INDEXED


def _agent(value: str) -> _Condition:
    found = Agent.objects.filter(name=value).values_list("pk", flat=True).first()
    if found is None:
        raise ValueError(f"There is no agent “{value}”.")
    return "r.agent_id = %(agent)s", found, _INDEXED


def _action(value: str) -> _Condition:
    return "p.action = %(action)s", value, _OF_PROPOSAL


def _team(value: str) -> _Condition:
    return "(p.team_id = %(team)s OR p.also_teams @> ARRAY[%(team)s]::varchar[])", value, _OF_PROPOSAL


def _risk(value: str) -> _Condition:
    if value not in Risk.labels:
        raise ValueError(f"risk is one of {', '.join(Risk.labels)}.")
    return "p.risk = %(risk)s", int(Risk[value.upper()]), _OF_PROPOSAL


def _since(value: str) -> _Condition:
    return "r.at >= %(since)s", _time(value), _INDEXED


def _until(value: str) -> _Condition:
    return "r.at < %(until)s", _time(value), _INDEXED


def _time(value: str) -> datetime:
    try:
        if value[4:5] != "-":  # milliseconds since 1970 read like a date of the year 1733
            raise ValueError
        moment = datetime.fromisoformat(value)
        return (moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("A time looks like 2026-11-22T16:00; without a zone it is UTC.") from None


_CHECKS = {
    "outcome": _outcome,
    "by": _by,
    "reviewer": _reviewer,
    "agent": _agent,
    "action": _action,
    "team": _team,
    "risk": _risk,
    "since": _since,
    "until": _until,
}


# --- Pages --------------------------------------------------------------------------------------------

# What may be looked at for a page, from an index in its order; then the filters, and where to go on.
_SEEN = """
SELECT r.proposal_id, r.at, {answered} AS fits FROM suggestions_resolution r
 WHERE {indexed} ORDER BY r.at DESC, r.proposal_id DESC LIMIT %(look_at)s"""
_SEEN_OF_SUBJECT = """
SELECT r.proposal_id, r.at, {answered} AS fits
  FROM (SELECT id FROM suggestions_proposal p
         WHERE {then} AND subject_id <> '' AND status <> 'pending'
         ORDER BY p.id DESC LIMIT %(look_at)s) p
  JOIN suggestions_resolution r ON r.proposal_id = p.id
 WHERE {indexed} ORDER BY r.at DESC, r.proposal_id DESC"""
_PAGE = """
WITH seen AS MATERIALIZED ({seen}), found AS (
    SELECT seen.proposal_id, seen.at
      FROM seen JOIN suggestions_proposal p ON p.id = seen.proposal_id
     WHERE seen.fits AND {then} ORDER BY seen.at DESC, seen.proposal_id DESC LIMIT %(limit)s
)
SELECT proposal_id, at, false FROM found
 UNION ALL
(SELECT proposal_id, at, true FROM seen
  WHERE (SELECT count(*) FROM seen) >= %(look_at)s ORDER BY at, proposal_id LIMIT 1)
"""


@dataclass(frozen=True)
class Page:
    """Decided proposals, newest first. `next` is where to go on; None at the end."""

    ids: list[UUID]
    next: Position | None = None


def page(asked: ReadyFilters, *, before: Position | None = None, size: int = PAGE) -> Page:
    """The newest that fit, before a place: bounded by what is looked at, never by what there is."""
    sql, values = statement(asked, before, size)
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        rows = cursor.fetchall()
    found = sorted((Position(row[1], row[0]) for row in rows if not row[2]), reverse=True)
    edge = next((Position(row[1], row[0]) for row in rows if row[2]), None)
    last = found[size - 1] if len(found) > size else edge
    return Page([place.id for place in found[:size]], last)


def statement(asked: ReadyFilters, before: Position | None, size: int) -> tuple[str, dict[str, Any]]:
    """SQL and values for a page and one row more."""
    indexed, then = list(asked.indexed), asked.of_proposals
    values = {**asked.values, "limit": size + 1, "look_at": LOOK_AT}
    if before:
        indexed.append("(r.at, r.proposal_id) < (%(before_at)s, %(before_id)s)")
        values |= {"before_at": before.at, "before_id": before.id}
    source = _SEEN_OF_SUBJECT if asked.by_subject else _SEEN
    seen = source.format(
        answered=" AND ".join(asked.of_resolutions) or "true",
        indexed=" AND ".join(indexed) or "true",
        then=_of_subject(then),
    )
    return _PAGE.format(seen=seen, then=" AND ".join(then)), values


def _of_subject(then: list[str]) -> str:
    return " AND ".join(condition for condition in then if "subject" in condition) or "true"


def explain(asked: ReadyFilters) -> Any:
    """PostgreSQL's plan for the first page, for the test that watches over it."""
    sql, values = statement(asked, None, PAGE)
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (FORMAT JSON) {sql}", values)
        return cursor.fetchone()[0]


# --- What is told of each --------------------------------------------------------------------------------

_EDITED = """(SELECT string_agg(key, ', ' ORDER BY key)
    FROM jsonb_each(s.arguments) a FULL JOIN jsonb_each(r.arguments) b USING (key)
   WHERE a.value IS DISTINCT FROM b.value)"""
_SUGGESTED = "(SELECT count(*) FROM suggestions_suggestion n WHERE n.proposal_id = p.id)"
_SECONDS = "round(extract(epoch FROM r.at - p.created_at))::bigint"
_UTC = """to_char({} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')"""
_CELLS = {
    "proposal": "p.id::text",
    "decided_at": _UTC.format("r.at"),
    "outcome": "r.status",
    "by": "r.by",
    "decided_by": "r.actor_name",
    "what": "coalesce(nullif(r.sentence, ''), s.sentence, p.sentence)",
    "agent": "agent.name",
    "action": "p.action",
    "subject_type": "p.subject_type",
    "subject": "p.subject_id",
    "team": "concat_ws(' ', p.team_id, array_to_string(p.also_teams, ' '))",
    "risk": "CASE p.risk " + " ".join(f"WHEN {risk.value} THEN '{risk.label}'" for risk in Risk) + " END",
    "chosen_rank": "s.rank::text",
    "suggestions": f"{_SUGGESTED}::text",
    "edited": f"CASE WHEN s.id IS NOT NULL THEN {_EDITED} END",
    "proposed_at": _UTC.format("p.created_at"),
    "seconds_to_decide": f"{_SECONDS}::text",
    "reason": "r.reason",
    "action_digest": "r.action_digest",
    "execution": "e.status",
    "execution_ended_at": _UTC.format("e.finished_at"),
    "effect": "e.verdict",
}
_FROM = """
  FROM suggestions_resolution r
  JOIN suggestions_proposal p ON p.id = r.proposal_id
  JOIN governance_agent agent ON agent.id = p.agent_id
  LEFT JOIN suggestions_suggestion s ON s.id = r.suggestion_id
  LEFT JOIN execution_execution e ON e.proposal_id = p.id
 WHERE {where} ORDER BY r.at DESC, r.proposal_id DESC"""


def told(ids: list[UUID]) -> list[dict[str, Any]]:
    """What pages and files tell of each, in this order."""
    cells = ", ".join(f'{cell} AS "{name}"' for name, cell in _CELLS.items())
    where = _FROM.format(where="r.proposal_id = ANY(%(ids)s)")
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT r.at, {_SECONDS}, {cells} {where}", {"ids": ids})
        names = ["at", "seconds", *_CELLS]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def export(filters: Filters, reader: User, *, actor: Actor) -> Iterator[bytes]:
    """Everything that fits and that this person may see, as CSV for spreadsheets, newest first.

    That it was asked for stands in the log before the first piece. Raises `Invalid`.
    """
    asked = ready(filters, reader)
    with transaction.atomic():
        record("history.exported", actor=actor, data={"format": "csv", "filters": filters.as_json()})
    where = " AND ".join([*asked.indexed, *asked.of_resolutions, *asked.of_proposals])
    return csv_of(_CELLS, _FROM.format(where=where), asked.values)
