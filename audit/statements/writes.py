"""What a transaction changes, sent to PostgreSQL as one statement.

Within `as_one()` what is stored, changed and written is gathered, and sent at the end of the block or before
the next question, so that whoever asks sees all that was written before. Outside of it each is sent at once.
None of what is gathered may rest on another part of it, but for the order of rows in one table.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from enum import Enum
from functools import cache, lru_cache
from typing import Any, TypeVar

import psycopg
from django.db import DEFAULT_DB_ALIAS, OperationalError, connection, connections
from django.db.models import Field, JSONField, Model
from django.db.models.expressions import DatabaseDefault
from django.db.models.functions import Now
from psycopg.types.json import Jsonb

C = TypeVar("C", bound=psycopg.Cursor[Any])
Part = tuple[str, Sequence[Any]]  # of a statement, with its parameters
Computed = Part
Row = tuple[type[Model], Any]
Timed = tuple[Model, str]


class FirstFailed(OperationalError):
    """What was sent ahead of a statement failed, so that the statement was not run."""


class NotInTransaction(RuntimeError):
    """Something was about to be written apart from the change that it belongs to."""


class _Gathered:
    """Parts of a statement to come, with their parameters in order."""

    def __init__(self) -> None:
        self.added: dict[str, list[Part]] = {}
        self.changed: dict[Row, dict[str, Any]] = {}
        self.written: list[Part] = []
        self.timed: list[Timed] = []  # fields that are the moment of the statement

    def send(self) -> None:
        parts = [*self._insertions(), *self._updates(), *self.written]
        if not parts:
            return
        timed = self.timed
        self.added, self.changed, self.written, self.timed = {}, {}, [], []
        _send(parts, timed)

    def _insertions(self) -> Iterator[Part]:
        for into, rows in self.added.items():
            lines = ", ".join(text for text, _ in rows)
            yield f"INSERT INTO {into} VALUES {lines}", [value for _, values in rows for value in values]

    def _updates(self) -> Iterator[Part]:
        for (model, pk), values in self.changed.items():
            changes = ", ".join(f'"{column}" = %s' for column in values)
            where = f'"{model._meta.pk.column}" = %s'
            yield f"UPDATE {model._meta.db_table} SET {changes} WHERE {where}", [*values.values(), pk]

    def before_a_question(self, execute: Callable[..., Any], *asked: Any) -> Any:
        self.send()
        return execute(*asked)


@contextmanager
def as_one() -> Iterator[None]:
    """Gather what is written in the block. Within another block it is that one which sends.

    Where the block raises, nothing of it is sent: the transaction has to be rolled back, as it would be
    anyway. Raises `NotInTransaction`, and the database's errors when the statement is sent.
    """
    if _gathered() is not None:
        yield
        return
    if not connection.in_atomic_block:
        raise NotInTransaction
    gathered = connection.gathered = _Gathered()  # type: ignore[attr-defined]
    try:
        with connection.execute_wrapper(gathered.before_a_question):
            yield
            gathered.send()
    finally:
        connection.gathered = None  # type: ignore[attr-defined]


def send() -> None:
    """Send what was gathered so far. To be called before a question that does not go through Django."""
    if (gathered := _gathered()) is not None:
        gathered.send()


def add(into: str, values: str, parameters: Sequence[Any]) -> None:
    """Add a row: `add("audit_event (body)", "(%s)", [body])`. Rows of one `into` stay in order."""
    _add(into, values, parameters, [])


def _add(into: str, values: str, parameters: Sequence[Any], timed: list[Timed]) -> None:
    if (gathered := _gathered()) is not None:
        gathered.added.setdefault(into, []).append((values, parameters))
        gathered.timed += timed
    else:
        _send([(f"INSERT INTO {into} VALUES {values}", parameters)], timed)


def write(statement: str, parameters: Sequence[Any]) -> None:
    """Run a statement that changes rows, with `%s` for each parameter; what it returns is not looked at."""
    if (gathered := _gathered()) is not None:
        gathered.written.append((statement, parameters))
    else:
        _send([(statement, parameters)])


def store(instance: Model, **computed: Computed) -> None:
    """Insert an instance. Raises what the database raises, when it is sent.

    `computed` are fields that the database works out: a text of SQL with its parameters. It is asked for them
    when somebody reads them. Fields that are `Now()` by default are known once the row is sent.
    """
    own = instance.__dict__
    fields = [f for f in _columns(type(instance)) if f.attname in computed or _is_given(f, own[f.attname])]
    cells = [computed.get(f.attname) or ("%s", [_adapted(f, own[f.attname])]) for f in fields]
    columns = ", ".join(f'"{f.column}"' for f in fields)
    marks = ", ".join(mark for mark, _ in cells)
    parameters = [value for _, values in cells for value in values]
    timed = _forget(instance, computed)
    instance._state.adding, instance._state.db = False, "default"
    _add(f"{type(instance)._meta.db_table} ({columns})", f"({marks})", parameters, timed)


def change(instance: Model, *fields: str) -> None:
    """Write these fields of a stored instance. Of several changes of one row the last value counts."""
    gathered = _gathered()
    if gathered is None:
        instance.save(update_fields=fields)
        return
    values = gathered.changed.setdefault((type(instance), instance.pk), {})
    for name in fields:
        field: Any = type(instance)._meta.get_field(name)
        values[field.column] = _adapted(field, getattr(instance, field.attname))


def _is_given(field: Field[Any, Any], value: Any) -> bool:
    """Whether the value comes from us: neither a default of the database nor a number that it counts."""
    return not isinstance(value, DatabaseDefault) and not (field.primary_key and value is None)


def _forget(instance: Model, computed: Collection[str]) -> list[Timed]:
    """Drop what stands for values that the database makes; those that will be its present moment."""
    timed = []
    for name, value in list(instance.__dict__.items()):
        if name in computed or isinstance(value, DatabaseDefault):
            del instance.__dict__[name]
        if isinstance(value, DatabaseDefault) and name not in computed and isinstance(_default(value), Now):
            timed.append((instance, name))
    return timed


def _default(value: Any) -> Any:
    return value.expression


def run(
    statement: bytes, parameters: Sequence[Any], *, after: Part | None = None, binary: bool = False
) -> list[tuple[Any, ...]]:
    """The rows of a prepared statement whose parameters are `numbered`. Raises Django's database errors.

    With a statement that goes first, as `after`, both are one trip and one transaction, and it sees what was
    committed while that one waited. Raises `FirstFailed`.
    """
    django = connections[DEFAULT_DB_ALIAS]
    django.close_if_health_check_failed()
    django.ensure_connection()
    cursor = _kept(django.connection, psycopg.RawCursor)
    with django.wrap_database_errors:
        with _after(after, django.connection) if after else nullcontext():
            cursor.execute(statement, parameters, prepare=True, binary=binary)
        return cursor.fetchall()


@contextmanager
def _after(first: Part, connection: psycopg.Connection[Any]) -> Iterator[None]:
    """What is executed in the block is sent in one trip with another one before it. Raises `FirstFailed`."""
    ahead = _kept(connection, _Ahead)
    try:
        with connection.pipeline():
            ahead.execute(numbered(first[0])[0], first[1], prepare=True)
            yield
    except psycopg.Error as error:
        if ahead.pgresult is None:
            raise FirstFailed(str(error)) from error
        raise


class _Ahead(psycopg.RawCursor[Any]):
    """A cursor of its own for what goes first."""


def _kept(connection: psycopg.Connection[Any], kind: type[C]) -> C:
    """A cursor that the connection keeps: a new one each time would cost half of a short statement."""
    kept: dict[type, Any] = vars(connection).setdefault("kept_cursors", {})
    return kept.get(kind) or kept.setdefault(kind, kind(connection))


@lru_cache(maxsize=1_024)
def numbered(statement: str) -> tuple[bytes, tuple[str, ...]]:
    """A statement with `$1` for what is `%(name)s` or `%s` in it, and the names in this order.

    Any other percent sign stands for itself. psycopg would look through a long statement again each time.
    """
    names: dict[str, int] = {}

    def number(found: re.Match[str]) -> str:
        name = found[1] or f"{len(names)}"
        return f"${names.setdefault(name, len(names) + 1)}"

    text = re.sub(r"%s|%\((\w+)\)s", number, statement)
    return text.encode(), tuple(names)


def _gathered() -> _Gathered | None:
    return getattr(connection, "gathered", None)


def _adapted(field: Field[Any, Any], value: Any) -> Any:
    """As PostgreSQL is given it. Numbers go as text: their size would make another statement of it."""
    if value is not None and isinstance(field, JSONField):
        return Jsonb(value)
    if isinstance(value, Enum):
        value = value.value
    return str(value) if type(value) is int else value


@cache
def _columns(model: type[Model]) -> list[Field[Any, Any]]:
    return [field for field in model._meta.concrete_fields if not field.generated]


@lru_cache(maxsize=256)
def _assembled(parts: tuple[str, ...]) -> bytes:
    """One statement out of several; it tells its moment."""
    named = ", ".join(f"part{n} AS ({part})" for n, part in enumerate(parts))
    return numbered(f"WITH {named} SELECT statement_timestamp()")[0]


def _send(parts: Sequence[Part], timed: Sequence[Timed] = ()) -> None:
    statement = _assembled(tuple(text for text, _ in parts))
    [(moment,)] = run(statement, [value for _, values in parts for value in values])
    for instance, name in timed:
        instance.__dict__[name] = moment
