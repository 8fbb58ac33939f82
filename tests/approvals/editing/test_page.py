"""One edit as it stands: what would be asked, what differs, and a form that came back broken."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings

from approvals.editing import nodes
from approvals.editing import page as edit_page
from approvals.editing.page import in_order, more_asked, shown_changes
from approvals.showing.changes import changes
from audit.ground.refusals import Invalid
from governance.models import Team
from tests.approvals.editing.test_form import page_of
from tests.approvals.forms import sent_back
from tests.approvals.showing.test_changes import OBJECTS
from tests.approvals.showing.test_text_diff import TEXTS

ASKED = {
    "approvals": 1,
    "teams": ["operations"],
    "four_eyes": False,
    "owner_may_approve": False,
    "step_up": False,
    "grace_seconds": 0.0,
    "bulk": True,
    "risk": "low",
}


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ({}, {}, []),
        ({}, {"approvals": 2}, ["It needs 2 approvals instead of 1."]),
        ({}, {"four_eyes": True}, ["Besides: who edits does not count."]),
        ({"four_eyes": True}, {"four_eyes": False}, []),
        ({}, {"step_up": True}, ["Besides: a fresh log-in and the key figure."]),
        ({"owner_may_approve": True}, {}, ["Besides: the agent's owner may not approve."]),
        ({}, {"owner_may_approve": True}, []),
        ({}, {"grace_seconds": 90}, ["Besides: 90s to take it back."]),
        ({"grace_seconds": 90}, {"grace_seconds": 0}, []),
        (
            {},
            {"bulk": False, "step_up": True},
            ["Besides: a fresh log-in and the key figure; never decided together with others."],
        ),
        ({}, {"risk": "critical"}, ["Its risk is critical instead of low."]),
        ({}, {"teams": ["operations", "nobody"]}, ["Somebody of nobody has to agree, too."]),
        (
            {},
            {"teams": ["finance", "operations", "legal"]},
            ["Somebody of Finance and Legal & Co has to agree, too."],
        ),
        ({"teams": ["operations", "finance"]}, {"teams": ["finance"]}, []),
    ],
)
def test_what_is_asked_more_is_told_in_sentences(
    db: None, before: dict[str, Any], after: dict[str, Any], said: list[str]
) -> None:
    Team.objects.create(slug="finance", name="Finance")
    Team.objects.create(slug="legal", name="Legal & Co")
    assert more_asked({**ASKED, **before}, {**ASKED, **after}) == said


def test_the_name_of_what_was_checked_changes_with_all_that_is_asked() -> None:
    names = {edit_page.checked("sha256:1", ASKED), edit_page.checked("sha256:2", ASKED)}
    for name, value in {"approvals": 2, "teams": [], "risk": "high", "step_up": True}.items():
        names.add(edit_page.checked("sha256:1", {**ASKED, name: value}))
    assert len(names) == 6
    assert edit_page.checked("sha256:1", dict(reversed(ASKED.items()))) in names


LONG = "All of this stays as it has been for years, and nobody knows why it was written so. "


@settings(max_examples=20, deadline=None)
@given(TEXTS, TEXTS)
def test_of_a_long_text_the_parts_are_both_texts(old: str, new: str) -> None:
    was, now = LONG + old, LONG + new
    for line in shown_changes({}, {"n": was}, {"n": now}, changes({"n": was}, {"n": now})):
        read = {
            side: "".join(p.text for part in line.parts if part.kind in ("kept", side) for p in part.pieces)
            for side in ("out", "in")
        }
        assert read == {"out": was, "in": now}


def test_two_very_long_texts_are_shown_before_and_after() -> None:
    was, now = "a " * 1_000, "b " * 1_000
    [line] = shown_changes({}, {"n": was}, {"n": now}, changes({"n": was}, {"n": now}))
    assert [(part.kind, len(part.pieces[0].text)) for part in line.parts] == [("out", 2_000), ("in", 2_000)]


@pytest.mark.parametrize(
    ("before", "after", "line"),
    [
        ({"n": 1}, {"n": True}, ("changed", "1", "true", "number", "yes or no")),
        ({"n": None}, {"n": ""}, ("changed", "null", '""', "null", "text")),
        ({}, {"n": {}}, ("added", "", "{}", "", "object")),
        ({"n": []}, {}, ("removed", "[]", "", "list", "")),
        ({"n": "a\u202eb"}, {"n": "ab"}, ("changed", "a\u202eb", "ab", "text", "text")),
    ],
)
def test_a_difference_tells_both_values_and_their_types(
    before: dict[str, Any], after: dict[str, Any], line: tuple[str, ...]
) -> None:
    [found] = shown_changes({}, before, after, changes(before, after))
    was, now = ("".join(piece.text for piece in side) for side in (found.before, found.after))
    assert (found.kind, was, now, found.before_type, found.after_type) == line
    assert (found.title, found.pointer, found.parts) == ("N", "/n", [])


@settings(max_examples=20, deadline=None)
@given(OBJECTS, OBJECTS)
def test_differences_come_in_the_order_of_the_schema(before: dict[str, Any], after: dict[str, Any]) -> None:
    schema = {"properties": {name: {} for name in ("b", "0", "a")}}
    found = changes(before, after)

    ordered = in_order(schema, found)

    names = [change["pointer"].split("/")[1] for change in ordered]
    places = ["b0a".index(name) if name in tuple("b0a") else 3 for name in names]
    assert places == sorted(places)
    assert sorted(map(str, ordered)) == sorted(map(str, found))


# --- A form that came back broken ----------------------------------------------------------------------

SCHEMA = {
    "type": "object",
    "properties": {
        "note": {"type": "string"},
        "lines": {"type": "array", "items": {"type": "object", "properties": {"n": {"type": "number"}}}},
    },
}
VALUE = {"note": "a", "lines": [{"n": 1}, {"n": 2}]}


def sent() -> dict[str, str]:
    """As a browser hands the form back when nothing was touched."""
    return sent_back(page_of(SCHEMA, VALUE, nodes.of(VALUE, SCHEMA, SCHEMA)))


@pytest.mark.parametrize(
    "do",
    [
        "out r-9",
        "out r-1-9",
        "out r-1-0-0-0",
        "up s-1",
        "up r--1",
        "up r-٣",
        "add r-12345",
        "name r-0",
        "name r",
        "clean q",
    ],
)
def test_a_button_for_a_place_that_is_not_there_says_so_and_changes_nothing(do: str) -> None:
    typed = edit_page.take(SCHEMA, sent(), do)

    assert list(typed.errors) == [do.partition(" ")[2]]
    assert nodes.value_of(typed.tree)[0] == VALUE  # type: ignore[arg-type]
    assert typed.value == VALUE


@pytest.mark.parametrize(
    "do",
    [
        "",
        "nonsense",
        "nonsense r-1",
        "out r",
        "up r",
        "up r-0",
        "down r-1-1",
        "up r-1-0",
        "add r-0",
        "check",
        "approve",
    ],
)
def test_a_button_that_can_do_nothing_does_nothing(do: str) -> None:
    typed = edit_page.take(SCHEMA, sent(), do)
    assert (typed.errors, typed.value) == ({}, VALUE)


@pytest.mark.parametrize(
    ("do", "lines"),
    [
        ("out r-1-0", [{"n": 2}]),
        ("out r-1-1", [{"n": 1}]),
        ("up r-1-1", [{"n": 2}, {"n": 1}]),
        ("down r-1-0", [{"n": 2}, {"n": 1}]),
        ("out r-1-1-0", [{"n": 1}, {}]),
        ("add r-1", [{"n": 1}, {"n": 2}, {}]),
    ],
)
def test_a_button_changes_its_place_alone(do: str, lines: list[Any]) -> None:
    typed = edit_page.take(SCHEMA, sent(), do)
    assert (typed.errors, typed.value) == ({}, {**VALUE, "lines": lines})


@pytest.mark.parametrize(
    "changes",
    [
        {"k.r": "nonsense"},
        {"k.r": ""},
        {"k.r-1-0-0": "file"},
        {"n.r-0": "no json"},
        {"n.r-0": "1"},
        {"n.r-0": "null"},
        {"w.r-0": "null"},
        {f"k.r-1-{n}": "group" for n in range(300)},
        {"k.r" + "-0" * n: "list" for n in range(20)},
    ],
)
def test_a_form_that_came_back_incomplete_is_refused(changes: dict[str, str]) -> None:
    with pytest.raises(Invalid) as refused:
        edit_page.take(SCHEMA, {**sent(), **changes}, "check")
    assert refused.value.errors[0]["detail"]


@pytest.mark.parametrize(
    ("text", "pointer"),
    [
        ("", ""),
        ("[1]", ""),
        ("1", ""),
        ("null", ""),
        ('{"a": 1', ""),
        ('{"a": NaN}', ""),
        ('{"a": 1e999}', ""),
        ('{"a": 1, "a": 2}', ""),
        ("[" * 200, ""),
        ('{"a": "' + "x" * edit_page.MOST_JSON + '"}', ""),
        ("\ud800", ""),
    ],
)
def test_json_that_can_t_be_read_is_said_once(text: str, pointer: str) -> None:
    typed = edit_page.take(SCHEMA, {"mode": "json", "json": text}, "form")
    assert (list(typed.errors), typed.value, typed.text) == ([pointer], None, text)
