"""What stands in a query: read one way by every API, and refused by name."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

from audit.asking.parameters import Page, check_only, cursor_of, number, one_of, page_of, whole
from audit.ground.refusals import Invalid
from suggestions.models import Proposal

AN_ID = "01890a5d-ac96-774b-bcce-b302099a8057"


def asks(**parameters: str) -> Any:
    return SimpleNamespace(query_params=parameters)


def test_a_parameter_that_nobody_knows_is_named_with_those_that_are_known() -> None:
    check_only(asks(), {"cursor"})
    check_only(asks(cursor="x"), {"cursor", "status"})

    with pytest.raises(Invalid) as refused:
        check_only(asks(statsu="open", cursor="x"), {"status", "cursor"})
    assert refused.value.errors == [
        {"pointer": "?statsu", "detail": "Unknown here; known are cursor, status."}
    ]


def test_of_a_closed_list_one_is_asked_for_or_none() -> None:
    known = ["open", "closed"]
    assert one_of(asks(status="open"), "status", known) == "open"
    assert one_of(asks(), "status", known) == ""
    assert one_of(asks(status=""), "status", known) == ""
    assert one_of(asks(), "status", known, otherwise="closed") == "closed"


@pytest.mark.parametrize("asked", [{"status": "opened"}, {"status": ""}])
def test_what_is_not_in_a_closed_list_is_refused_with_the_list(asked: dict[str, str]) -> None:
    with pytest.raises(Invalid) as refused:
        one_of(asks(**asked), "status", ["open", "closed"], otherwise="open")
    assert refused.value.errors == [{"pointer": "?status", "detail": "One of open, closed."}]


def test_a_cursor_is_what_a_page_before_has_named() -> None:
    assert cursor_of(AN_ID) == UUID(AN_ID)


@pytest.mark.parametrize("text", ["", "x", "1", AN_ID[:-1], AN_ID + "0", "٣" * 32])
def test_anything_else_is_no_cursor(text: str) -> None:
    with pytest.raises(Invalid) as refused:
        cursor_of(text)
    assert refused.value.errors[0]["pointer"] == "?cursor"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("0", 0),
        ("7", 7),
        ("10", 10),
        ("11", None),
        ("-1", None),
        ("", None),
        ("1e1", None),
        ("٣", None),
        (" 7", None),
    ],
)
def test_a_whole_number_has_digits_alone_and_bounds(text: str, found: int | None) -> None:
    assert whole(text, most=10) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("1.5", 1.5),
        ("1,5", 1.5),
        ("-1", -1.0),
        ("3", None),
        ("inf", None),
        ("nan", None),
        ("1_0", None),
        (".5", None),
    ],
)
def test_a_number_is_finite_and_has_bounds(text: str, found: float | None) -> None:
    assert number(text, least=-1, most=2) == found


def ids(page: Page[Any]) -> list[UUID]:
    return [row.pk for row in page.rows]


@pytest.mark.parametrize("oldest_first", [False, True])
def test_pages_hold_every_row_once_and_the_last_names_no_next(propose: Any, oldest_first: bool) -> None:
    made = [propose().pk for _ in range(5)]
    wanted = made if oldest_first else made[::-1]

    first = page_of(asks(), Proposal.objects.all(), size=2, oldest_first=oldest_first)
    second = page_of(asks(cursor=str(first.next)), Proposal.objects.all(), size=2, oldest_first=oldest_first)
    third = page_of(asks(cursor=str(second.next)), Proposal.objects.all(), size=2, oldest_first=oldest_first)

    assert [ids(first), ids(second), ids(third)] == [wanted[:2], wanted[2:4], wanted[4:]]
    assert (first.next, second.next, third.next) == (wanted[1], wanted[3], None)
