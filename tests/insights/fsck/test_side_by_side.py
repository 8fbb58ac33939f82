"""Events and rows of one proposal after the other, also where there are only events, or only rows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from insights.fsck import replay
from insights.fsck.ledger import LogLine
from insights.fsck.proposals import DECISIONS


def grouped(events: str, stored: str, kind: replay.Kind = DECISIONS) -> list[tuple[str, str]]:
    """The proposals of the events and those of the rows, in each pair that is compared."""
    lines = (LogLine(number, proposal, "{}") for number, proposal in enumerate(events))
    rows = ((proposal, "subject", "{}") for proposal in stored)
    pairs = replay._side_by_side(kind, lines, rows)
    return [("".join(line.proposal for line in of), "".join(row[0] for row in found)) for of, found in pairs]


@pytest.mark.parametrize(
    ("events", "stored", "expected"),
    [
        ("", "", []),
        ("aab", "abb", [("aa", "a"), ("b", "bb")]),
        ("ac", "bd", [("a", ""), ("", "b"), ("c", ""), ("", "d")]),
        ("abc", "", [("a", ""), ("b", ""), ("c", "")]),
        ("", "ab", [("", "a"), ("", "b")]),
        ("bb", "aabc", [("", "aa"), ("bb", "b"), ("", "c")]),
    ],
)
def test_each_proposal_comes_once_with_all_that_is_of_it(events: str, stored: str, expected: Any) -> None:
    assert grouped(events, stored) == expected


def test_what_belongs_to_no_proposal_comes_at_once() -> None:
    assert grouped("aab", "c", replace(DECISIONS, of_proposals=False)) == [("aab", "c")]
