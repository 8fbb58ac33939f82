"""How often something asks the database: as often for twelve rows as for one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import psycopg


@contextmanager
def sent() -> Iterator[list[str]]:
    """What is sent to the database meanwhile, also past Django's cursor by `audit.ground.prepared`.

    Savepoints are left out: tests have them where the product has a transaction.
    """
    found: list[str] = []
    execute = psycopg.Cursor.execute

    def noting(cursor: Any, query: Any, *args: Any, **more: Any) -> Any:
        text = query.decode() if isinstance(query, bytes) else str(query)
        if "SAVEPOINT" not in text:
            found.append(text)
        return execute(cursor, query, *args, **more)

    with patch.object(psycopg.Cursor, "execute", noting):
        yield found


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
