"""What stands in a query or a form: numbers, cursors, and no names but the known.

Numbers are decimal digits, finite and within bounds, or none at all: `int()` and `float()` also take "inf",
"nan", "1e400", "1_000", "٣" and surrounding blanks.
"""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID

from audit.ground.ids import read_uuid
from audit.ground.refusals import Invalid

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


def check_only(request: Any, known: set[str]) -> None:
    """Refuse a misspelt parameter instead of ignoring it. Raises `Invalid`, naming the first."""
    unknown = sorted(set(request.query_params) - known)
    if unknown:
        raise Invalid.field(f"?{unknown[0]}", f"Unknown here; known are {', '.join(sorted(known))}.")


def cursor_of(text: str) -> UUID:
    """Where a page of an API begins. Raises `Invalid` for what no page before has named."""
    found = read_uuid(text)
    if found is None:
        raise Invalid.field("?cursor", "This is not a UUID.")
    return found
