"""The entries that go into a bundle, and the hash tiles that prove them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from django.db import connection

from audit.evidence.blocks import BLOCKS, events_of_block
from audit.log.read import Filters, conditions, named
from audit.sealing.sealed import places
from audit.sealing.verifier import TILE_HEIGHT, TILE_WIDTH

AT_ONCE = 8_192  # places that are looked through at a time: nothing is held open meanwhile

_OF_BLOCKS = "SELECT place, body FROM {blocks}, LATERAL ({events}) found ORDER BY low, place"
# What one proposal is about is found by its index.
_OF_PROPOSAL = """
SELECT leaf_index, body FROM audit_event JOIN audit_leaf ON event_id = id
 WHERE {where} AND leaf_index < %(end)s ORDER BY leaf_index"""


def entries(filters: Filters, *, size: int) -> Iterator[tuple[int, str]]:
    """Place and exact text of the events that fit among the first `size` of the log, in sealed order."""
    where, values = named(*conditions(filters))
    begin, end = places(filters, size=size)
    if filters.proposal is not None:
        yield from _rows(_OF_PROPOSAL.format(where=where), {**values, "end": end})
        return
    statement = _OF_BLOCKS.format(blocks=BLOCKS, events=events_of_block(where))
    for first in range(begin, end, AT_ONCE):
        yield from _rows(statement, {**values, "begin": first, "end": min(first + AT_ONCE, end)})


def _rows(statement: str, values: dict[str, Any]) -> list[tuple[int, str]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        found: list[tuple[int, str]] = cursor.fetchall()
    return found


def tiles(leaves: Iterable[int], *, size: int, old: Iterable[int] = ()) -> list[tuple[int, int, int]]:
    """Level, index and width of every tile that leads from these places, and from the edges of earlier
    checkpoints of `old` entries, to the root of the first `size`."""
    needed: set[tuple[int, int]] = set()
    for leaf in leaves:
        _climb(0, leaf // TILE_WIDTH, size, needed)
    for edge in (size, *old):
        level = 0
        while count := edge >> TILE_HEIGHT * level:
            if count % TILE_WIDTH:
                _climb(level, count // TILE_WIDTH, size, needed)
            level += 1
    return [(level, index, _width(level, index, size)) for level, index in sorted(needed)]


def _climb(level: int, index: int, size: int, needed: set[tuple[int, int]]) -> None:
    """Add a tile, and those above it up to one at the edge, whose hashes lead to the root by themselves."""
    while (level, index) not in needed:
        needed.add((level, index))
        if _width(level, index, size) < TILE_WIDTH:
            return
        level, index = level + 1, index // TILE_WIDTH


def _width(level: int, index: int, size: int) -> int:
    return min(TILE_WIDTH, (size >> TILE_HEIGHT * level) - index * TILE_WIDTH)
