"""For the busiest paths: statements that PostgreSQL plans once, instances that Django makes quickly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import psycopg
from django.db import connection
from django.db.models import Model
from django.db.models.base import ModelState

M = TypeVar("M", bound=Model)


def execute(
    statement: str, parameters: Mapping[str, Any] | Sequence[Any], *, binary: bool = False
) -> list[tuple[Any, ...]]:
    """Run a prepared statement that gives rows, in the current transaction if there is one.

    Values travel apart from the text. Raises Django's database errors, like any other query. What comes
    back `binary` is read in half the time where it has many moments and ids; JSON has to be cast to text.
    """
    connection.ensure_connection()
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        cursor.execute(statement, parameters, prepare=True, binary=binary)
        return cursor.fetchall()


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
