"""Two texts in one: what stays, goes and comes."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from approvals.showing import text_diff
from approvals.showing.text_diff import Change, changes
from audit.ground.unseen import pieces

WORDS = st.sampled_from(
    [
        "pay",
        "54.04",
        "a@b.example",
        " ",
        "  ",
        "\n",
        "\r\n",
        ",",
        "“",
        "p\u0430y",
        "\u200b",
        "\u202e\u202e",
        "\ufe0f",
        "שלום",
    ]
)
TEXTS = st.lists(WORDS, max_size=12).map("".join)


def said(found: list[Change], without: str) -> str:
    return "".join(piece.text for change in found if change.kind != without for piece in change.shown)


def marks(found: list[Change], without: str) -> set[str]:
    return {piece.mark for change in found if change.kind != without for piece in change.shown if piece.mark}


@settings(max_examples=40, deadline=None)
@given(TEXTS, TEXTS)
def test_without_what_is_gone_it_is_the_new_text_and_without_what_is_new_the_old(old: str, new: str) -> None:
    found = changes(old, new)

    assert (said(found, "gone"), said(found, "new")) == (new, old)
    assert marks(found, "gone") == {piece.mark for piece in pieces(new) if piece.mark}
    assert {change.kind for change in found} <= {"same", "gone", "new"}
    assert any(change.kind != "same" for change in found) == (old != new)


@settings(max_examples=20, deadline=None)
@given(TEXTS, TEXTS)
def test_what_is_too_much_to_compare_is_exchanged_as_a_whole(old: str, new: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text_diff, "MOST_PAIRS", -1)
        found = changes(old, new)

    assert (said(found, "gone"), said(found, "new")) == (new, old)
    assert sum(change.kind != "same" for change in found) <= 2


@pytest.mark.parametrize(
    ("old", "new", "kinds"),
    [
        ("", "", []),
        ("", "pay", [("new", "pay")]),
        ("pay", "", [("gone", "pay")]),
        ("pay now", "pay now", [("same", "pay now")]),
        (
            "pay 54.04 now",
            "pay 54.40 now",
            [("same", "pay "), ("gone", "54.04 "), ("new", "54.40 "), ("same", "now")],
        ),
        ("pay now", "now", [("gone", "pay "), ("same", "now")]),
        ("now", "now and then", [("gone", "now"), ("new", "now and then")]),
        ("a a a", "a a", [("same", "a "), ("gone", "a "), ("same", "a")]),
        (
            "to a@b.example",
            "to c@b.example",
            [("same", "to "), ("gone", "a@b.example"), ("new", "c@b.example")],
        ),
    ],
)
def test_words_and_numbers_are_exchanged_whole(old: str, new: str, kinds: list[tuple[str, str]]) -> None:
    found = changes(old, new)
    assert [(change.kind, "".join(piece.text for piece in change.shown)) for change in found] == kinds
