"""Two texts line by line: what stays, goes and comes, with a few lines around it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from difflib import SequenceMatcher
from typing import NamedTuple

CONTEXT = 3
MOST_PAIRS = 50_000  # of equal lines


class Line(NamedTuple):
    """A line of both texts, of one of them, or (`kind` skipped) how many that are the same were left out."""

    kind: str  # "same", "removed", "added", "skipped"
    before: int | None
    after: int | None
    text: str


def lines(old: list[str], new: list[str]) -> Iterator[Line]:
    """What changed, with a few lines around it."""
    at = 0
    for group in _changed_places(old, new):
        if group[0][1] > at:
            yield Line("skipped", None, None, f"{group[0][1] - at} lines are the same")
        for tag, a, b, c, d in group:
            if tag == "equal":
                yield from (Line("same", a + n + 1, c + n + 1, old[a + n]) for n in range(b - a))
                continue
            yield from (Line("removed", n + 1, None, old[n]) for n in range(a, b))
            yield from (Line("added", None, n + 1, new[n]) for n in range(c, d))
        at = group[-1][2]
    if at and len(old) > at:
        yield Line("skipped", None, None, f"{len(old) - at} lines are the same")


def _changed_places(old: list[str], new: list[str]) -> Iterable[list[tuple[str, int, int, int, int]]]:
    # Lines that stand in many places on both sides would take for ever to pair off.
    often = Counter(new)
    if sum(often[line] for line in old if often[line] * 100 <= len(new)) > MOST_PAIRS:
        return [[("replace", 0, len(old), 0, len(new))]] if old != new else []
    return SequenceMatcher(None, old, new).get_grouped_opcodes(CONTEXT)
