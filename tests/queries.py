"""How often something asks the database: as often for twelve rows as for one."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

import psycopg
from django.db import connection
from django.test.utils import CaptureQueriesContext


def counted(ask: Callable[[], Any]) -> tuple[Any, int]:
    """The answer, and the number of queries that it took."""
    with CaptureQueriesContext(connection) as captured:
        answer = ask()
    return answer, len(captured)


_WRITES = re.compile(r"\b(INSERT|UPDATE|DELETE)\b")


@dataclass
class Spent:
    """What was sent to PostgreSQL: the statements, and how often transactions were committed."""

    statements: list[str] = field(default_factory=list)
    commits: int = 0


@contextmanager
def spent() -> Iterator[Spent]:
    """Counts what is sent meanwhile, prepared statements too, which go past Django."""
    found = Spent()
    execute, commit = psycopg.Cursor.execute, psycopg.Connection.commit

    def executed(cursor: Any, query: Any, *args: Any, **kwargs: Any) -> Any:
        found.statements.append(" ".join(str(query).split()))
        if cursor.connection.autocommit and _WRITES.search(str(query)):
            found.commits += 1  # it is a transaction by itself
        return execute(cursor, query, *args, **kwargs)

    def committed(connection: Any) -> None:
        found.commits += 1
        commit(connection)

    with (
        mock.patch.object(psycopg.Cursor, "execute", executed),
        mock.patch.object(psycopg.Connection, "commit", committed),
    ):
        yield found


def last_of_twelve(get: Callable[[], Any], add: Callable[[int], Any]) -> Any:
    """The answer with twelve rows, which asks as often as the one with a single row did.

    `add(n)` makes the n-th row, from 0 on.
    """
    add(0)
    get()  # what is noted or remembered at the first time counts for neither
    _, one = counted(get)
    for n in range(1, 12):
        add(n)
    answer, twelve = counted(get)
    assert twelve == one
    return answer


def same_queries_at(few: int, many: int, add: Callable[[int], Any], ask: Callable[[], int]) -> None:
    """`ask` costs the same with few rows as with many; it returns how many rows it found.

    `add(n)` makes the n-th row, from 0 on.
    """
    made = 0
    counts = []
    for wanted in (few, many):
        for n in range(made, wanted):
            add(n)
        made = wanted
        ask()  # what a process keeps ready is asked for once
        with CaptureQueriesContext(connection) as captured:
            assert ask() == wanted
        counts.append(Counter(query["sql"][:60] for query in captured))
    assert counts[0].total() == counts[1].total(), counts[1] - counts[0]
