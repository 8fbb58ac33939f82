from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from approvals.showing.arguments import (
    DEEP,
    LONG,
    MANY_LINES,
    MOST_ROWS,
    Argument,
    also_there,
    as_text,
    edited,
    in_words,
    table,
)
from approvals.showing.text_diff import changes
from tests.approvals.showing.test_changes import OBJECTS

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "amount": {"type": "number", "title": "Amount", "x-unit": "EUR"},
        "to": {"$ref": "#/$defs/person", "title": "Recipient"},
        "method": {"oneOf": [{"const": "cc", "title": "Credit card"}, {"const": "bt", "title": "Transfer"}]},
        "on": {"type": "string", "format": "date"},
        "at": {"type": "string", "format": "date-time"},
        "urgent": {"type": "boolean"},
        "lines": {"type": "array", "items": {"type": "object", "properties": {"sku": {"title": "Article"}}}},
    },
    "$defs": {"person": {"properties": {"name": {"title": "Full name"}, "iban": {"x-sensitive": True}}}},
}


def text(argument: Argument) -> str:
    return "".join(piece.text for piece in argument.shown)


def by_title(rows: list[Argument]) -> dict[str, Argument]:
    return {row.title: row for row in rows}


def test_rows_are_typed_and_titled_by_the_schema_all_the_way_down() -> None:
    rows = table(
        SCHEMA,
        {
            "extra": None,
            "lines": [{"sku": "K-1", "n": 2}],
            "urgent": False,
            "on": "2026-05-23",
            "at": "2026-12-24T14:00:00+01:00",
            "method": "cc",
            "to": {"iban": "DE1", "name": "Ana"},
            "amount": 54.0,
        },
        {},
    )
    found = by_title(rows)

    assert list(found) == ["Amount", "Recipient", "Method", "On", "At", "Urgent", "Lines", "Extra"]
    assert (text(found["Amount"]), found["Amount"].unit, found["Amount"].type) == ("54", "EUR", "number")
    assert [(row.title, text(row), row.sensitive) for row in found["Recipient"].rows] == [
        ("Full name", "Ana", False),
        ("Iban", "DE1", True),
    ]
    assert found["Method"].told == "Credit card"
    assert (found["On"].told, found["On"].moment) == ("Saturday", "")
    assert (found["At"].told, found["At"].moment) == ("Thursday", "2026-12-24T14:00:00+01:00")
    assert (text(found["Urgent"]), text(found["Extra"])) == ("no", "nothing")
    [line] = found["Lines"].rows
    assert (line.title, [(row.title, text(row)) for row in line.rows]) == (
        "1",
        [("Article", "K-1"), ("N", "2")],
    )


def test_what_the_agent_says_is_there_now_stands_beside_each_part() -> None:
    rows = by_title(
        table(
            SCHEMA,
            {"amount": 54.04, "to": {"name": "Ana", "iban": "DE1"}, "urgent": True},
            {"amount": 50, "to": {"name": "Ana", "iban": "DE2", "street": "Via 1"}, "paid": 60},
        )
    )

    assert rows["Amount"].difference == "+4.04"
    name, iban, street = rows["Recipient"].rows
    assert (name.same, name.before) == (True, None)
    assert [piece.text for piece in iban.before or []] == ["DE2"]
    assert (street.kind, [piece.text for piece in street.before or []]) == ("gone", ["Via 1"])
    assert not rows["Urgent"].claims
    assert also_there({"amount": 1}, {"amount": 2, "paid": 60})[0][0] == "Paid"


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [(5, 3.5, "−1.5"), (0, 1000, "+1000"), (1000, 2500.0, "+1500"), (True, 1, "")],
)
def test_numbers_tell_how_much_they_differ(before: Any, after: Any, told: str) -> None:
    assert table({}, {"n": after}, {"n": before})[0].difference == told


def test_within_a_long_text_what_changed_is_marked() -> None:
    kept = "All of this stays as it has been for years. "
    [row] = table({}, {"note": f"{kept}Pay 54.04 now."}, {"note": f"{kept}Pay 10.00 now."})

    assert [(c.kind, "".join(p.text for p in c.shown)) for c in row.changes or []] == [
        ("same", f"{kept}Pay "),
        ("gone", "10.00 "),
        ("new", "54.04 "),
        ("same", "now."),
    ]


def test_no_mark_is_lost_where_a_text_is_cut() -> None:
    found = changes(
        "Please pay the man now and soon.", "Please pay \u0441\u043e\u0441\u043e now\u200b and soon."
    )
    marked = [(c.kind, p.mark) for c in found for p in c.shown if p.mark]
    assert marked == [("new", "Cyrillic letters"), ("new", "U+200B")]
    assert "".join(p.text for c in found if c.kind != "gone" for p in c.shown).startswith("Please pay \u0441")


def test_nothing_is_left_out_however_much_and_deep_it_is() -> None:
    deep: Any = "the end"
    for _ in range(20):
        deep = {"in": [deep]}
    wide = {f"k{n}": [n] * 40 for n in range(40)}

    rows = table({}, {"deep": deep, "wide": wide}, {})

    def all_text(found: list[Argument]) -> str:
        return "".join(text(row) + all_text(row.rows) for row in found)

    def count(found: list[Argument]) -> int:
        return sum(1 + count(row.rows) for row in found)

    assert "the end" in all_text(rows)
    assert all_text(rows).count("39") >= 40
    assert count(rows) <= MOST_ROWS


def folds(arguments: dict[str, Any]) -> int:
    return sum(row.folds for row in table({}, arguments, {}))


def test_what_opens_at_a_click_is_counted_everywhere() -> None:
    long = "word " * 500
    assert folds({"a": long, "b": {"c": long, "d": "short"}, "e": "x\n" * 20}) == 3
    assert folds({"a": "short"}) == 0


def test_what_is_not_as_it_seems_is_told_of_the_whole_row() -> None:
    [row] = table({}, {"to": {"name": "Ana\u200b", "deep": ["p\u0430ypal"]}}, {})
    assert row.warning == "1 hidden character and 1 look-alike"


@pytest.mark.parametrize("part", ["a ", "a b ", "word\n", "\u0430\u0435 a"])
def test_two_long_texts_are_compared_quickly(part: str) -> None:
    began = time.process_time()
    changes(part * (16_000 // len(part)), "b " + part * (15_000 // len(part)) + "c " + part * 20)
    assert time.process_time() - began < 1


# --- Values -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "text", "said"),
    [
        ("", '""', '""'),
        ("  ", '"  "', '"  "'),
        ("\n", '"\\n"', '"\\n"'),
        ("yes", "yes", "yes"),
        (True, "true", "yes"),
        (False, "false", "no"),
        (None, "null", "nothing"),
        (0, "0", "0"),
        (-0.0, "0", "0"),
        (54.0, "54", "54"),
        (0.00005, "0.00005", "0.00005"),
        (-1250.5, "-1250.5", "-1250.5"),
        (2**53 - 1, "9007199254740991", "9007199254740991"),
        (2.5e300, "2.5 × 10^300", "2.5 × 10^300"),
        ([], "[]", "[]"),
        ({}, "{}", "{}"),
        (["ä", None], '[\n  "ä",\n  null\n]', '[\n  "ä",\n  null\n]'),
    ],
)
def test_a_value_is_written_as_it_is_and_said_as_people_say_it(value: Any, text: str, said: str) -> None:
    assert (as_text(value), in_words(value)) == (text, said)


@pytest.mark.parametrize(
    ("value", "kind", "type"),
    [
        (True, "boolean", "yes or no"),
        (None, "boolean", "null"),
        (0, "integer", "number"),
        (0.5, "number", "number"),
        ("", "string", "empty text"),
        ("two words", "string", "text"),
        ("W1234", "identifier", "text"),
        ("#W12", "identifier", "text"),
        ("#W1", "string", "text"),
        ("a1", "string", "text"),
        ("kettle", "string", "text"),
        ([], "array", "empty list"),
        ([1], "array", "list of 1"),
        (list(range(1_000)), "array", "list of 1,000"),
        ({}, "object", "no fields"),
        ({"a": 1}, "object", "1 field"),
        ({"a": 1, "b": 2}, "object", "2 fields"),
    ],
)
def test_a_row_says_what_kind_of_value_it_has(value: Any, kind: str, type: str) -> None:
    [row] = table({}, {"x": value}, {})
    assert (row.kind, row.type) == (kind, type)


@pytest.mark.parametrize("format", ["uuid", "uri", "email"])
def test_the_schema_can_say_that_a_text_names_something(format: str) -> None:
    [row] = table({"properties": {"x": {"type": "string", "format": format}}}, {"x": "ana"}, {})
    assert row.kind == "identifier"


@pytest.mark.parametrize(
    ("value", "told", "moment"),
    [
        ("2028-02-29", "Tuesday", ""),
        ("2026-02-29", "", ""),
        ("2026-04-31", "", ""),
        ("26-04-30", "", ""),
        ("2026-12-24T14:00", "Thursday, no time zone", ""),
        ("2026-12-24 14:00:00", "Thursday, no time zone", ""),
        ("2026-12-24T25:00Z", "", ""),
        ("2026-12-24T23:30:00-05:00", "Thursday", "2026-12-24T23:30:00-05:00"),
        ("2026-03-29T02:30:00+01:00", "Sunday", "2026-03-29T02:30:00+01:00"),
        ("2026-12-24T14:00:00.123456789Z", "Thursday", "2026-12-24T14:00:00.123456+00:00"),
        ("2026-12-24T14:00:00Z or later", "", ""),
        (20261224, "", ""),
    ],
)
def test_a_date_is_told_with_its_day(value: Any, told: str, moment: str) -> None:
    [row] = table({}, {"on": value}, {})
    assert (row.told, row.moment) == (told, moment)


@pytest.mark.parametrize(
    ("text", "long", "length"),
    [
        ("x" * LONG, False, ""),
        ("x" * (LONG + 1), True, "601"),
        ("x" * 12_345, True, "12,345"),
        ("\n" * (MANY_LINES - 1) + "x", False, ""),
        ("\n" * MANY_LINES + "x", True, "9"),
    ],
)
def test_what_is_long_opens_at_a_click(text: str, long: bool, length: str) -> None:
    [row] = table({}, {"note": text}, {})
    assert (row.long, row.length, row.folds) == (long, length, int(long))


# --- What is there now --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (0.1, 0.3, "+0.2"),
        (54.04, 842.1, "+788.06"),
        (-5, 5, "+10"),
        (5, -5, "−10"),
        (10**15, 10**15 + 1, ""),
        (1, 1 + 1e-10, ""),
        (0, 1e-9, "+0.000000001"),
        (0, 2_000_000, "+2,000,000"),
        (1, "2", ""),
        (None, 1, ""),
        (False, 0, ""),
    ],
)
def test_the_difference_is_that_of_what_is_written(before: Any, after: Any, told: str) -> None:
    [row] = table({}, {"n": after}, {"n": before})
    assert (row.difference, row.same) == (told, False)


@pytest.mark.parametrize(
    ("now", "proposed"),
    [
        (1, True),
        (0, False),
        ([1], [True]),
        ({"a": 1}, {"a": True}),
        ({"a": {"b": [0, "x"]}}, {"a": {"b": [False, "x"]}}),
    ],
)
def test_yes_is_not_the_same_as_one(now: Any, proposed: Any) -> None:
    [row] = table({}, {"x": proposed}, {"x": now})
    assert not row.same

    [line] = edited({}, {"x": now}, {"x": proposed})
    assert line.title == "X, as approved"


@settings(max_examples=25, deadline=None)
@given(OBJECTS)
def test_what_is_there_already_is_the_same_all_the_way_down(arguments: dict[str, Any]) -> None:
    rows = table({}, arguments, arguments)

    assert all(row.same for row in rows)
    assert not any(row.difference or row.changes or row.before for row in walk(rows))
    assert list(edited({}, arguments, arguments)) == []
    assert also_there(arguments, arguments) == []


@pytest.mark.parametrize("before", [{"lines": "none"}, {"lines": {"a": 1}}, {"lines": None}])
def test_another_type_than_now_is_told_whole(before: dict[str, Any]) -> None:
    [row] = table({}, {"lines": [1, 2]}, before)
    assert "".join(piece.text for piece in row.before or []) == as_text(before["lines"])
    assert [inner.before for inner in row.rows] == [None, None]


def test_what_would_be_gone_of_a_list_is_a_row() -> None:
    [row] = table({}, {"lines": ["a"]}, {"lines": ["a", "b", "c"]})
    assert [(inner.kind, inner.title) for inner in row.rows] == [
        ("string", "1"),
        ("gone", "2"),
        ("gone", "3"),
    ]
    assert row.claims


def test_an_edit_tells_what_was_changed_added_and_left_out() -> None:
    proposed = {"amount": 54.04, "note": "sorry", "same": [1, {"a": None}]}
    approved = {"amount": 40, "same": [1, {"a": None}], "extra": ""}

    told = {row.title: text(row) for row in edited({}, proposed, approved)}

    assert told == {
        "Amount, as approved": "40",
        "Extra, as approved": '""',
        "Note, as approved": "left out",
    }


# --- Everything is shown ------------------------------------------------------------------------------


def walk(rows: list[Argument]) -> Iterator[Argument]:
    for row in rows:
        yield row
        yield from walk(row.rows)


def leaves(value: Any, depth: int) -> Iterator[str]:
    """As a table takes a value apart."""
    if isinstance(value, dict | list) and value and depth < DEEP:
        for inner in value.values() if isinstance(value, dict) else value:
            yield from leaves(inner, depth + 1)
    else:
        yield in_words(value)


@settings(max_examples=25, deadline=None)
@given(OBJECTS)
def test_every_value_stands_in_one_row(arguments: dict[str, Any]) -> None:
    shown = Counter(text(row) for row in walk(table({}, arguments, {})) if not row.rows)
    assert shown == Counter(leaf for value in arguments.values() for leaf in leaves(value, 1))


@settings(max_examples=25, deadline=None)
@given(OBJECTS, st.permutations(["a", "b", "c"]))
def test_no_two_rows_have_the_same_id(arguments: dict[str, Any], names: list[str]) -> None:
    schema = {"properties": {name: {"default": 1} for name in names}}
    ids = [row.id for row in walk(table(schema, arguments, {}, id="1"))]
    assert len(set(ids)) == len(ids)
    assert all(one.startswith("1-") for one in ids)
