"""Rows that wait for a worker: told of by the name of a task, found again when the message is lost,
taken by one worker at a time, tried again later or given up.

The row is the truth and the message a hint: `tell` sends one after the commit, `tell_due` one for every
row whose time has come and of which the broker was not told lately.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, NamedTuple
from uuid import UUID

from celery import current_app
from django.db import connection

from audit.outbox.tell_worker import Room, lost_after, tell_worker
from audit.statements.prepared import execute


class Waits(NamedTuple):
    """A kind of row that a worker should take, as SQL: which rows, and the moment since when."""

    which: str
    since: str


_LOST = "statement_timestamp() - make_interval(secs => %(lost_after)s)"


@dataclass(frozen=True)
class Outbox:
    """The rows of one table, with the task that sees to one of them by its id.

    The table has `id` and `queued_at`, the time at which the broker was last told of the row.
    """

    table: str
    task: str
    waits: tuple[Waits, ...]
    unless: str = "FALSE"  # SQL; such rows are left alone
    order: str = "due_at"
    queue: str = "celery"
    at_once: int = 500
    room: Room | None = None  # where the task goes on with other rows that are due; else each is told of

    def tell(self, row_id: UUID) -> None:
        """Ask a worker to see to this row, once the transaction is committed."""
        tell_worker(self.task, row_id, self.room)

    def due(self, **values: Any) -> list[UUID]:
        """Rows that a worker should take and that the broker was not told of lately; it counts as told now.

        A message that was sent before the row became due says nothing; one that was sent since is given
        some time before it is taken for lost. `values` are those that `waits` and `unless` ask for.
        """
        with connection.cursor() as cursor:
            cursor.execute(self._statement(), {"lost_after": lost_after(self.queue), **values})
            return [row[0] for row in cursor.fetchall()]

    def tell_due(self, **values: Any) -> None:
        """Tell the broker of every row that is due: of lost messages, and of every later try."""
        for row_id in self.due(**values):
            if self.room is None or self.room.take():
                current_app.send_task(self.task, (str(row_id),))

    def _statement(self) -> str:
        due = " OR ".join(
            f"(({one.which}) AND {one.since} <= statement_timestamp()"
            f" AND coalesce(queued_at, '-infinity') < greatest({one.since}, {_LOST}))"
            for one in self.waits
        )
        return f"""
            UPDATE {self.table} SET queued_at = statement_timestamp()
             WHERE id IN (SELECT id FROM {self.table} AS e
                           WHERE ({due}) AND NOT ({self.unless})
                           ORDER BY {self.order} LIMIT {self.at_once} FOR UPDATE SKIP LOCKED)
         RETURNING id"""


class Attempt(NamedTuple):
    """The right to make one attempt: its number, from 1, and the database's time."""

    number: int
    at: datetime


_WAITING = (Waits("status = 'waiting'", "due_at"),)


@dataclass(frozen=True)
class Sending(Outbox):
    """An outbox whose rows are sent somewhere: tried until they arrive, or `pauses` are used up.

    The table has `status`, which is `waiting` until it ends, `attempts`, `due_at` and `last_error` besides.
    """

    waits: tuple[Waits, ...] = _WAITING
    claimed_seconds: float = 60  # by then an attempt is over, or the worker that made it is gone
    pauses: Sequence[float] = ()  # seconds after each attempt that failed
    may: str = "TRUE"  # SQL; no attempt is made of other rows

    def take(self, row_id: UUID) -> Attempt | None:
        """Make this the one sender of the next attempt; None where none is due.

        A worker that is killed afterwards leaves a row that is due again after `claimed_seconds`.
        """
        taken = execute(self._take_it, [str(self.claimed_seconds), row_id])
        return Attempt(*taken[0][1:]) if taken else None

    def take_next(self) -> tuple[UUID, Attempt] | None:
        """The same of the row that has been due longest, of those that nobody else is about to take."""
        taken = execute(self._take_next, [str(self.claimed_seconds)])
        return (taken[0][0], Attempt(*taken[0][1:])) if taken else None

    @property
    def attempts(self) -> int:
        """How many there are at most."""
        return len(self.pauses) + 1

    def end(self, row_id: UUID, number: int, status: str, *, error: str = "") -> bool:
        """Write down how it ended with this attempt; False where another worker took over meanwhile."""
        return self._write(row_id, number, "status = %s, last_error = %s", [status, error])

    def put_off(self, row_id: UUID, number: int, seconds: float, *, error: str) -> bool:
        """Have it tried again in so many seconds; False where another worker took over meanwhile."""
        later = "due_at = statement_timestamp() + make_interval(secs => %s), last_error = %s"
        return self._write(row_id, number, later, [seconds, error])

    def _write(self, row_id: UUID, number: int, changes: str, values: list[Any]) -> bool:
        written = execute(
            f"UPDATE {self.table} SET {changes}"
            " WHERE id = %s AND attempts = %s AND status = 'waiting' RETURNING id",
            [*values, row_id, str(number)],
        )
        return bool(written)

    @cached_property
    def _take_it(self) -> str:
        return self._take.format(which=f"id = %s AND {self._is_due}")

    @cached_property
    def _take_next(self) -> str:
        first = f"SELECT id FROM {self.table} WHERE {self._is_due} ORDER BY due_at LIMIT 1"
        return self._take.format(which=f"id = ({first} FOR UPDATE SKIP LOCKED)")

    @property
    def _is_due(self) -> str:
        return f"status = 'waiting' AND due_at <= statement_timestamp() AND ({self.may})"

    @property
    def _take(self) -> str:
        return f"""
            UPDATE {self.table}
               SET attempts = attempts + 1, due_at = statement_timestamp() + make_interval(secs => %s)
             WHERE {{which}}
         RETURNING id, attempts, statement_timestamp()"""
