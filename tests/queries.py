"""How often something asks the database: as often for twelve rows as for one."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

import psycopg

_WRITES = re.compile(r"\b(INSERT|UPDATE|DELETE)\b")

# Switched off alone, a sequential scan still counts as cheap where PostgreSQL chooses between an index
# and a hash of the whole table for an EXISTS.
_WHOLE_IS_DEAR = {"enable_seqscan": "off", "seq_page_cost": "1e9"}


@dataclass
class Spent:
    """What was sent to PostgreSQL: the statements, and how often transactions were committed."""

    statements: list[str] = field(default_factory=list)
    commits: int = 0


@contextmanager
def spent() -> Iterator[Spent]:
    """Counts what is sent meanwhile, prepared statements too, which go past Django's cursor.

    Savepoints are left out: tests have them where the product has a transaction.
    """
    found = Spent()
    execute, commit = psycopg.Cursor.execute, psycopg.Connection.commit

    def executed(cursor: Any, query: Any, *args: Any, **kwargs: Any) -> Any:
        text = " ".join((query.decode() if isinstance(query, bytes) else str(query)).split())
        if "SAVEPOINT" not in text:
            found.statements.append(text)
        if cursor.connection.autocommit and _WRITES.search(text):
            found.commits += 1  # it is a transaction by itself
        return execute(cursor, query, *args, **kwargs)

    def committed(connection: Any) -> None:
        found.commits += 1
        commit(connection)

    with (
        patch.object(psycopg.Cursor, "execute", executed),
        patch.object(psycopg.Connection, "commit", committed),
    ):
        yield found


@contextmanager
def sent() -> Iterator[list[str]]:
    """The statements that are sent meanwhile."""
    with spent() as found:
        yield found.statements


def statements(ask: Callable[[], Any]) -> int:
    """How many statements that took."""
    return counted(ask)[1]


def counted(ask: Callable[[], Any]) -> tuple[Any, int]:
    """The answer, and the number of statements that it took."""
    with sent() as found:
        answer = ask()
    return answer, len(found)


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
        with sent() as found:
            assert ask() == wanted
        counts.append(Counter(text[:60] for text in found))
    assert counts[0].total() == counts[1].total(), counts[1] - counts[0]


@contextmanager
def plans() -> Iterator[list[str]]:
    """How PostgreSQL would answer what is asked meanwhile, if it read whole only what has no index."""
    found: list[str] = []
    execute = psycopg.Cursor.execute

    def explained(cursor: Any, query: Any, params: Any = None, **kwargs: Any) -> Any:
        text = query.decode() if isinstance(query, bytes) else str(query)
        if text.lstrip(" (\n").startswith(("SELECT", "WITH")):
            kind = psycopg.RawCursor if isinstance(cursor, psycopg.RawCursor) else psycopg.Cursor
            with kind(cursor.connection) as aside:
                for setting, value in _WHOLE_IS_DEAR.items():
                    execute(aside, f"SET LOCAL {setting} = {value}")
                rows = execute(aside, f"EXPLAIN {text}", params).fetchall()
                for setting in _WHOLE_IS_DEAR:
                    execute(aside, f"SET LOCAL {setting} TO DEFAULT")
            found.append("\n".join([text, *(line for (line,) in rows)]))
        return execute(cursor, query, params, **kwargs)

    with patch.object(psycopg.Cursor, "execute", explained):
        yield found
