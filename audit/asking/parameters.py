"""What stands in a query or a form: numbers, choices, pages, and no names but the known.

Numbers are decimal digits, finite and within bounds, or none at all: `int()` and `float()` also take "inf",
"nan", "1e400", "1_000", "٣" and surrounding blanks.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any, Generic, NamedTuple, Protocol, TypeVar
from uuid import UUID

from django.db.models import Model, QuerySet

from audit.ground.ids import read_uuid
from audit.ground.refusals import Invalid

_WHOLE = re.compile(r"-?[0-9]{1,18}", re.ASCII)
_NUMBER = re.compile(r"-?[0-9]{1,15}([.,][0-9]{1,15})?", re.ASCII)


class HasKey(Protocol):
    """A row of a page, by whose id the next page begins."""

    @property
    def pk(self) -> UUID: ...


M = TypeVar("M", bound=Model)
Row = TypeVar("Row", bound=HasKey)
QS = TypeVar("QS", bound=QuerySet[Any])


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


def one_of(request: Any, name: str, known: Collection[str], *, otherwise: str = "") -> str:
    """What of a closed list is asked for; `otherwise` where nothing is. Raises `Invalid`."""
    asked: str = request.query_params.get(name, otherwise)
    if asked != otherwise and asked not in known:
        raise Invalid.field(f"?{name}", f"One of {', '.join(known)}.")
    return asked


def cursor_of(text: str) -> UUID:
    """Where a page of an API begins. Raises `Invalid` for what no page before has named."""
    found = read_uuid(text)
    if found is None:
        raise Invalid.field("?cursor", "This is not a UUID.")
    return found


class Page(NamedTuple, Generic[Row]):
    """Rows of one page, and the cursor of the page after it: None where it is the last."""

    rows: list[Row]
    next: UUID | None


def page_of(request: Any, rows: QuerySet[M], *, size: int, oldest_first: bool = False) -> Page[M]:
    """So many rows by their ids, after the one that `?cursor=` names. Raises `Invalid`."""
    return cut(list(slice_of(request, rows, size=size, oldest_first=oldest_first)), size=size)


def slice_of(request: Any, rows: QS, *, size: int, oldest_first: bool = False) -> QS:
    """The same, not yet asked for, and one row more: it tells `cut` whether another page follows."""
    if cursor := request.query_params.get("cursor"):
        after = cursor_of(cursor)
        rows = rows.filter(pk__gt=after) if oldest_first else rows.filter(pk__lt=after)
    return rows.order_by("pk" if oldest_first else "-pk")[: size + 1]


def cut(found: list[Row], *, size: int) -> Page[Row]:
    """One page of what `slice_of` found."""
    return Page(found[:size], found[size - 1].pk if len(found) > size else None)
