"""Reading the log: what can be asked, and pages of it that cost the same however long it is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection

from audit.ground.ids import read_uuid
from audit.ground.refusals import Invalid
from audit.models import Event

PAGE = 50
LARGEST_ID = 2**63 - 1
_TYPE = re.compile(r"[a-z_]{1,64}(\.[a-z_]{0,64})?")

# Events are numbered and dated within the same insert, so the numbers rise with time. This is
# by how much they may not: clocks set back, and inserts that overtook each other.
DISORDER = timedelta(hours=1)


# What an event is about, as `audit_event_by_action` has it.
ACTION = """coalesce(split_part(body::jsonb -> 'data' ->> 'action', '@', 1),
    body::jsonb -> 'data' -> 'suggestions' -> 0 ->> 'action')"""
MOST_CHOICES = 500
NAMES = ("type", "actor", "action", "proposal", "since", "until")  # of the filters, as people spell them


@dataclass(frozen=True)
class Filters:
    """What is wanted of the log; None means everything.

    `type` is exact, or everything that begins with it when it ends with a point
    (`proposal.`) or has none (`proposal`). `action` are the events that name that action: what
    was handed in, decided and trusted of it.
    """

    type: str | None = None
    actor: str | None = None
    proposal: UUID | None = None
    since: datetime | None = None
    until: datetime | None = None
    action: str | None = None

    @property
    def active(self) -> bool:
        return any(getattr(self, field.name) is not None for field in fields(self))

    def as_json(self) -> dict[str, str]:
        """What was asked for, for the event that tells of an export."""
        given = ((field.name, getattr(self, field.name)) for field in fields(self))
        return {
            name: value.isoformat() if isinstance(value, datetime) else str(value)
            for name, value in given
            if value is not None
        }

    @classmethod
    def read(cls, asked: Mapping[str, str], *, allowed: Iterable[str] | None = None) -> Filters:
        """The filters in a query string; empty means not asked. Raises `Invalid`, naming each bad one."""
        readers: dict[str, Any] = {
            "type": _type,
            "actor": _name,
            "proposal": _uuid,
            "since": _time,
            "until": _time,
        }
        readers["action"] = _name
        found: dict[str, Any] = {}
        errors = []
        for name in allowed or readers:
            value = asked.get(name, "").strip()
            if not value:
                continue
            try:
                found[name] = readers[name](value)
            except ValueError as error:
                errors.append({"pointer": f"?{name}", "detail": f"{name} {error}"})
        if errors:
            raise Invalid(errors)
        return cls(**found)


def _type(value: str) -> str:
    if not _TYPE.fullmatch(value):
        raise ValueError("must look like proposal.submitted, or proposal. for everything that begins so.")
    return value


def _name(value: str) -> str:
    if len(value) > 200 or "\0" in value:
        raise ValueError("must be a name of at most 200 characters.")
    return value


def _uuid(value: str) -> UUID:
    found = read_uuid(value)
    if found is None:
        raise ValueError("must be the identifier of a proposal (a UUID).")
    return found


def _time(value: str) -> datetime:
    try:
        if value[4:5] != "-":  # milliseconds since 1970 read like a date of the year 1733
            raise ValueError
        moment = datetime.fromisoformat(value.replace(" ", "+") if value[-6:-5] == " " else value)
        return (moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("must be a time such as 2026-11-22T16:00:00Z; without a zone it is UTC.") from None


@dataclass(frozen=True)
class Page:
    """Events, newest first, and where to go on: before the oldest, after the newest of them."""

    events: list[Event]
    older: int | None
    newer: int | None


def page(filters: Filters, *, before: int | None = None, after: int | None = None, size: int = PAGE) -> Page:
    """The newest events that fit; those just before, or just after, an event's number."""
    if after is not None:
        found = in_order(filters, after=after, limit=size + 1)
        events, more = found[:size][::-1], len(found) > size
        older = events[-1].pk if events else after + 1
        return Page(events, older=older, newer=events[0].pk if more else None)
    found = _select(filters, "id < %s", before or LARGEST_ID, "DESC", size + 1)
    events, more = found[:size], len(found) > size
    return Page(
        events,
        older=events[-1].pk if more else None,
        newer=events[0].pk if events and before is not None else None,
    )


def in_order(filters: Filters, *, after: int, limit: int) -> list[Event]:
    """The oldest events after an event's number, in the order of their numbers."""
    return _select(filters, "id > %s", after, "ASC", limit)


def _select(filters: Filters, edge: str, edge_id: int, direction: str, limit: int) -> list[Event]:
    where, values = conditions(filters, with_type=False)
    where, values = [edge, "id BETWEEN %s AND %s", *where], [edge_id, *numbers(filters), *values]
    columns = "id, body, type, at, actor, actor_name, proposal_id"
    if filters.type is None:
        sql = f"SELECT {columns} FROM audit_event WHERE {' AND '.join(where)}"
        return list(Event.objects.raw(f"{sql} ORDER BY id {direction} LIMIT %s", [*values, limit]))
    # Of each type its own few, from the index by type, whether it is frequent or rare.
    sql = f"""
        SELECT e.* FROM unnest(%s::text[]) AS wanted(name), LATERAL (
               SELECT {columns} FROM audit_event
                WHERE type = wanted.name AND {" AND ".join(where)}
                ORDER BY id {direction} LIMIT %s) e
         ORDER BY id {direction} LIMIT %s"""
    return list(Event.objects.raw(sql, [types_named(filters.type), *values, limit, limit]))


def numbers(filters: Filters) -> tuple[int, int]:
    """The lowest and the highest number that an event which fits the times can have."""
    low = 0 if filters.since is None else first_id_at(filters.since, earlier=True)
    high = LARGEST_ID if filters.until is None else first_id_at(filters.until, earlier=False)
    return low, high


def conditions(filters: Filters, *, with_type: bool = True) -> tuple[list[str], list[Any]]:
    """The filters as SQL conditions and their values."""
    found: list[tuple[str, Any]] = []
    if filters.type is not None and with_type:
        found.append(("type = ANY(%s)", types_named(filters.type)))
    if filters.actor is not None:
        found.append(("actor_name = %s", filters.actor))
    if filters.proposal is not None:
        found.append(("proposal_id = %s", filters.proposal))
    if filters.action is not None:
        found.append((f"{ACTION} = %s", filters.action))
    if filters.since is not None:
        found.append(("at >= %s", filters.since))
    if filters.until is not None:
        found.append(("at < %s", filters.until))
    return [condition for condition, _value in found], [value for _condition, value in found]


def named(conditions: list[str], values: list[Any]) -> tuple[str, dict[str, Any]]:
    """The conditions as one, with names for their values, which then can stand twice."""
    names = [f"value_{number}" for number in range(len(values))]
    found = [one.replace("%s", f"%({name})s") for one, name in zip(conditions, names, strict=True)]
    return " AND ".join(found) or "true", dict(zip(names, values, strict=True))


def types_named(wanted: str) -> list[str]:
    """The types in the log that a filter means."""
    if "." in wanted and not wanted.endswith("."):
        return [wanted]
    prefix = wanted.rstrip(".") + "."
    return [name for name in types() if name.startswith(prefix)]


def types() -> list[str]:
    """Every type of event in the log, in one step of its index each."""
    return _each("type", most=None)


def actors() -> list[str]:
    """The names of whoever did something, the first `MOST_CHOICES` of them."""
    return _each("actor_name")


def actions() -> list[str]:
    """The actions that events name, the first `MOST_CHOICES` of them."""
    return _each(ACTION)


def _each(value: str, *, most: int | None = MOST_CHOICES) -> list[str]:
    """Every value of a column or expression that has an index, in one step of that index each."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            WITH RECURSIVE found(value) AS (
                (SELECT {value} FROM audit_event WHERE {value} IS NOT NULL ORDER BY {value} LIMIT 1)
                UNION ALL
                SELECT (SELECT {value} FROM audit_event WHERE {value} > found.value ORDER BY {value} LIMIT 1)
                  FROM found WHERE found.value IS NOT NULL)
            SELECT value FROM found WHERE value IS NOT NULL LIMIT %s""",
            [most],
        )
        return [name for (name,) in cursor.fetchall()]


def first_id_at(moment: datetime, *, earlier: bool) -> int:
    """A number that no event on this side of a time has: by halving, in some thirty steps.

    Every event since `moment` has this number or a higher one (`earlier`), or every event
    before it a lower one. It narrows a search; the time itself is compared as well.
    """
    try:
        edge = moment - DISORDER if earlier else moment + DISORDER
    except OverflowError:
        return 0 if earlier else LARGEST_ID
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH RECURSIVE search(low, high) AS (
                SELECT coalesce(min(id), 0), coalesce(max(id), 0) + 1 FROM audit_event
                UNION ALL
                SELECT CASE WHEN e.at < %(edge)s THEN e.id + 1 ELSE low END,
                       CASE WHEN e.at < %(edge)s THEN high ELSE (low + high) / 2 END
                  FROM search, LATERAL (SELECT id, at FROM audit_event
                                         WHERE id >= (low + high) / 2 ORDER BY id LIMIT 1) e
                 WHERE low < high)
            SELECT max(low), (SELECT max(id) FROM audit_event) FROM search""",
            {"edge": edge},
        )
        found, newest = cursor.fetchone()
    if not earlier and found > (newest or 0):
        return LARGEST_ID  # what is written from now on may still be before that time
    return int(found)
