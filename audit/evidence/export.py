"""Handing the log out: streamed from PostgreSQL in constant memory, each export an event itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from django.db import connection, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.http import StreamingHttpResponse

from audit.evidence.blocks import BLOCKS, events_of_block
from audit.evidence.cells import CELLS, rows_of_cells
from audit.ground.actors import Actor
from audit.log.read import Filters, conditions, named
from audit.log.record import record
from audit.sealing.sealed import places
from audit.sealing.stored import tree_size

FORMATS = {"jsonl": "application/x-ndjson", "csv": "text/csv; charset=utf-8"}
Values = Mapping[str, Any]
CHUNK_BYTES = 64 * 1024

# A body is canonical JSON and so has no control character: between these quotes it is written
# as it is, and a line of the export is a leaf of the log. PostgreSQL joins the events of a block to
# one piece: a row for each would cost Python four times as much.
_JSONL = rf"""
COPY (SELECT lines FROM {BLOCKS},
      LATERAL (SELECT string_agg(body, E'\n' ORDER BY place) AS lines FROM ({{events}}) events) found
       WHERE lines IS NOT NULL ORDER BY low)
TO STDOUT (FORMAT csv, QUOTE E'\x01', DELIMITER E'\x02', FORCE_QUOTE *)"""

# What a spreadsheet takes for the beginning of a formula; an apostrophe before it makes it text.
# As numbers: whether a cell begins so is then asked of one number, and not of a piece cut from it.
_FORMULA = ", ".join(str(ord(character)) for character in "=+-@\t\r\n＝＋－＠")
_CSV = "COPY ({rows}) TO STDOUT (FORMAT csv, HEADER)"


def _guarded(cell: str) -> str:
    return f"CASE WHEN ascii({cell}) IN ({_FORMULA}) THEN chr(39) || {cell} ELSE {cell} END"


_COLUMNS = ", ".join(f"{_guarded(cell)} AS {cell}" for cell in CELLS)


def export(format: str, filters: Filters, *, actor: Actor) -> Iterator[bytes]:
    """The sealed events that fit, in sealed order, in pieces of about 64 KiB.

    That it was asked for stands in the log before the first piece. JSONL holds the exact
    bytes of the log, a line each; CSV (RFC 4180) is for spreadsheets, and none of its cells
    begins a formula. Whoever stops reading closes the iterator, and the query ends.
    """
    size = tree_size()
    with transaction.atomic():
        data = {"format": format, "filters": filters.as_json(), "size": size}
        record("events.exported", actor=actor, data=data)
    where, values = named(*conditions(filters))
    begin, end = places(filters, size=size)
    values |= {"begin": begin, "end": end}
    if format == "jsonl":
        return _copied(_JSONL.format(events=events_of_block(where)), values, _blocks)
    return _copied(_CSV.format(rows=rows_of_cells(_COLUMNS, where=where)), values, _records)


def csv_of(cells: Mapping[str, str], rest: str, values: Mapping[str, Any]) -> Iterator[bytes]:
    """The rows of `SELECT <cells> <rest>` as CSV for spreadsheets, streamed in constant memory.

    `cells` are texts in SQL by the names of their columns. The caller has recorded that it was asked for.
    """
    columns = ", ".join(f'{_guarded(cell)} AS "{name}"' for name, cell in cells.items())
    return _copied(_CSV.format(rows=f"SELECT {columns} {rest}"), values, _records)


def _copied(statement: str, values: Values, joined: Callable[[list[Any]], bytes]) -> Iterator[bytes]:
    if connection.in_atomic_block:  # then what is not committed yet is meant as well
        return _stream(connection, statement, values, joined)
    # The answer may be written by another thread, and slowly: it gets a connection of its own,
    # and this one goes back so that a request never holds two.
    connection.close()
    return _alone(statement, values, joined)


def download(format: str, pieces: Iterator[bytes], *, name: str = "events") -> StreamingHttpResponse:
    """The export as a file, sent as it is read."""
    return attachment(pieces, FORMATS[format], f"{name}.{format}")


def attachment(pieces: Iterator[bytes], content_type: str, file: str) -> StreamingHttpResponse:
    """A file that is sent while it is made, and kept by nobody on the way."""
    return StreamingHttpResponse(
        pieces,
        content_type=content_type,
        headers={
            "Content-Disposition": f'attachment; filename="{file}"',
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
            "X-Accel-Buffering": "no",
        },
    )


def _blocks(pieces: list[Any]) -> bytes:
    return b"\n".join([*(piece[1:-2] for piece in pieces), b""])


def _records(pieces: list[Any]) -> bytes:
    """PostgreSQL ends a record as its machine ends a line, RFC 4180 with CR LF."""
    return b"\r\n".join([*(piece[:-1] for piece in pieces), b""])


def _alone(statement: str, values: Values, joined: Callable[[list[Any]], bytes]) -> Iterator[bytes]:
    own = connection.copy()
    own.inc_thread_sharing()
    try:
        yield from _stream(own, statement, values, joined)
    finally:
        own.close()


def _stream(
    source: BaseDatabaseWrapper, statement: str, values: Values, joined: Callable[[list[Any]], bytes]
) -> Iterator[bytes]:
    with source.cursor() as cursor, cursor.cursor.copy(statement, values) as pieces:
        waiting: list[Any] = []
        size = 0
        for piece in pieces:
            waiting.append(piece)
            size += len(piece)
            if size >= CHUNK_BYTES:
                yield joined(waiting)
                waiting, size = [], 0
        if waiting:
            yield joined(waiting)
