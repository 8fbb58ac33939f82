"""Counts, shares and spans of time as people read them on pages."""

from __future__ import annotations

from itertools import pairwise

_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def count(number: int) -> str:
    """So many: "1,234". For what is counted, never for what somebody may type or compare digit by digit."""
    return f"{number:,}"


def percent(share: float) -> str:
    """With so many digits that rounding never says all of what is not all, nor none of what is some."""
    for digits in (1, 2, 3):
        text = f"{share * 100:.{digits}f}"
        if float(text) not in (0.0, 100.0) or share in (0, 1):
            return f"{text} %"
    return "over 99.999 %" if share > 0.5 else "under 0.001 %"


def span(seconds: float) -> str:
    """About how long, in the two largest units that count: "40 s", "12 min", "3 h 5 min", "2 d 4 h"."""
    whole = round(seconds)
    if whole < 1:
        return f"{seconds:g} s"
    for (size, unit), (next_size, next_unit) in pairwise(_UNITS):
        if whole >= size:
            rest = whole % size // next_size
            return f"{whole // size} {unit}" + (f" {rest} {next_unit}" if rest else "")
    return f"{whole} s"
