"""A check, what it finds, and the one state of the database that all of them look at."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.db import connection, transaction

AT_ONCE = 2_000  # rows that are fetched at a time


class Finding(NamedTuple):
    """One difference between the log and the rows.

    `event` is the id of the last event that tells of the subject, where one does.
    """

    check: str
    kind: str
    subject: str
    expected: str
    found: str
    event: int | None = None

    def __str__(self) -> str:
        told = f" (event {self.event})" if self.event else ""
        return f"{self.check}: {self.kind} {self.subject}: expected {self.expected}; found {self.found}{told}"

    def as_json(self) -> dict[str, Any]:
        return self._asdict()


@dataclass(frozen=True)
class Check:
    """Something that has to be so. `find` reads what it needs and yields whatever is not."""

    name: str
    sentence: str
    find: Callable[[], Iterator[Finding]]


@contextmanager
def one_snapshot() -> Iterator[None]:
    """Everything read in the block is of one moment: what is being written meanwhile is not seen.

    Nothing can be written in the block, and it may last as long as it takes. Not within a transaction.
    """
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        yield


def rows(statement: str, parameters: dict[str, Any] | None = None) -> Iterator[tuple[Any, ...]]:
    """The rows of a statement, of which few are here at a time however many there are."""
    with connection.chunked_cursor() as cursor:
        cursor.execute(statement, parameters)
        while some := cursor.fetchmany(AT_ONCE):
            yield from some
