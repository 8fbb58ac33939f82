"""How often something asks the database: as often for twelve rows as for one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import psycopg
from django.db import connection
from django.test.utils import CaptureQueriesContext


def counted(ask: Callable[[], Any]) -> tuple[Any, int]:
    """The answer, and the number of queries that it took."""
    with CaptureQueriesContext(connection) as captured:
        answer = ask()
    return answer, len(captured)


def statements(ask: Callable[[], Any]) -> int:
    """How many statements that took, with those that `audit.ground.prepared` sends past Django's cursor.

    A savepoint is none: tests have them where the product has a transaction.
    """
    sent: list[Any] = []
    execute = psycopg.Cursor.execute

    def counting(cursor: Any, query: Any, *args: Any, **more: Any) -> Any:
        sent.append(query)
        return execute(cursor, query, *args, **more)

    with patch.object(psycopg.Cursor, "execute", counting):
        ask()
    return sum("SAVEPOINT" not in str(query) for query in sent)


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
