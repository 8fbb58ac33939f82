from __future__ import annotations

import time
from typing import Any

import pytest

from approvals.showing.arguments import MOST_ROWS, Argument, also_there, table
from approvals.showing.text_diff import changes

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
