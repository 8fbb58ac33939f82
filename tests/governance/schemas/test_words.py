"""Whatever a schema asks for, what is wrong with a value is told in a sentence of ours, at its place."""

from __future__ import annotations

from typing import Any

import pytest

from governance.actions.catalogue import entry
from governance.models import ActionType
from governance.schemas import formats


def wrong(part: Any, value: Any) -> list[tuple[str, str]]:
    """The mistakes of an argument `v` that this part of a schema holds for."""
    kind = ActionType(name="pay", schema={"type": "object", "properties": {"v": part}})
    return [(error["pointer"], error["detail"]) for error in entry(kind).errors({"v": value}, "")]


MISSING = "is missing."
TOO_LARGE = (
    "It must be a whole number, and those lie within ±(2^53−1): beyond that, programs read them differently. "
    "There is no way to send a larger one to this action type; for such ids its schema has to ask for text "
    "(type string)."
)


@pytest.mark.parametrize(
    ("part", "value", "pointer", "said"),
    [
        ({"type": "boolean"}, "true", "/v", "It must be true or false."),
        ({"type": "boolean"}, 1, "/v", "It must be true or false."),
        ({"type": "null"}, 0, "/v", "It must be null."),
        ({"type": "array"}, {}, "/v", "It must be a list."),
        ({"type": "object"}, [], "/v", "It must be an object, { … }."),
        ({"type": "string"}, True, "/v", "It must be text."),
        ({"type": "string"}, 5.5, "/v", "It must be text: put the number in quotes."),
        ({"type": "integer"}, 5.5, "/v", "It must be a whole number."),
        ({"type": "integer"}, "5", "/v", "It must be a whole number."),
        ({"type": "integer"}, "9" * 20, "/v", TOO_LARGE),
        ({"type": "integer"}, "-" + "9" * 5_000, "/v", TOO_LARGE),
        ({"type": ["string", "number"]}, None, "/v", "It must be a number or text."),
        ({"type": ["null", "string", "array"]}, 1, "/v", "It must be text, a list or null."),
        ({"type": ["integer", "number"]}, "5", "/v", "It must be a number."),
        ({"const": 5}, 6, "/v", "It must be 5."),
        ({"const": "a"}, "A", "/v", 'It must be "a".'),
        ({"const": None}, 0, "/v", "It must be null."),
        ({"const": {"a": [1]}}, 6, "/v", 'It must be {"a": [1]}.'),
        ({"enum": list(range(10))}, 11, "/v", "It must be one of 0, 1, 2, 3, 4, 5, 6, 7 and 2 more."),
        ({"enum": [None, True, "x"]}, 0, "/v", 'It must be one of null, true, "x".'),
        ({"multipleOf": 0.5}, 0.3, "/v", "It must be a multiple of 0.5."),
        ({"multipleOf": 2}, 3, "/v", "It must be a multiple of 2."),
        ({"minimum": 1}, 0, "/v", "At least 1."),
        ({"maximum": 2.0}, 3, "/v", "At most 2."),
        ({"exclusiveMaximum": 3}, 3, "/v", "Less than 3."),
        ({"minLength": 1_000}, "x", "/v", "At least 1,000 characters."),
        ({"maxLength": 0}, "x", "/v", "At most 0 characters."),
        ({"maxItems": 1}, [1, 2], "/v", "At most 1 item."),
        ({"minProperties": 2}, {"a": 1}, "/v", "At least 2 members."),
        ({"maxProperties": 1}, {"a": 1, "b": 2}, "/v", "At most 1 member."),
        ({"uniqueItems": True}, [{"a": 1}, {"a": 1.0}], "/v", "No item may stand in it twice."),
        (
            {"contains": {"type": "string"}},
            [1],
            "/v",
            "It has to hold at least 1 item of the kind that the action type asks for.",
        ),
        (
            {"contains": {"type": "string"}, "minContains": 2},
            ["a"],
            "/v",
            "It has to hold at least 2 items of the kind that the action type asks for.",
        ),
        (
            {"contains": {"type": "string"}, "maxContains": 1},
            ["a", "b"],
            "/v",
            "It has to hold at least 1 item and at most 1 item of the kind that the action type asks for.",
        ),
        (
            {"contains": {"type": "string"}, "minContains": 0, "maxContains": 2},
            ["a", "b", "c"],
            "/v",
            "It has to hold at most 2 items of the kind that the action type asks for.",
        ),
        (
            {"prefixItems": [{}], "unevaluatedItems": False},
            [1, 2],
            "/v",
            "It has more items than those that are allowed here.",
        ),
        ({"prefixItems": [{}], "items": False}, [1, 2], "/v/1", "Nothing is allowed here."),
        (False, 1, "/v", "Nothing is allowed here."),
        ({"properties": {"a": False}}, {"a": 1}, "/v/a", "Nothing is allowed here."),
        ({"required": ["a"]}, {}, "/v", f"a {MISSING}"),
        (
            {"required": ["a"], "properties": {"a": {"title": "Account"}}},
            {},
            "/v",
            "a is missing (Account).",
        ),
        ({"dependentRequired": {"a": ["b"]}}, {"a": 1}, "/v", f"b {MISSING}"),
        ({"dependentSchemas": {"a": {"required": ["b"]}}}, {"a": 1}, "/v", f"b {MISSING}"),
        (
            {"properties": {"a": {}, "b": {}}, "additionalProperties": False},
            {"c": 1, "d": 2},
            "/v",
            "c, d are unknown here; known are a, b.",
        ),
        (
            {"properties": {"a": {}}, "unevaluatedProperties": False},
            {"b": 1},
            "/v",
            "b is unknown here; known are a.",
        ),
        (
            {"patternProperties": {"^x": {}}, "additionalProperties": False},
            {"a": 1, "x": 2},
            "/v",
            "a is unknown here.",
        ),
        (
            {"propertyNames": {"maxLength": 1}},
            {"ab": 1},
            "/v",
            "A name in it is not as it must be. At most 1 character.",
        ),
        ({"if": {"type": "string"}, "then": {"minLength": 3}}, "a", "/v", "At least 3 characters."),
        ({"if": {"type": "string"}, "else": {"type": "null"}}, 5, "/v", "It must be null."),
        ({"allOf": [{"type": "string"}, {"minLength": 3}]}, "a", "/v", "At least 3 characters."),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, 5, "/v", "It must be text or null."),
        ({"anyOf": [{"required": ["a"]}, {"required": ["b"]}]}, {}, "/v", f"a {MISSING}"),
        ({"oneOf": [{"const": 1}, {"const": 2}]}, 5, "/v", "It must be one of 1, 2."),
        (
            {"oneOf": [{"type": "number"}, {"minimum": 3}]},
            5,
            "/v",
            "It fits more than one of the forms that are allowed here; only one may fit.",
        ),
        ({"not": {"type": "string"}}, "x", "/v", "It is just what the action type excludes here."),
        (
            {"patternProperties": {"^x": {"type": "null"}}},
            {"x/y~z": 2},
            "/v/x~1y~0z",
            "It must be null.",
        ),
        ({"items": {"properties": {"a": {"type": "null"}}}}, [{}, {"a": 1}], "/v/1/a", "It must be null."),
    ],
)
def test_what_is_asked_for_is_told_in_a_sentence(part: Any, value: Any, pointer: str, said: str) -> None:
    assert wrong(part, value) == [(pointer, said)]


@pytest.mark.parametrize("name", sorted(formats.WORDS))
def test_every_format_that_is_checked_has_words_with_an_example_that_passes(name: str) -> None:
    [(pointer, said)] = wrong({"format": name}, "\\")
    assert (pointer, said) == ("/v", f"It must be {formats.WORDS[name]}.")
    if "such as " in said:
        assert wrong({"format": name}, said.rpartition("such as ")[2].removesuffix(".")) == []


@pytest.mark.parametrize("name", sorted(formats.CHECKS))
def test_every_format_of_ours_has_words(name: str) -> None:
    assert name in formats.WORDS


def test_a_format_that_nobody_knows_asks_for_nothing() -> None:
    assert wrong({"format": "moon-phase"}, "x") == []


def test_of_very_many_mistakes_the_first_twenty_are_told() -> None:
    found = wrong({"items": {"type": "string"}}, [*range(100)])
    assert [pointer for pointer, _ in found] == [f"/v/{n}" for n in range(20)]


def test_no_value_is_quoted_in_what_is_said_of_it() -> None:
    """What is wrong may be a secret, and is in the log of whoever sent it."""
    parts: list[Any] = [
        {"type": "integer"},
        {"pattern": "^[0-9]$"},
        {"format": "email"},
        {"maxLength": 3},
        {"enum": ["a"]},
        {"const": "a"},
        {"not": {"type": "string"}},
        {"anyOf": [{"type": "integer"}, {"const": "b"}]},
        {"oneOf": [{"type": "string"}, {"minLength": 1}]},
        False,
    ]
    for part in parts:
        [(_, said)] = wrong(part, "my-secret")
        assert "secret" not in said


@pytest.mark.parametrize(
    ("part", "value", "said"),
    [
        ({"pattern": "^[0-9]{3}$"}, "", "It must not be empty: write text such as 191."),
        ({"pattern": "^[0-9]{3}$", "minLength": 3}, "", "It must be text such as 191."),
        ({"pattern": "^x$", "examples": ["x"]}, "y", "It must be text such as x."),
        ({"pattern": "^x+$", "default": "xx"}, "y", "It must be text such as xx."),
        ({"pattern": "^x+$", "examples": [7, "x" * 61]}, "y", "It must be text such as xxx."),
        ({"pattern": "^x$", "title": "Order"}, "y", "It must be an order such as x."),
        ({"pattern": "^x$", "title": "ID"}, "y", "It must be text such as x."),  # no word for a sentence
        (
            {"pattern": "^(?=a)b$"},
            "y",
            "It must be text of the form that the action type asks for, ^(?=a)b$.",
        ),
    ],
)
def test_a_pattern_is_told_by_an_example(part: Any, value: str, said: str) -> None:
    found = wrong(part, value)
    assert ("/v", said) in found
