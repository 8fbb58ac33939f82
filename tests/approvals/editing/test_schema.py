"""What a schema says of one place: references are followed, and alternatives told apart."""

from __future__ import annotations

from typing import Any

import pytest

from approvals.editing.form import titles
from approvals.editing.schema import (
    LABELS,
    MOST_SHAPES,
    kind_of,
    known,
    merged,
    of_item,
    of_property,
    required,
    shapes,
    takes_others,
)

EVERYTHING = ["text", "number", "truth", "nothing", "list", "group"]


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ({}, EVERYTHING),
        (True, EVERYTHING),
        (False, EVERYTHING),
        (None, EVERYTHING),
        ({"type": "string"}, ["text"]),
        ({"type": ["string", "null"]}, ["text", "nothing"]),
        ({"type": ["integer", "number"]}, ["number"]),
        ({"type": []}, EVERYTHING),
        ({"type": "file"}, EVERYTHING),
        ({"minimum": 0}, ["number", "text", "truth", "nothing", "list", "group"]),
        ({"properties": {}}, ["group", "text", "number", "truth", "nothing", "list"]),
        ({"enum": [1, "a"]}, ["choice"]),
        ({"enum": []}, ["choice"]),
        ({"const": None}, ["choice"]),
        ({"anyOf": [{"type": "string"}, {"type": "number"}]}, ["text", "number"]),
        ({"oneOf": [{"const": 1}, {"const": 2}, {"type": "string"}]}, ["choice", "text"]),
        (
            {"anyOf": [{"anyOf": [{"type": "string"}, {"type": "null"}]}, {"type": "array"}]},
            ["text", "nothing", "list"],
        ),
        ({"anyOf": []}, EVERYTHING),
        ({"anyOf": [{"type": "string"}] * 40}, ["text"] * MOST_SHAPES),
    ],
)
def test_each_form_that_a_value_may_take_is_offered(part: Any, expected: list[str]) -> None:
    assert [shape.kind for shape in shapes(part, part)] == expected


ROOT = {
    "$defs": {
        "money": {"type": "number", "minimum": 0, "title": "Money"},
        "a/b~c": {"type": "string"},
        "loop": {"$ref": "#/$defs/loop"},
        "tree": {"type": "object", "properties": {"inside": {"$ref": "#/$defs/tree"}}},
        "list": [{"type": "boolean"}],
    }
}


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("#/$defs/money", {"type": "number", "minimum": 0, "title": "Money"}),
        ("#/$defs/a~1b~0c", {"type": "string"}),
        ("#/%24defs/a~1b~0c", {"type": "string"}),
        ("#/$defs/list/0", {"type": "boolean"}),
        ("#/$defs/list/1", {}),
        ("#/$defs/list/x", {}),
        ("#/$defs/nothing", {}),
        ("#/$defs/loop", {}),
        ("#money", {}),
        ("https://example.com/schema", {}),
        ("", {}),
    ],
)
def test_a_reference_is_followed_within_the_schema_and_nowhere_else(reference: str, expected: Any) -> None:
    assert merged(ROOT, {"$ref": reference}) == expected


def test_what_refers_to_itself_ends() -> None:
    part: Any = {"$ref": "#/$defs/tree"}
    for _ in range(50):
        shape = shapes(ROOT, part)[0]
        assert shape.kind == "group"
        part = of_property(shape.schema, "inside")


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([{"minimum": 1}, {"minimum": 5}], {"minimum": 5}),
        ([{"maximum": 9}, {"maximum": 5}], {"maximum": 5}),
        ([{"minLength": 3}, {"minLength": 0}], {"minLength": 3}),
        ([{"maxItems": 3}, {"maxItems": 30}], {"maxItems": 3}),
        ([{"type": "number"}, {"type": "integer"}], {"type": ["integer"]}),
        ([{"type": ["string", "null"]}, {"type": "string"}], {"type": ["string"]}),
        ([{"type": "string"}, {"type": "number"}], {"type": "number"}),
        ([{"required": ["a"]}, {"required": ["b", "a"]}], {"required": ["a", "b"]}),
        ([{"additionalProperties": False}, {"additionalProperties": {}}], {"additionalProperties": False}),
        ([{"title": "One"}, {"title": "Two"}], {"title": "Two"}),
        ([{"enum": [1, 2]}, {"enum": [2, 3]}], {"enum": [1, 2]}),
        (
            [{"properties": {"a": {"minimum": 1}, "b": {}}}, {"properties": {"a": {"minimum": 2}}}],
            {"properties": {"a": {"allOf": [{"minimum": 1}, {"minimum": 2}]}, "b": {}}},
        ),
        (
            [{"items": {"minimum": 1}}, {"items": {"maximum": 2}}],
            {"items": {"allOf": [{"minimum": 1}, {"maximum": 2}]}},
        ),
        ([True, {"title": "One"}, None], {"title": "One"}),
    ],
)
def test_what_holds_together_is_joined_and_the_stricter_hint_counts(parts: Any, expected: Any) -> None:
    assert merged({}, {"allOf": parts}) == expected
    own = {word: said for word, said in expected.items() if word == "title"}
    assert merged({}, {"allOf": parts, **own}) == expected


@pytest.mark.parametrize(
    ("schema", "name", "expected"),
    [
        ({"properties": {"a": {"type": "string"}}}, "a", {"type": "string"}),
        ({"properties": {"a": False}}, "a", False),
        ({"additionalProperties": {"type": "number"}}, "a", {"type": "number"}),
        ({"properties": ["a"]}, "a", None),
        ({}, "a", None),
    ],
)
def test_what_holds_for_a_property(schema: Any, name: str, expected: Any) -> None:
    assert of_property(schema, name) == expected


@pytest.mark.parametrize(
    ("schema", "index", "expected"),
    [
        ({"items": {"type": "string"}}, 0, {"type": "string"}),
        ({"prefixItems": [{"type": "number"}], "items": {"type": "string"}}, 0, {"type": "number"}),
        ({"prefixItems": [{"type": "number"}], "items": {"type": "string"}}, 1, {"type": "string"}),
        ({"prefixItems": [{"type": "number"}], "items": False}, 1, False),
        ({}, 3, None),
    ],
)
def test_what_holds_for_an_item(schema: Any, index: int, expected: Any) -> None:
    assert of_item(schema, index) == expected


@pytest.mark.parametrize(
    ("schema", "needs", "names", "others"),
    [
        ({}, [], [], True),
        ({"required": "a", "properties": []}, [], [], True),
        ({"required": ["a", 1], "properties": {"b": {}, "a": {}}}, ["a"], ["b", "a"], True),
        ({"additionalProperties": False}, [], [], False),
        ({"unevaluatedProperties": False}, [], [], False),
        ({"additionalProperties": {"type": "string"}}, [], [], True),
    ],
)
def test_what_an_object_needs_and_takes(schema: Any, needs: Any, names: Any, others: bool) -> None:
    assert (required(schema), known(schema), takes_others(schema)) == (needs, names, others)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (True, "truth"),
        (0, "number"),
        (0.0, "number"),
        ("", "text"),
        ([], "list"),
        ({}, "group"),
        (None, "nothing"),
    ],
)
def test_a_value_has_one_kind(value: Any, kind: str) -> None:
    assert kind_of(value) == kind
    [fits] = [
        one
        for one in shapes({}, {"type": ["string", "number", "boolean", "null", "array", "object"]})
        if one.fits(value) >= 0
    ]
    assert (fits.kind, fits.label) == (kind, LABELS[fits.kind])


@pytest.mark.parametrize(
    ("part", "labels"),
    [
        (
            {"anyOf": [{"type": "string", "title": "By card"}, {"type": "string", "title": "By post"}]},
            ["By card", "By post"],
        ),
        ({"anyOf": [{"type": "string"}, {"type": "string"}]}, ["Text (1)", "Text (2)"]),
        (
            {"anyOf": [{"type": "string", "title": "A"}, {"type": "string", "title": "A"}]},
            ["Text (A 1)", "Text (A 2)"],
        ),
        (
            {"anyOf": [{"type": "string", "title": "Paypal"}, {"type": "string", "title": "P\u0430ypal"}]},
            ["Text (Paypal 1)", "Text (P\u0430ypal 2)"],
        ),
        ({"anyOf": [{"type": "string", "title": "Text"}, {"type": "null"}]}, ["Text", "Nothing (null)"]),
        ({"type": "string", "title": "Alone"}, ["Text"]),
    ],
)
def test_forms_are_told_apart_by_their_labels(part: Any, labels: list[str]) -> None:
    assert [shape.label for shape in shapes(part, part)] == labels


@pytest.mark.parametrize(
    ("value", "chosen"),
    [
        ({"kind": "card", "number": 1}, 0),
        ({"kind": "bank", "iban": "DE1"}, 1),
        ({"iban": "DE1"}, 1),
        ({"kind": "cash"}, 0),
        ({}, 0),
        ("card", 2),
    ],
)
def test_of_several_objects_the_one_that_is_meant_fits_best(value: Any, chosen: int) -> None:
    part = {
        "anyOf": [
            {"properties": {"kind": {"const": "card"}, "number": {}}, "type": "object"},
            {"properties": {"kind": {"const": "bank"}, "iban": {}}, "type": "object"},
            {"type": "string"},
        ]
    }
    found = shapes(part, part)
    assert max(range(len(found)), key=lambda n: found[n].fits(value)) == chosen


@pytest.mark.parametrize(
    ("option", "value", "fits"),
    [
        (1, 1.0, True),
        (1, True, False),
        (0, False, False),
        (None, None, True),
        ("", None, False),
        ([1], [1.0], True),
    ],
)
def test_a_choice_is_one_value_as_the_digest_has_it(option: Any, value: Any, fits: bool) -> None:
    [choice] = shapes({}, {"enum": [option]})
    assert (choice.fits(value) >= 0) is fits


# --- Places in words ------------------------------------------------------------------------------------

PLACES = {
    "properties": {
        "lines": {"title": "Items", "items": {"properties": {"note": {"title": "Note"}}}},
        "to": {"anyOf": [{"properties": {"iban": {"title": "Account"}}}, {"type": "string"}]},
    }
}


@pytest.mark.parametrize(
    ("pointer", "arguments", "said"),
    [
        ("", {}, ""),
        ("/lines", {}, "Items"),
        ("/lines/1/note", {"lines": [{}, {"note": "x"}]}, "Items › 2 › Note"),
        ("/lines/9/note", {"lines": []}, "Items › 10 › Note"),
        ("/to/iban", {"to": {"iban": "DE1"}}, "To › Account"),
        ("/to/street_name", {"to": {"street_name": "x"}}, "To › Street name"),
        ("/lines/note", {"lines": {"note": "x"}}, "Items › Note"),
        ("/a~1b", {"a/b": 1}, "A b"),
        ("/\u202egnp", {"\u202egnp": 1}, "[U+202E]gnp"),
    ],
)
def test_a_place_is_told_by_its_titles(pointer: str, arguments: Any, said: str) -> None:
    assert titles(PLACES, pointer, arguments) == said
