"""Reading the log in its sealed order, which is dense and never changes: nothing can appear in it later."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

from audit.log.read import DISORDER, Filters, conditions
from audit.models import Event
from audit.sealing import stored

MOST_LOOKED_AT = 20_000  # entries that one page looks through for those that fit


@dataclass(frozen=True)
class SealedEvent:
    """An event and its place, from 0."""

    leaf_index: int
    event: Event


@dataclass(frozen=True)
class Following:
    """Events in sealed order, and how far the log was read for them; `more` of it is there already."""

    events: list[SealedEvent]
    read_to: int
    more: bool


def following(filters: Filters, *, after: int, limit: int) -> Following:
    """The next events that fit after so many entries, of which it looks through `MOST_LOOKED_AT` at most."""
    size = stored.tree_size()
    end = min(size, after + MOST_LOOKED_AT)
    where, values = conditions(filters)
    found = Event.objects.raw(
        f"""
        SELECT e.*, leaf_index FROM audit_leaf JOIN audit_event e ON e.id = event_id
         WHERE leaf_index >= %s AND leaf_index < %s AND {" AND ".join(where) or "true"}
         ORDER BY leaf_index LIMIT %s""",
        [after, end, *values, limit],
    )
    events = [SealedEvent(vars(event)["leaf_index"], event) for event in found]
    read_to = events[-1].leaf_index + 1 if len(events) == limit else max(after, end)
    return Following(events, read_to, more=read_to < size)


def places(filters: Filters, *, size: int) -> tuple[int, int]:
    """From which place to before which one, of so many, the events lie that fit the times."""
    begin = 0 if filters.since is None else first_place_at(filters.since, size=size, earlier=True)
    end = size if filters.until is None else first_place_at(filters.until, size=size, earlier=False)
    return begin, end


def first_place_at(moment: datetime, *, size: int, earlier: bool) -> int:
    """By halving, a place that no event on this side of a time has.

    Every event since `moment` has this place or a later one (`earlier`), or every event before it an
    earlier one. It narrows a search; the time itself is compared as well.
    """
    try:
        edge = moment - DISORDER if earlier else moment + DISORDER
    except OverflowError:
        return 0 if earlier else size
    low, high = 0, size
    while low < high:
        middle = (low + high) // 2
        if _at(middle) < edge:
            low = middle + 1
        else:
            high = middle
    return low


def _at(place: int) -> datetime:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT at FROM audit_leaf JOIN audit_event ON id = event_id WHERE leaf_index = %s", [place]
        )
        row: tuple[Any, ...] | None = cursor.fetchone()
    if row is None:
        raise stored.Missing(f"the event of leaf {place}")
    at: datetime = row[0]
    return at
