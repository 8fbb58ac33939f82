"""For the busiest paths: statements that PostgreSQL plans once, instances that Django makes quickly."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cached_property, lru_cache
from typing import Any, Generic, TypeVar
from uuid import UUID

from django.db import connection
from django.db.models import Field, JSONField, Model
from django.db.models.base import ModelState

from audit.statements import writes

M = TypeVar("M", bound=Model)
_NOWHERE: Any = None  # in no expression of the ORM


def execute(
    statement: str,
    parameters: Mapping[str, Any] | Sequence[Any],
    *,
    apart: bool = False,
    binary: bool = False,
    after: writes.Part | None = None,
) -> list[tuple[Any, ...]]:
    """Run a prepared statement that gives rows, in the current transaction if there is one.

    Values travel apart from the text. What `writes` has gathered is sent before, unless the answer stands
    `apart` from it. What comes back `binary` is read in half the time where it has many moments and ids; JSON
    has to be cast to text. Raises Django's database errors, like any other query.

    `after` is a statement that goes first in the same trip and transaction, such as a lock: what was
    committed while that one waited is seen. Raises `writes.FirstFailed` where that one fails.
    """
    if not apart:
        writes.send()
    text, names = writes.numbered(statement)
    values = [parameters[name] for name in names] if isinstance(parameters, Mapping) else parameters
    return writes.run(text, values, after=after, binary=binary)


class Rows(Generic[M]):
    """Rows of a model by a prepared statement, as the ORM makes them, with those that foreign keys name.

        OF_PROPOSAL = Rows(Suggestion, "action_type", where="t.proposal_id = %s ORDER BY t.rank")

    In `where` the model's table is called `t`, the others as the foreign keys, which may not be null. `also`
    are expressions that are worked out with each row for what they do, as locks are.
    """

    def __init__(self, model: type[M], *related: str, where: str, also: Sequence[str] = ()) -> None:
        self.model, self.related, self.where, self.also = model, related, where, tuple(also)

    def __call__(self, parameters: Mapping[str, Any] | Sequence[Any]) -> list[M]:
        return [self._made(row) for row in execute(self._statement, parameters)]

    def _made(self, row: tuple[Any, ...]) -> M:
        values = list(row)
        for n, loaded in self._loaders:
            values[n] = loaded(values[n])
        found: M = self.model.from_db("default", self._names[0], values[: len(self._names[0])])
        start = len(self._names[0])
        for name, names, model in zip(self.related, self._names[1:], self._models[1:], strict=True):
            end = start + len(names)
            found._state.fields_cache[name] = model.from_db("default", names, values[start:end])
            start = end
        return found

    @cached_property
    def _models(self) -> list[type[Model]]:
        others = [self.model._meta.get_field(name).related_model for name in self.related]
        return [self.model, *others]  # type: ignore[list-item]

    @cached_property
    def _fields(self) -> list[tuple[str, Field[Any, Any]]]:
        """Each column in order, with the alias of its table."""
        aliases = ["t", *self.related]
        return [
            (alias, field)
            for alias, model in zip(aliases, self._models, strict=True)
            for field in model._meta.concrete_fields
        ]

    @cached_property
    def _names(self) -> list[list[str]]:
        return [[field.attname for field in model._meta.concrete_fields] for model in self._models]

    @cached_property
    def _loaders(self) -> list[tuple[int, Callable[[Any], Any]]]:
        def loaded(field: JSONField) -> Callable[[Any], Any]:
            return lambda value: field.from_db_value(value, _NOWHERE, connection)

        return [(n, loaded(f)) for n, (_, f) in enumerate(self._fields) if isinstance(f, JSONField)]

    @cached_property
    def _statement(self) -> str:
        columns = ", ".join([*(f'{alias}."{field.column}"' for alias, field in self._fields), *self.also])
        joins = "".join(
            f' JOIN {model._meta.db_table} {name} ON {name}."{model._meta.pk.column}"'
            f' = t."{_column(self.model, name)}"'
            for name, model in zip(self.related, self._models[1:], strict=True)
        )
        return f"SELECT {columns} FROM {self.model._meta.db_table} t{joins} WHERE {self.where}"


def _column(model: type[Model], name: str) -> str:
    field: Any = model._meta.get_field(name)
    return str(field.column)


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
