"""What an API answers: pydantic models, of which the OpenAPI document is made too."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from django.db.models import Choices
from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, TypeAdapter, WithJsonSchema
from pydantic.annotated_handlers import GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema


class Answer(BaseModel):
    """What a view answers, and nothing more: `Response(answer, status=201)`.

    A field is always told, be it as null; one that is `left_out` is told only where it was given.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    def as_json(self) -> dict[str, Any]:
        """Its members. A plain `datetime` stays one until it is written."""
        return self.model_dump(by_alias=True, exclude_unset=True)

    def as_text(self) -> str:
        """The same as JSON, in the order of its fields: four times as fast as any sorted form."""
        return self.model_dump_json(by_alias=True, exclude_unset=True)


def left_out(description: str | None = None, *, alias: str | None = None) -> Any:
    """A field that an answer has only where it was given."""
    # A factory, as the document would tell of a default that nobody is ever sent.
    return Field(default_factory=lambda: None, description=description, alias=alias)


class OneOf:
    """Documents a text that is one of a closed list: `Annotated[str, OneOf(Proposal.Status)]`.

    It comes from a column or a table that has this list, so answering does not look again.
    """

    def __init__(self, known: type[Choices] | Iterable[str]) -> None:
        self.known = [str(one) for one in (known.values if isinstance(known, type) else known)]

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {**handler(schema), "enum": self.known}


class DocumentedAs:
    """Documents what comes as JSON already: `Annotated[dict[str, Any], DocumentedAs(VerdictAnswer)]`.

    It was stored, perhaps by an earlier version of the product and in another form, and is answered as it
    is. Tests hold what comes about today against the model.
    """

    def __init__(self, model: Any) -> None:
        self.model = TypeAdapter(model)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return handler(self.model.core_schema)


class FieldError(Answer):
    """What is wrong with one field, and what would be right."""

    pointer: str = Field(description="RFC 6901 into the body; `?name` is a parameter, empty is all of it.")
    detail: str
    line: int = left_out("Where a text was read: its line, from 1.")
    column: int = left_out("The same: its column, from 1.")
    tool: str = left_out("The tool whose definition it is.")
    path: str = left_out("Where in that definition, in dots.")


class ShareAnswer(Answer):
    """A share that was counted, with the bounds between which the true one lies, 19 times out of 20."""

    count: int
    of: int
    share: float | None = Field(description="From 0 to 1; null: of nothing.")
    low: float
    high: float


def in_short(number: float | None) -> Any:
    """Without a fraction of nothing, which a number does not have in any answer (RFC 8785): 1 for 1.0."""
    return int(number) if number is not None and number.is_integer() and abs(number) < 2**53 else number


Id = Annotated[UUID, PlainSerializer(str), WithJsonSchema({"type": "string", "format": "uuid"})]
# Written with `+00:00`, where a plain `datetime` is written with `Z`. Both are RFC 3339, and programs have
# met each of them in its place.
Instant = Annotated[
    datetime, PlainSerializer(datetime.isoformat), WithJsonSchema({"type": "string", "format": "date-time"})
]
Number = Annotated[
    float | None,
    PlainSerializer(in_short),
    WithJsonSchema({"anyOf": [{"type": "number"}, {"type": "null"}]}),
]
Next = Annotated[
    Id | None, Field(description="The `cursor` of the page after this one; null: it is the last.")
]
