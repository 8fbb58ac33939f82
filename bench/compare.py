"""`python -m bench.compare A B`: what moved from one run to another, each named by its commit or its file.

Marked is what moved beyond the spread of both: where the two ranges have nothing in common. A time that was
measured once is never marked.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from bench import results
from bench.figures import COUNTED, number
from bench.results import Line

MARK = "*"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.compare", description=__doc__)
    parser.add_argument("before", help="a commit of which there are results, or a file")
    parser.add_argument("after")
    asked = parser.parse_args()
    try:
        before, after = results.of(asked.before), results.of(asked.after)
    except LookupError as problem:
        parser.error(str(problem))
    print(told(before, after))
    return 0


def told(before: Sequence[Line], after: Sequence[Line]) -> str:
    """A line for each figure that both have."""
    known = {results.key(line): line for line in before}
    pairs = [(known[results.key(line)], line) for line in after if results.key(line) in known]
    lines = [f"{_runs(before)}  →  {_runs(after)}"]
    if {line["machine"] for line in before} != {line["machine"] for line in after}:
        lines.append("The machines differ, so only ratios mean anything.")
    lines += [_moved(*pair) for pair in pairs] or ["They have no figure in common."]
    return "\n".join(lines)


def _runs(lines: Sequence[Line]) -> str:
    return ", ".join(sorted({f"{line['commit']} ({line['scale']})" for line in lines}))


def _moved(before: Line, after: Line) -> str:
    first, second = (value(line, by_ratio=_by_ratio(before, after)) for line in (before, after))
    change = f"{second / first - 1:+.0%}" if first else ""
    mark = MARK if beyond(before, after) else " "
    unit = "of the limit" if _by_ratio(before, after) else after["unit"]
    busy = " busy" if "busy" in (before["verdict"], after["verdict"]) else ""
    figures = f"{number(first):>9} → {number(second):>9} {change:>6}"
    return f"{mark} {after['measure']}  {figures}  {after['what']}, {unit}{busy}"


def value(line: Line, *, by_ratio: bool) -> float:
    return line["ratio"] if by_ratio else line["ours"]


def _by_ratio(before: Line, after: Line) -> bool:
    return before["ratio"] is not None and after["ratio"] is not None


def beyond(before: Line, after: Line) -> bool:
    """Have the spreads nothing in common?"""
    if after["unit"] in COUNTED:
        return before["ours"] != after["ours"]
    if not before["spread"] or not after["spread"]:
        return False
    (low, high), (next_low, next_high) = before["spread"], after["spread"]
    return high < next_low or next_high < low


if __name__ == "__main__":
    sys.exit(main())
