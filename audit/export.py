"""Handing the log out: streamed from PostgreSQL in constant memory, each export an event itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db import connection, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from audit.actors import Actor
from audit.queries import Filters, conditions
from audit.record import record

FORMATS = {"jsonl": "application/x-ndjson", "csv": "text/csv; charset=utf-8"}
CHUNK_BYTES = 64 * 1024

# A body is canonical JSON and so has no control character: with these two as quote and
# delimiter every body is written as it is, and a line of the answer is a leaf of the log.
_JSONL = r"COPY ({select}) TO STDOUT (FORMAT csv, QUOTE E'\x01', DELIMITER E'\x02')"
_CSV = "COPY ({select}) TO STDOUT (FORMAT csv, HEADER)"

# What a spreadsheet takes for the beginning of a formula; the apostrophe makes it text.
_FORMULA = "E'=+-@\\t\\r\\n＝＋－＠'"
_BODY = "body::json"
_COLUMNS = {
    "id": f"{_BODY} ->> 'id'",
    "at": f"{_BODY} ->> 'at'",
    "type": "type",
    "actor": "actor",
    "actor_name": "actor_name",
    "proposal": "proposal_id::text",
    "data": f"({_BODY} -> 'data')::text",
}


def export(format: str, filters: Filters, *, actor: Actor) -> Iterator[bytes]:
    """The events that fit, oldest first, in pieces of about 64 KiB.

    That it was asked for stands in the log before the first piece. JSONL holds the exact
    bytes of the log, a line each; CSV (RFC 4180) is for spreadsheets, and none of its cells
    begins a formula. Whoever stops reading closes the iterator, and the query ends.
    """
    with transaction.atomic():
        record("events.exported", actor=actor, data={"format": format, "filters": filters.as_json()})
    select, values = _select(format, filters)
    template = _JSONL if format == "jsonl" else _CSV
    if connection.in_atomic_block:  # then what is not committed yet is meant as well
        return _stream(connection, template.format(select=select), values, format)
    # The answer may be written by another thread, and slowly: it gets a connection of its own,
    # and this one goes back so that a request never holds two.
    connection.close()
    return _alone(template.format(select=select), values, format)


def _select(format: str, filters: Filters) -> tuple[str, list[Any]]:
    where, values = conditions(filters)
    if format == "jsonl":
        columns = "body"
    else:
        columns = ", ".join(f"{_safe(sql)} AS {name}" for name, sql in _COLUMNS.items())
    condition = f" WHERE {' AND '.join(where)}" if where else ""
    return f"SELECT {columns} FROM audit_event{condition} ORDER BY id", values


def _safe(sql: str) -> str:
    guard = f"CASE WHEN left({sql}, 1) <> '' AND strpos({_FORMULA}, left({sql}, 1)) > 0 THEN '''' ELSE '' END"
    return f"{guard} || ({sql})"


def _alone(statement: str, values: list[Any], format: str) -> Iterator[bytes]:
    own = connection.copy()
    own.inc_thread_sharing()
    try:
        yield from _stream(own, statement, values, format)
    finally:
        own.close()


def _stream(source: BaseDatabaseWrapper, statement: str, values: list[Any], format: str) -> Iterator[bytes]:
    with source.cursor() as cursor, cursor.cursor.copy(statement, values) as rows:
        waiting = bytearray()
        for row in rows:
            waiting += row
            if format == "csv":  # PostgreSQL ends a record as its machine does, RFC 4180 with CR LF
                waiting[-1:] = b"\r\n"
            if len(waiting) >= CHUNK_BYTES:
                yield bytes(waiting)
                waiting.clear()
        if waiting:
            yield bytes(waiting)
