"""Every statement that goes to PostgreSQL, those that do not pass through Django's cursors too."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import psycopg

_execute = psycopg.Cursor.execute


@contextmanager
def statements() -> Iterator[list[str]]:
    """The texts of the statements of the block, without those that begin and end transactions."""
    sent: list[str] = []

    def noting(self: Any, query: Any, *args: Any, **options: Any) -> Any:
        text = query.decode() if isinstance(query, bytes) else str(query)
        if "SAVEPOINT" not in text:
            sent.append(text)
        return _execute(self, query, *args, **options)

    with mock.patch.object(psycopg.Cursor, "execute", noting):
        yield sent
