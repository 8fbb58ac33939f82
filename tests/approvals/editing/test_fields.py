"""One field of the form of an edit: what it is typed into, what is said beside it, what can be done to it."""

from __future__ import annotations

from typing import Any

import pytest

from approvals.editing import nodes
from approvals.editing.form import LONG, LONG_BEFORE, Drawing, Field, as_json


def field(schema: Any, value: Any, suggested: Any = ..., errors: Any = None) -> Field:
    """The field of the argument `x` with this schema and value; `suggested` is what the agent said."""
    root = {"type": "object", "properties": {"x": schema}}
    told = {"x": value if suggested is ... else suggested}
    tree = nodes.of({"x": value}, root, root)
    [found] = Drawing(root, told, tree, errors=errors or {}, sent={}).field().inside
    return found


def inside(schema: Any, value: Any) -> list[Field]:
    return field(schema, value).inside


@pytest.mark.parametrize(
    ("schema", "value", "kind", "widget"),
    [
        ({"type": "string"}, "short", "text", "text"),
        ({"type": "string"}, "", "text", "text"),
        ({"type": "string"}, "x" * LONG, "text", "text"),
        ({"type": "string"}, "x" * (LONG + 1), "text", "textarea"),
        ({"type": "string"}, "a\nb", "text", "textarea"),
        ({"type": "string"}, "a\r\nb", "text", "textarea"),
        ({"type": "string", "maxLength": 200}, "a", "text", "text"),
        ({"type": "string", "maxLength": 201}, "a", "text", "textarea"),
        ({"type": "string", "format": "multiline"}, "a", "text", "textarea"),
        ({"type": "string", "contentMediaType": "text/html"}, "a", "text", "textarea"),
        ({"type": "string", "format": "date"}, "2026-02-28", "text", "date"),
        ({"type": "string", "format": "date"}, "", "text", "date"),
        ({"type": "string", "format": "date"}, "2026-02-30", "text", "text"),
        ({"type": "string", "format": "date"}, "٢٠٢٦-01-01", "text", "text"),
        ({"type": "string", "format": "email"}, "a@b.example", "text", "email"),
        ({"type": "string", "format": "email"}, " a@b.example", "text", "text"),
        ({"type": "string", "format": "email"}, "ä@b.example", "text", "text"),
        ({"type": "string", "format": "uri"}, "https://a.example/", "text", "url"),
        ({"type": "string", "format": "uri"}, "https://a.example/\t", "text", "text"),
        ({"type": "string", "format": "date-time"}, "2026-01-01T00:00:00Z", "moment", "moment"),
        ({"type": "string", "format": "date-time"}, "2026-01-01T00:00:00.1234Z", "text", "text"),
        ({"type": "string", "format": "date-time"}, "2026-02-30T00:00:00Z", "text", "text"),
        ({"type": "string", "format": "date-time"}, "tomorrow", "text", "text"),
        ({"type": "number"}, 5, "number", "number"),
        ({"type": "boolean"}, True, "truth", "truth"),
        ({"type": "null"}, None, "nothing", "nothing"),
        ({"enum": ["a"]}, "a", "choice", "choice"),
        ({"type": "array"}, [], "list", "list"),
        ({"type": "object"}, {}, "group", "group"),
    ],
)
def test_what_a_value_is_typed_into_hands_it_back(schema: Any, value: Any, kind: str, widget: str) -> None:
    found = field(schema, value)
    assert (found.kind, found.widget) == (kind, widget)


@pytest.mark.parametrize(
    ("schema", "value", "hint"),
    [
        ({"type": "number", "minimum": 1}, 5, "At least 1."),
        ({"type": "number", "exclusiveMinimum": 0, "maximum": 1000}, 5, "More than 0. At most 1000."),
        ({"type": "number", "exclusiveMaximum": 2.5}, 5, "Less than 2.5."),
        ({"type": "integer", "multipleOf": 5}, 5, "A multiple of 5."),
        ({"type": "number", "minimum": 0}, 5, "At least 0."),
        ({"type": "string", "minLength": 1}, "a", "At least 1 character."),
        ({"type": "string", "minLength": 0, "maxLength": 20}, "a", "At most 20 characters."),
        ({"type": "string", "format": "time"}, "a", "Like 14:30:00Z."),
        ({"type": "string", "format": "unknown"}, "a", ""),
        ({"type": "array", "minItems": 1, "maxItems": 1}, [1], "At least 1 item. At most 1 item."),
        ({"type": "array", "uniqueItems": True}, [], "No item twice."),
        ({"type": "array", "uniqueItems": False}, [], ""),
        ({"type": "boolean", "minimum": 1}, True, ""),
        ({}, "a", ""),
    ],
)
def test_the_limits_are_said_beside_it(schema: Any, value: Any, hint: str) -> None:
    assert field(schema, value).hint == hint


@pytest.mark.parametrize(
    ("schema", "value", "limits"),
    [
        ({"type": "number", "minimum": 1, "maximum": 9}, 5, {"min": "1", "max": "9"}),
        ({"type": "number", "exclusiveMinimum": 1.5}, 5, {"above": "1.5"}),
        ({"type": "integer", "multipleOf": 5}, 5, {"step": "5", "whole": "1"}),
        ({"type": "integer"}, 5, {"whole": "1"}),
        ({"type": ["integer", "null"]}, 5, {}),
        ({"type": "string", "minLength": 2, "maxLength": 3}, "ab", {"least": "2", "most": "3"}),
        ({"type": "boolean"}, True, {}),
    ],
)
def test_a_script_checks_no_more_than_the_schema_says(
    schema: Any, value: Any, limits: dict[str, str]
) -> None:
    assert field(schema, value).limits == limits


@pytest.mark.parametrize(
    ("schema", "value", "options"),
    [
        ({"type": "boolean"}, False, [("true", "Yes", False), ("false", "No", True)]),
        ({"enum": ["a", "b"]}, "b", [('"a"', "a", False), ('"b"', "b", True)]),
        ({"enum": [1, "1", None]}, 1, [("1", "1", True), ('"1"', "1", False), ("null", "null", False)]),
        (
            {"oneOf": [{"const": "cc", "title": "Card"}, {"const": "bt", "title": "bt"}]},
            "cc",
            [('"cc"', "Card (cc)", True), ('"bt"', "bt", False)],
        ),
        ({"enum": ["a\u202eb"]}, "a\u202eb", [('"a\\u202eb"', "a[U+202E]b", True)]),
    ],
)
def test_a_choice_has_what_the_schema_allows(schema: Any, value: Any, options: list[Any]) -> None:
    assert field(schema, value).options == options


@pytest.mark.parametrize("value", ["c", 5, None, True, ["a"]])
def test_what_is_no_choice_stays_as_it_is_and_says_that_it_is_none(value: Any) -> None:
    found = field({"enum": ["a", "b"]}, value)
    assert found.kind != "choice"
    assert found.shapes[0][1].endswith("(not what it must be)")
    assert (0, "One of a list") in found.shapes


@pytest.mark.parametrize(
    ("value", "suggested", "before"),
    [
        (5, 5, None),
        (5.0, 5, None),
        (5, 6, "6"),
        (True, 1, "1"),
        ("", "a", "a"),
        ("a", None, "null"),
        ("a", "x" * LONG_BEFORE, "x" * LONG_BEFORE),
        ("a", "x" * (LONG_BEFORE + 1), "another text, of 301 characters. Check shows what differs."),
    ],
)
def test_what_was_suggested_stands_beside_what_differs(
    value: Any, suggested: Any, before: str | None
) -> None:
    found = field({}, value, suggested)
    assert (found.suggested and "".join(piece.text for piece in found.suggested)) == before


@pytest.mark.parametrize(
    ("text", "marks", "can_clean"),
    [
        ("honest", 0, False),
        ("a\u200bb", 1, True),
        ("p\u0430y", 1, False),
        ("a\r\nb", 0, False),
        ("a\rb", 1, True),
    ],
)
def test_what_is_hidden_in_a_text_is_marked_and_can_be_taken_out(
    text: str, marks: int, can_clean: bool
) -> None:
    found = field({"type": "string"}, text)
    assert (sum(bool(piece.mark) for piece in found.marks), found.can_clean) == (marks, can_clean)


def test_what_explains_a_field_is_heard_with_it() -> None:
    plain = field({"type": "string"}, "a")
    full = field(
        {"type": "string", "description": "What for.", "minLength": 3}, "a\u200b", "b", errors={"r-0": "No."}
    )
    assert plain.described_by == ""
    assert full.described_by == "f-r-0-help f-r-0-was f-r-0-marks f-r-0-error"
    assert (full.error, full.description, full.hint) == ("No.", "What for.", "At least 3 characters.")


def test_only_what_may_be_left_out_can_go() -> None:
    schema = {
        "type": "object",
        "required": ["a"],
        "properties": {"a": {}, "b": {}, "c": {"default": 5}},
        "additionalProperties": False,
    }
    group = field(schema, {"a": 1, "b": 2, "odd": 3})
    assert [(one.label, one.must_be, one.can_go) for one in group.inside] == [
        ("A", True, False),
        ("B", False, True),
        ("Odd", False, True),
    ]
    assert group.lost == [('"c"', "C (left out; default 5)")]
    assert group.can_name is False
    assert field({"type": "object"}, {}).can_name is True


def test_items_of_a_list_go_and_know_their_place() -> None:
    schema = {"type": "array", "prefixItems": [{"type": "string"}], "items": {"type": "number"}}
    assert [
        (one.label, one.item, one.is_last, one.can_go, one.kind) for one in inside(schema, ["a", 1, 2])
    ] == [
        ("Item 1", 1, False, True, "text"),
        ("Item 2", 2, False, True, "number"),
        ("Item 3", 3, True, True, "number"),
    ]


def test_what_is_sensitive_is_said_to_be_wherever_it_lies() -> None:
    schema = {"type": "object", "properties": {"iban": {"x-sensitive": True}, "note": {}}}
    iban, note = inside(schema, {"iban": "DE1", "note": "a"})
    assert (iban.sensitive, note.sensitive) == (True, False)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"a": 1}, '{\n  "a": 1\n}'),
        ({"ä": "☃"}, '{\n  "ä": "☃"\n}'),
        ({"a": "x\u202ey"}, '{\n  "a": "x\\u202ey"\n}'),
        ({"a": "\u200b\u200b"}, '{\n  "a": "\\u200b\\u200b"\n}'),
        ({"a": "p\u0430y"}, '{\n  "a": "p\u0430y"\n}'),
    ],
)
def test_as_json_what_is_hidden_is_an_escape(value: Any, text: str) -> None:
    assert as_json(value) == text
