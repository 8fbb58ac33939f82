"""The form of an edit: whatever comes in goes out as it was, with its types, to the digest."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.template.loader import render_to_string
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from approvals.editing import nodes
from approvals.editing import page as edit_page
from approvals.editing.form import Drawing, as_json
from approvals.editing.nodes import value_of
from approvals.editing.schema import shapes
from approvals.showing.changes import same
from audit.asking import gate
from audit.ground.canonical import digest
from governance.actions.catalogue import compiled
from tests.approvals.forms import parsed, sent_back
from tests.searching import searched

HOSTILE = [
    "",
    " ",
    "42",
    "54.10",
    "true",
    "null",
    "a\r\nb",
    "a\rb",
    "a\nb",
    "\n\nx",
    "\r\n",
    "</textarea><script>alert(1)</script>",
    "{{ 1 }}{% now %}",
    '"><img src=x>',
    "\u202egnp.exe",
    "pa\u200byment",
    "2026-02-30",
    "2026-11-22",
    "2026-11-22T10:00:00Z",
    "2026-11-22t10:00:00.123456+01:00",
    "a b@c.example",
    " https://x.example/ ",
    "l" * 3000,
    "\u2028",
    "\x0b\x1f",
    "\U0001f600",
    "ключ",
]
NAMES = st.sampled_from(
    ["amount", "note", "", "a/b", "~1", "k.r", "r-0", "a\nb", "\u202e", '"', "<b>", "0"]
) | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=4)
TEXTS = st.sampled_from(HOSTILE) | st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8
)
NUMBERS = (
    st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(-1e15, 1e15, allow_nan=False).filter(lambda f: f == 0 or abs(f) > 1e-300)
    | st.sampled_from([54.1, 54.0, 0.1, 1e-7, -0.0, 2**53 - 1])
)
LEAVES = st.none() | st.booleans() | NUMBERS | TEXTS
VALUES = st.recursive(
    LEAVES, lambda v: st.lists(v, max_size=3) | st.dictionaries(NAMES, v, max_size=3), max_leaves=10
)
OBJECTS = st.dictionaries(NAMES, VALUES, max_size=5)

TYPES = ["string", "integer", "number", "boolean", "null", "array", "object"]
FORMATS = ["date", "date-time", "time", "email", "uri", "uuid", "multiline", "other"]


def parts(inner: Any) -> Any:
    """Schemas of one place: right, wrong and odd ones; `inner` are those of the places within."""
    words = {
        "type": st.sampled_from(TYPES)
        | st.lists(st.sampled_from(TYPES), min_size=1, max_size=3, unique=True),
        "title": TEXTS,
        "description": TEXTS,
        "format": st.sampled_from(FORMATS),
        "enum": st.lists(LEAVES, min_size=1, max_size=3),
        "const": LEAVES,
        "minimum": st.integers(-5, 5),
        "multipleOf": st.sampled_from([1, 0.01]),
        "minLength": st.integers(0, 3),
        "maxLength": st.integers(0, 300),
        "pattern": st.sampled_from(["^#W", "a|b"]),
        "default": VALUES,
        "x-sensitive": st.just(True),
        "properties": st.dictionaries(NAMES, inner, max_size=3),
        "required": st.lists(NAMES, max_size=2, unique=True),
        "additionalProperties": st.booleans() | inner,
        "items": inner,
        "prefixItems": st.lists(inner, min_size=1, max_size=2),
        "anyOf": st.lists(inner, min_size=1, max_size=3),
        "oneOf": st.lists(inner, min_size=1, max_size=3),
        "allOf": st.lists(inner, min_size=1, max_size=2),
        "$ref": st.sampled_from(["#/$defs/it", "#", "#/properties/amount"]),
    }
    return st.fixed_dictionaries({}, optional=words) | st.booleans()


SCHEMAS = st.builds(
    lambda part, it: {**(part if isinstance(part, dict) else {}), "type": "object", "$defs": {"it": it}},
    parts(st.recursive(st.booleans() | st.just({}), parts, max_leaves=4)),
    parts(st.just({})),
)


def page_of(schema: Any, suggested: Any, tree: Any, errors: Any = None) -> str:
    drawing = Drawing(schema, suggested, tree, errors=errors or {}, sent={}).field()
    return render_to_string(
        "approvals/editing/_edit_field.html", {"f": drawing, "focus": "", "was": "suggested"}
    )


@searched(250, suppress=list(HealthCheck))
@given(SCHEMAS, OBJECTS)
def test_what_nobody_touched_comes_back_as_it_was(schema: dict[str, Any], value: dict[str, Any]) -> None:
    """Of any schema and any value: the types, and the digest."""
    tree = nodes.of(value, schema, schema)

    back = nodes.read(sent_back(page_of(schema, value, tree)))

    read, errors = value_of(back)
    assert errors == {}
    assert digest(read) == digest(value)
    assert same(read, value)


@searched(150, suppress=list(HealthCheck))
@given(SCHEMAS, OBJECTS)
def test_a_form_just_opened_marks_nothing_as_changed(schema: dict[str, Any], value: dict[str, Any]) -> None:
    """Nor does one that came back from a browser as it was."""
    tree = nodes.of(value, schema, schema)
    page = page_of(schema, value, tree)
    assert "suggested:" not in page
    assert "suggested:" not in page_of(schema, value, nodes.read(sent_back(page)))


@pytest.mark.parametrize("text", ["a\r\nb", "a\rb", "\r\n", "a\r\nb\nc", " a \r\n", "a\nb", "\n\nx", "x "])
def test_a_text_with_line_ends_of_its_own_is_not_marked_as_changed(text: str) -> None:
    schema = {"type": "object", "properties": {"body": {"type": "string"}, "n": {"type": "number"}}}
    value = {"body": text, "n": 1.0}
    tree = nodes.of(value, schema, schema)
    page = page_of(schema, value, tree)
    assert "suggested:" not in page
    back = nodes.read(sent_back(page))
    assert value_of(back).value["body"] == text
    assert "suggested:" not in page_of(schema, {"body": text, "n": 1}, back)


@searched(150, suppress=list(HealthCheck))
@given(SCHEMAS, OBJECTS)
def test_json_goes_there_and_back(schema: dict[str, Any], value: dict[str, Any]) -> None:
    tree = nodes.of(value, schema, schema)
    sent = {**sent_back(page_of(schema, value, tree)), "mode": "form"}

    as_text = edit_page.take(schema, sent, "json")
    typed = {"mode": "json", "json": as_text.text.replace("\n", "\r\n")}
    in_form = edit_page.take(schema, typed, "form")

    assert digest(json.loads(as_text.text)) == digest(value)
    assert in_form.tree is not None
    assert digest(in_form.value) == digest(value)


@searched(100, suppress=list(HealthCheck))
@given(SCHEMAS, OBJECTS, st.data())
def test_no_button_on_any_place_breaks_the_form(schema: Any, value: Any, data: Any) -> None:
    """Nor does any of them change what it is not about to something that can't be drawn and read again."""
    tree = nodes.of(value, schema, schema)
    for _ in range(4):
        page = page_of(schema, value, tree)
        sent = sent_back(page)
        turned = {name: str(data.draw(st.integers(-1, 6))) for name in sent if name.startswith("f.")}
        places = [path for path, _ in nodes.paths(tree)]
        word = data.draw(st.sampled_from(["add", "name", "out", "up", "down", "clean", "turn", "check"]))
        sent |= turned if word == "turn" else {}
        typed = edit_page.take(
            schema, {**sent, "mode": "form"}, f"{word} {data.draw(st.sampled_from(places))}"
        )
        assert typed.tree is not None
        tree = typed.tree
    nodes.read(sent_back(page_of(schema, value, tree)))


# --- What is typed --------------------------------------------------------------------------------

SCHEMA = {
    "type": "object",
    "properties": {
        "order_id": {"type": "string", "title": "Order", "minLength": 2},
        "amount": {"type": "number", "exclusiveMinimum": 0, "multipleOf": 0.01, "title": "Amount"},
        "count": {"type": "integer", "minimum": 1},
        "method": {"enum": ["card", "cash"], "title": "Method"},
        "kind": {"oneOf": [{"const": 1, "title": "First"}, {"const": "1", "title": "Text one"}]},
        "notify": {"type": "boolean"},
        "day": {"type": "string", "format": "date"},
        "at": {"type": "string", "format": "date-time"},
        "note": {"type": ["string", "null"], "title": "Note"},
        "maybe": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
        "items": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"sku": {"type": "string"}, "n": {"type": "integer", "default": 1}},
                "required": ["sku", "n"],
            },
        },
        "to": {
            "oneOf": [
                {
                    "title": "Card",
                    "properties": {"via": {"const": "card"}, "pan": {"type": "string"}},
                    "required": ["via", "pan"],
                    "type": "object",
                },
                {
                    "title": "Bank",
                    "properties": {"via": {"const": "bank"}, "iban": {"type": "string"}},
                    "required": ["via", "iban"],
                    "type": "object",
                },
            ]
        },
    },
    "required": ["order_id", "amount"],
}


def edited(value: dict[str, Any], do: str = "check", **typed: str) -> edit_page.Typed:
    """What comes of typing into fields of this value, named by their pointers with dots."""
    tree = nodes.of(value, SCHEMA, SCHEMA)
    paths = {pointer[1:].replace("/", "."): path for path, pointer in nodes.paths(tree)}
    sent = {**sent_back(page_of(SCHEMA, value, tree)), "mode": "form"}
    for name, text in typed.items():
        prefix, place = name[0], name[2:].replace("__", ".")
        sent[f"{prefix}.{paths[place]}"] = text
    if " @" in do:
        word, place = do.split(" @")
        do = f"{word} {paths[place]}"
    return edit_page.take(SCHEMA, sent, do)


@pytest.mark.parametrize(
    ("before", "field", "text", "after"),
    [
        ({"amount": 54.04}, "amount", "54.10", {"amount": 54.1}),
        ({"amount": 54}, "amount", " 54.0 ", {"amount": 54}),
        ({"count": 3}, "count", "9007199254740991", {"count": 9007199254740991}),
        ({"order_id": "41"}, "order_id", "42", {"order_id": "42"}),
        ({"order_id": "x"}, "order_id", "", {"order_id": ""}),
        ({"method": "card"}, "method", '"cash"', {"method": "cash"}),
        ({"kind": 1}, "kind", '"1"', {"kind": "1"}),
        ({"notify": True}, "notify", "false", {"notify": False}),
        ({"day": "2026-11-22"}, "day", "2026-12-01", {"day": "2026-12-01"}),
        ({"at": "2026-11-22T10:00:00Z"}, "at", "2026-11-22T11:30", {"at": "2026-11-22T11:30:00Z"}),
        (
            {"at": "2026-11-22T10:00:00.500+01:00"},
            "at",
            "2026-11-22T10:00:00.5",
            {"at": "2026-11-22T10:00:00.500+01:00"},
        ),
        ({"order_id": "a\r\nb"}, "order_id", "a\r\nc\r\nd", {"order_id": "a\r\nc\r\nd"}),
        ({"order_id": "a\nb"}, "order_id", "a\r\nc", {"order_id": "a\nc"}),
    ],
)
def test_types_are_kept(before: Any, field: str, text: str, after: Any) -> None:
    typed = edited(before, **{f"v_{field}": text})

    assert typed.errors == {}
    assert typed.value == after
    assert [type(v) for v in typed.value.values()] == [type(v) for v in after.values()] or field == "amount"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "Write a number."),
        ("abc", "This is no number."),
        ("1,250.50", "Write it with a point"),
        ("NaN", "This is no number."),
        ("1e400", "out of range"),
        ("9007199254740993", "can be sent as text only"),
        ("0.12345678901234567890123", "more digits than can be kept"),
        ("٤٢", "This is no number."),
    ],
)
def test_what_is_no_number_is_said_at_its_field_and_stays_there(text: str, told: str) -> None:
    typed = edited({"order_id": "#W1", "amount": 5}, v_amount=text)

    assert told in typed.errors["r-1"]
    page = page_of(SCHEMA, {}, typed.tree, typed.errors)
    assert parsed(page).sent["v.r-1"] == text
    assert 'aria-invalid="true"' in page
    assert "f-r-1-error" in page


def test_leaving_out_is_not_the_empty_text() -> None:
    value = {"order_id": "#W1", "amount": 5, "note": ""}

    assert edited(value).value == value
    assert edited(value, "out @note").value == {"order_id": "#W1", "amount": 5}


def test_nothing_is_not_the_empty_text() -> None:
    assert edited({"note": "x"}, f_note="1").value == {"note": None}
    assert edited({"note": None}, f_note="0").value == {"note": ""}
    assert edited({"maybe": 3}, f_maybe="1").value == {"maybe": None}


def test_items_are_added_moved_and_taken_out() -> None:
    value = {"items": [{"sku": "a", "n": 1}, {"sku": "b", "n": 2}]}

    added = edited(value, "add @items")
    assert added.focus == "r-0-2"
    assert added.value == {"items": [*value["items"], {"sku": "", "n": 1}]}
    assert edited(value, "up @items.1").value == {"items": value["items"][::-1]}
    assert edited(value, "down @items.1").value == value
    assert edited(value, "out @items.0", v_items__1__sku="c").value == {"items": [{"sku": "c", "n": 2}]}


def test_another_form_of_an_object_brings_its_own_fields() -> None:
    value = {"to": {"via": "card", "pan": "4111"}}

    assert edited(value, f_to="1").value == {"to": {"via": "bank", "iban": ""}}
    assert edited(value).value == value


def test_what_the_schema_does_not_name_stays_and_can_be_added() -> None:
    value = {"order_id": "#W1", "odd": {"x": [1, "2", None]}}
    tree = nodes.of(value, SCHEMA, SCHEMA)
    sent = {**sent_back(page_of(SCHEMA, value, tree)), "mode": "form", "new.r": "a/b"}

    assert edit_page.take(SCHEMA, sent, "check").value == value
    assert edit_page.take(SCHEMA, sent, "name r").value == {**value, "a/b": ""}
    assert "there already" in edit_page.take(SCHEMA, {**sent, "new.r": "odd"}, "name r").errors["r"]


def test_hidden_characters_are_shown_and_removed() -> None:
    value = {"order_id": "pay\u202eload \u200bx"}
    page = page_of(SCHEMA, value, nodes.of(value, SCHEMA, SCHEMA))

    assert "U+202E" in page
    assert "Remove hidden characters" in page
    assert edited(value, "clean @order_id").value == {"order_id": "payload x"}


def test_json_shows_what_is_hidden() -> None:
    text = as_json({"a": "x\u202ey\U000e0041"})

    assert text.isascii()
    assert json.loads(text) == {"a": "x\u202ey\U000e0041"}


@pytest.mark.parametrize(
    "text", ["{", "[]", "null", '{"a": 1, "a": 2}', '{"a": NaN}', '{"a": 1e400}', '{"a":"\\ud800"}']
)
def test_json_that_is_none_stays_as_it_was_typed(text: str) -> None:
    typed = edit_page.take(SCHEMA, {"mode": "json", "json": text}, "form")

    assert typed.tree is None
    assert typed.text == text
    assert typed.errors
    assert typed.value is None


def test_words_that_are_no_number_are_kept_in_json() -> None:
    typed = edited({"order_id": "#W1", "amount": 5}, "json", v_amount="five")

    assert json.loads(typed.text)["amount"] == "five"


def test_what_is_too_large_for_a_form_is_json() -> None:
    value = {"items": [{"sku": str(n), "n": n} for n in range(100)]}
    typed = edit_page.begin(SCHEMA, value)

    assert typed.tree is None
    assert typed.too_large
    assert json.loads(typed.text) == value


def test_hints_are_never_stricter_than_the_schema() -> None:
    """Of several alternatives only the chosen one hints; the gate's own limits hold for all."""
    schema = {
        "type": "object",
        "properties": {
            "a": {"anyOf": [{"type": "integer", "maximum": 5}, {"type": "integer", "minimum": 100}]}
        },
    }
    page = page_of(schema, {}, nodes.of({"a": 200}, schema, schema))

    assert compiled(schema).is_valid({"a": 200})
    gate.check({"a": 200})
    assert "Number (1)" in page
    assert "Number (2)" in page


def test_of_alternatives_the_error_stands_at_the_field_that_was_left_empty() -> None:
    from governance.actions import catalogue
    from governance.models import ActionType

    by = {
        "address": {"type": "string", "format": "email"},
        "number": {"type": "string", "pattern": r"^\+[0-9]{6,}$", "examples": ["+4915112345"]},
    }
    ways = [{"type": "object", "properties": {name: part}, "required": [name]} for name, part in by.items()]
    schema = {"type": "object", "properties": {"to": {"anyOf": ways}}}
    entry = catalogue.entry(ActionType(name="tell", version=1, schema=schema))
    value = {"to": {"number": ""}}
    typed = edit_page.Typed(nodes.of(value, schema, schema), value=value)

    assert not edit_page.check(entry, typed)

    assert typed.errors == {"r-0-0": "It must not be empty: write text such as +4915112345."}


def test_the_limits_of_a_field_are_told_by_an_example() -> None:
    number = {"type": "string", "title": "Customer number", "pattern": "^customer-[0-9]{5}$", "minLength": 1}
    schema = {"type": "object", "properties": {"number": number}}

    page = page_of(schema, {"number": "x"}, nodes.of({"number": "x"}, schema, schema))

    assert "At least 1 character. It must be a customer number such as customer-19129." in page
    assert "[0-9]" not in page


@pytest.mark.parametrize("typed", ["1234567890123456789", "-9223372036854775808"])
def test_an_integer_of_64_bits_is_told_the_one_way_there_is(typed: str) -> None:
    value, errors = value_of(nodes.Node("number", typed))

    assert value == typed
    assert errors["r"] == gate.TOO_LARGE


def test_forms_that_could_be_taken_for_each_other_are_told_apart() -> None:
    alike = [{"title": title, "type": "object"} for title in ("Card", "card ", "C\u0430rd")]
    labels = [shape.label for shape in shapes({}, {"anyOf": alike})]
    assert len(set(labels)) == 3
    assert all(label.endswith(f" {n})") for n, label in enumerate(labels, start=1))
