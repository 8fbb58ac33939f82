from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

import pytest
from django.db.models import TextChoices
from pydantic import ValidationError

from audit.asking.answers import Answer, DocumentedAs, Id, Instant, OneOf, left_out
from reviewapp.web.rendering import AnswerRenderer

NUMBER = UUID("01900000-0000-7000-8000-000000000001")
NOON = datetime(2026, 11, 22, 12, 0, 0, 250, UTC)


class Colour(TextChoices):
    RED = "red"
    BLUE = "blue", "as the sky"


class Inner(Answer):
    name: str


class Outer(Answer):
    id: Id
    at: Instant
    colour: Annotated[str, OneOf(Colour)]
    inner: list[Inner]
    stored: Annotated[dict[str, Any], DocumentedAs(Inner)]
    nothing: str | None
    was: Any = left_out("What it was.", alias="from")


def outer(**more: Any) -> Outer:
    return Outer(
        id=NUMBER,
        at=NOON,
        colour=Colour.RED,
        inner=[Inner(name="a")],
        stored={"named": "otherwise, long ago"},
        nothing=None,
        **more,
    )


TOLD = {
    "id": str(NUMBER),
    "at": "2026-11-22T12:00:00.000250+00:00",
    "colour": "red",
    "inner": [{"name": "a"}],
    "stored": {"named": "otherwise, long ago"},
    "nothing": None,
}


def test_every_field_is_told_and_what_is_left_out_only_where_it_was_given() -> None:
    assert outer().as_json() == TOLD
    assert outer(**{"from": None}).as_json() == {**TOLD, "from": None}


def test_an_answer_is_written_as_canonical_json() -> None:
    assert AnswerRenderer().render(Inner(name="ä")) == '{"name":"ä"}'.encode()


def test_a_plain_time_is_written_with_a_z() -> None:
    class Timed(Answer):
        at: datetime

    assert AnswerRenderer().render(Timed(at=NOON)) == b'{"at":"2026-11-22T12:00:00.000250Z"}'


@pytest.mark.parametrize("wrong", [{}, {"name": None}, {"name": "a", "colour": "red"}])
def test_an_answer_of_another_shape_is_not_built(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Inner(**wrong)


def test_an_answer_is_never_changed() -> None:
    with pytest.raises(ValidationError):
        Inner(name="a").name = "b"


def test_the_document_says_what_is_always_told_and_which_values_there_are() -> None:
    schema = Outer.model_json_schema(mode="serialization")

    assert schema["required"] == list(TOLD)
    assert schema["additionalProperties"] is False
    assert schema["properties"]["id"]["format"] == "uuid"
    assert schema["properties"]["at"]["format"] == "date-time"
    assert schema["properties"]["colour"]["enum"] == ["red", "blue"]
    assert schema["properties"]["stored"]["required"] == ["name"]
    assert schema["properties"]["from"] == {"description": "What it was.", "title": "From"}
