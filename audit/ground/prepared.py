"""For the busiest paths: statements that PostgreSQL plans once, instances that Django makes quickly."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, TypeVar
from uuid import UUID

import psycopg
from django.db import connection
from django.db.models import Model
from django.db.models.base import ModelState

M = TypeVar("M", bound=Model)


def execute(statement: str, parameters: Mapping[str, Any] | Sequence[Any]) -> list[tuple[Any, ...]]:
    """Run a prepared statement that gives rows, in the current transaction if there is one.

    Values travel apart from the text. Raises Django's database errors, like any other query.
    """
    connection.ensure_connection()
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        cursor.execute(statement, parameters, prepare=True)
        return cursor.fetchall()


def stored(model: type[M], row: Mapping[str, Any], **related: Model | None) -> M:
    """An instance of what `row_to_json` made of a row, with those that its foreign keys lead to.

    Columns that are not in the row are deferred.
    """
    known = [(name, load, row[column]) for column, name, load in _columns(model) if column in row]
    values = [load(value) if load and value is not None else value for _, load, value in known]
    instance = model.from_db("default", [name for name, _, _ in known], values)
    instance._state.fields_cache.update(related)
    return instance


@lru_cache
def _columns(model: type[Model]) -> list[tuple[str, str, Callable[[Any], Any] | None]]:
    """Of each field: its column, its attribute, and what makes its value of what stands in JSON."""
    fields: Sequence[Any] = model._meta.concrete_fields
    kinds = [(f.target_field if f.is_relation else f).get_internal_type() for f in fields]
    return [(f.column, f.attname, _LOADS.get(kind)) for f, kind in zip(fields, kinds, strict=True)]


_LOADS: dict[str, Callable[[Any], Any]] = {
    "UUIDField": UUID,
    "DateTimeField": datetime.fromisoformat,
    "BinaryField": lambda text: bytes.fromhex(text[2:]),
    "FloatField": float,
}


def unsaved(model: type[M], **attributes: Any) -> M:
    """An instance without the defaults, signals and descriptors of `model()`, a tenth of a submission.

    `attributes` are fields, with instances for foreign keys or keys under the field's `_id`; every field that
    is read before it is stored has to be among them.
    """
    instance = model.__new__(model)
    instance._state = ModelState()
    for name, value in attributes.items():
        if isinstance(value, Model):
            instance._state.fields_cache[name] = value
            instance.__dict__[f"{name}_id"] = value.pk
        else:
            instance.__dict__[name] = value
    return instance
