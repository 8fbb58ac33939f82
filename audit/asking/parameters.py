"""Numbers that somebody typed or a link holds: decimal digits, finite, within bounds, or none at all.

`int()` and `float()` also take "inf", "nan", "1e400", "1_000", "٣" and surrounding blanks.
"""

from __future__ import annotations

import re

_WHOLE = re.compile(r"-?[0-9]{1,18}", re.ASCII)
_NUMBER = re.compile(r"-?[0-9]{1,15}([.,][0-9]{1,15})?", re.ASCII)


def whole(text: str, *, least: int = 0, most: int) -> int | None:
    """The whole number that a text is; None where it is none, or out of bounds."""
    if not _WHOLE.fullmatch(text):
        return None
    value = int(text)
    return value if least <= value <= most else None


def number(text: str, *, least: float, most: float) -> float | None:
    """The number that a text is, with a point or a comma; None where it is none, or out of bounds."""
    if not _NUMBER.fullmatch(text):
        return None
    value = float(text.replace(",", "."))
    return value if least <= value <= most else None
