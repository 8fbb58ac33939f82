"""Two texts line by line: nothing of either is lost, and each line keeps its number."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.showing import lines as module
from governance.showing.lines import Line, lines
from tests.searching import searched

TEXTS = st.lists(st.sampled_from(["a", "b", "c", "", "d"]), max_size=30)


def skipped(line: Line) -> int:
    found = re.fullmatch(r"(\d+) lines are the same", line.text)
    return int(found[1]) if found else 0


def side(told: list[Line], number: str, kinds: tuple[str, ...], whole: list[str]) -> list[str]:
    """One of the texts as the lines tell it, with what was left out of it put back."""
    found: list[str] = []
    for line in told:
        if line.kind == "skipped":
            found += whole[len(found) : len(found) + skipped(line)]
        elif line.kind in kinds:
            assert getattr(line, number) == len(found) + 1
            found.append(line.text)
        else:
            assert getattr(line, number) is None
    return found


@searched(300)
@given(TEXTS, TEXTS)
def test_both_texts_can_be_read_from_their_lines(old: list[str], new: list[str]) -> None:
    told = list(lines(old, new))
    if old == new:
        assert told == []
        return
    assert side(told, "before", ("same", "removed"), old) == old
    assert side(told, "after", ("same", "added"), new) == new


@searched(100)
@given(TEXTS, TEXTS)
def test_what_is_removed_one_way_is_added_the_other(old: list[str], new: list[str]) -> None:
    there, back = list(lines(old, new)), list(lines(new, old))
    assert bool(there) == bool(back) == (old != new)
    added = sum(line.kind == "added" for line in there) - sum(line.kind == "removed" for line in there)
    assert added == len(new) - len(old)
    taken = sum(line.kind == "added" for line in back) - sum(line.kind == "removed" for line in back)
    assert taken == -added


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ([], [], []),
        ([], ["a"], [("added", None, 1, "a")]),
        (["a"], [], [("removed", 1, None, "a")]),
        (["a"], ["b"], [("removed", 1, None, "a"), ("added", None, 1, "b")]),
        (["a", ""], ["a"], [("same", 1, 1, "a"), ("removed", 2, None, "")]),
        (["a "], ["a"], [("removed", 1, None, "a "), ("added", None, 1, "a")]),
    ],
)
def test_a_line_stands_in_one_text_or_in_both(
    old: list[str], new: list[str], told: list[tuple[str, int | None, int | None, str]]
) -> None:
    assert [tuple(line) for line in lines(old, new)] == told


def test_three_lines_stand_around_a_change_and_the_rest_is_counted() -> None:
    old = [str(n) for n in range(20)]
    new = [*old[:10], "new", *old[10:]]
    told = list(lines(old, new))
    assert [line.kind for line in told] == ["skipped", *["same"] * 3, "added", *["same"] * 3, "skipped"]
    assert (told[0].text, told[-1].text) == ("7 lines are the same", "7 lines are the same")


def test_texts_of_lines_that_stand_everywhere_are_told_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_PAIRS", 10)
    old, new = [f"{n % 100}" for n in range(300)], [f"{n % 100}" for n in range(300, 0, -1)]
    told = list(lines(old, new))
    assert [line.text for line in told if line.kind == "removed"] == old
    assert [line.text for line in told if line.kind == "added"] == new
    assert list(lines(old, old)) == []
