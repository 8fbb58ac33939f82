from __future__ import annotations

from typing import Any

import pytest

from audit.ground.actors import SYSTEM
from governance.actions import catalogue
from governance.actions.action_types import InvalidActionType, register
from governance.schemas.data_classes import Marks
from governance.trust.passing import hazard_of
from tests.conftest import REFUND

PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "x-data-class": "personal"},
        "doctor": {"type": "string", "x-data-class": ["health", "personal"], "x-sensitive": True},
        "age": {"type": "integer"},
    },
}


def schema(properties: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, **more}


def defined(who: Any, defs: Any, **properties: Any) -> dict[str, Any]:
    return schema({"who": who, **properties}, **{"$defs": defs})


@pytest.mark.parametrize(
    ("of", "arguments", "classes"),
    [
        (PERSON, {"age": 7}, set()),
        (PERSON, {"name": "Ana"}, {"personal"}),
        (PERSON, {"doctor": "Ben"}, {"health", "personal"}),
        (schema({"who": PERSON}), {"who": {"name": "Ana"}}, {"personal"}),
        (schema({"all": {"type": "array", "items": PERSON}}), {"all": [{}, {"name": ""}]}, {"personal"}),
        (schema({"all": {"type": "array", "items": PERSON}}), {"all": []}, set()),
        (schema({"pair": {"prefixItems": [{}, PERSON]}}), {"pair": [1, {"name": "Ana"}]}, {"personal"}),
        (schema({"pair": {"prefixItems": [{}, PERSON]}}), {"pair": [{"name": "Ana"}]}, set()),
        (defined({"$ref": "#/$defs/a~1b"}, {"a/b": PERSON}), {"who": {"name": ""}}, {"personal"}),
        (defined({"$ref": "#p"}, {"p": {"$anchor": "p", **PERSON}}), {"who": {"name": ""}}, {"personal"}),
        (
            defined({"$dynamicRef": "#p"}, {"p": {"$anchor": "p", **PERSON}}),
            {"who": {"name": ""}},
            {"personal"},
        ),
        (defined({"$ref": "#"}, {}, **PERSON["properties"]), {"who": {"who": {"name": ""}}}, {"personal"}),
        (schema({"who": {"anyOf": [{"type": "string"}, PERSON]}}), {"who": {"name": ""}}, {"personal"}),
        (schema({}, allOf=[{"if": {}, "then": PERSON}]), {"name": ""}, {"personal"}),
        (schema({}, dependentSchemas={"age": PERSON}), {"age": 7, "name": ""}, {"personal"}),
        (schema({}, additionalProperties={"x-data-class": "free"}), {"anything": 1}, {"free"}),
        (schema({}, patternProperties={"^q": {"x-data-class": "free"}}), {"anything": 1}, {"free"}),
        (schema({"x-data-class": {"type": "string"}}), {"x-data-class": "personal"}, set()),
        (schema({"a": {"default": {"x-data-class": "personal"}}}), {"a": 1}, set()),
        ({"type": "object", "x-data-class": "all"}, {}, {"all"}),
    ],
)
def test_what_is_present_has_its_class(of: Any, arguments: Any, classes: set[str]) -> None:
    assert Marks(of).of(arguments).classes == classes


def test_a_sensitive_part_is_named_by_its_place() -> None:
    found = Marks(schema({"all": {"items": PERSON}})).of({"all": [{}, {"doctor": "Ben", "age": 7}]})

    assert found.sensitive == {("all", 1, "doctor")}
    assert found.is_sensitive("all", 1, "doctor", "name")
    assert not found.is_sensitive("all", 1, "age")


@pytest.mark.parametrize(
    ("part", "path"),
    [
        ({"x-data-class": "Two words"}, "x-data-class"),
        ({"x-data-class": []}, "x-data-class"),
        ({"x-data-class": ["personal", 7]}, "x-data-class"),
        ({"x-data-class": {"a": 1}}, "x-data-class"),
        ({"x-sensitive": "yes"}, "x-sensitive"),
        ({"x-data-classes": "personal"}, "x-data-classes"),
        ({"X_Sensitive": True}, "X_Sensitive"),
        (
            {"x-data-class": "personal", "items": {"$id": "https://a.test/b", "not": {"$ref": "#"}}},
            "items.$id",
        ),
    ],
)
def test_a_mark_that_says_nothing_is_refused_with_its_path(db: None, part: Any, path: str) -> None:
    wrong = schema({"order": schema({"note": {"type": "string", **part}})})

    with pytest.raises(InvalidActionType) as refused:
        register({"name": "act", "schema": wrong}, actor=SYSTEM)

    assert str(refused.value).startswith(f"act: schema.properties.order.properties.note.{path}: ")


def test_an_entry_adds_the_classes_of_its_type(db: None) -> None:
    made, _ = register({"name": "write", "schema": PERSON, "data_classes": ["public"]}, actor=SYSTEM)

    entry = catalogue.entry(made)

    assert entry.touched({}) == {"public"}
    assert entry.touched({"name": "Ana"}) == {"personal", "public"}
    assert entry.marks.classes == {"health", "personal"}


def test_what_may_be_given_sensitive_data_is_named_as_a_hazard(db: None) -> None:
    definition = {"name": "write", "schema": PERSON, "reversibility": "reversible"}
    made, _ = register(definition, actor=SYSTEM)

    assert hazard_of(made) == "touches health, personal data"


def test_a_schema_without_marks_is_not_walked(db: None) -> None:
    class Untouchable(dict[str, Any]):
        def items(self) -> Any:
            raise AssertionError("walked")

    assert Marks(REFUND["schema"]).of(Untouchable(amount=1)).classes == frozenset()
