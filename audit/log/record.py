"""The only way an event comes into the log."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import connection, transaction

from audit.ground.actors import Actor
from audit.ground.canonical import canonical
from audit.ground.ids import uuid7
from audit.log.event_types import WrongEvent, event_type
from audit.statements.writes import NotInTransaction, add


def as_utc(moment: str) -> str:
    """SQL for a moment as events write it: RFC 3339 in UTC, with microseconds."""
    return f"to_char({moment} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"


NOW_SQL = as_utc("clock_timestamp()")
BODY_SQL = f"(%s || {NOW_SQL} || %s)"  # what `compose` returns, with the database's time between
TIME_BYTES = len("2026-11-22T16:00:00.000000Z")
MOST_BYTES = 65_535  # of an event: C2SP tlog-tiles tells the length of an entry in 16 bits
_MANY = "unnest(%s::text[], %s::text[]) AS _ (before, after)"
_INSERT_MANY = f"INSERT INTO audit_event (body) SELECT before || {NOW_SQL} || after FROM {_MANY}"


def record(type: str, *, actor: Actor, data: dict[str, Any], proposal: UUID | None = None) -> None:
    """Write an event in the transaction of the change it tells of.

    `type` and the shape of `data` stand in `audit.log.event_types`: facts, versions, digests and commitments,
    never personal or free text. Raises `WrongEvent`, and `NotInTransaction` outside a transaction.
    """
    if not connection.in_atomic_block:
        raise NotInTransaction(type)
    add("audit_event (body)", BODY_SQL, compose(type, actor=actor, data=data, proposal=proposal))


def record_many(type: str, *, actor: Actor, about: list[tuple[UUID, dict[str, Any]]]) -> None:
    """`record` for many proposals, each with its data, in one statement."""
    if not connection.in_atomic_block:
        raise NotInTransaction(type)
    composed = [compose(type, actor=actor, data=data, proposal=proposal) for proposal, data in about]
    with connection.cursor() as cursor:
        cursor.execute(_INSERT_MANY, [[before for before, _ in composed], [after for _, after in composed]])


def record_alone(type: str, *, actor: Actor, data: dict[str, Any], proposal: UUID | None = None) -> None:
    """Write an event that tells of a refusal, in a transaction of its own that no rollback erases."""
    with transaction.atomic(durable=True):
        record(type, actor=actor, data=data, proposal=proposal)


def compose(
    type: str, *, actor: Actor, data: dict[str, Any], proposal: UUID | None = None
) -> tuple[str, str]:
    """The canonical body in two halves, split where the database puts its time.

    Keys are in RFC 8785 order by construction: actor, at, data, id, proposal, type, v. Raises `WrongEvent`.
    """
    event_type(type).check(data)
    before = b'{"actor":' + canonical(actor.as_json()) + b',"at":"'
    rest: dict[str, Any] = {"data": data, "id": str(uuid7()), "type": type, "v": 1}
    if proposal is not None:
        rest["proposal"] = str(proposal)
    after = b'",' + canonical(rest)[1:]
    if len(before) + len(after) > MOST_BYTES - TIME_BYTES:
        raise WrongEvent(f"{type}: it is longer than an entry of the log may be.")
    return before.decode(), after.decode()
