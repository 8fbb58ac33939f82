"""The Merkle tree of the log (RFC 6962, section 2.1) over its stored hashes: roots and proofs.

Stored are the hashes of the leaves, and above them those of every 256 that are full: the hash tiles of C2SP
tlog-tiles. A hash between two levels of tiles is computed from the tile below it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache

from audit.sealing.verifier import TILE_HEIGHT, TILE_WIDTH, node_hash, tree_hash

# Some hashes of a level of tiles, by the place of the first and how many: `hashes(1, 512, 256)`.
Hashes = Callable[[int, int, int], list[bytes]]


def root(size: int, hashes: Hashes) -> bytes:
    """The root of the first `size` leaves; `size` is at least 1."""
    return _subtree(0, size, _whole_tiles(hashes, size))


def inclusion_proof(index: int, size: int, hashes: Hashes) -> list[bytes]:
    """What leads from a leaf to the root of the first `size`, the lowest first (RFC 9162, 2.1.3.1)."""
    tiles = _whole_tiles(hashes, size)
    return [_subtree(begin, end, tiles) for begin, end in _beside(index, 0, size)]


def consistency_proof(old: int, new: int, hashes: Hashes) -> list[bytes]:
    """What shows that the first `old` leaves lie unchanged in the first `new` (RFC 9162, 2.1.4.1)."""
    tiles = _whole_tiles(hashes, new)
    return [_subtree(begin, end, tiles) for begin, end in _common(old, 0, new, whole=True)]


def _beside(index: int, begin: int, end: int) -> Iterator[tuple[int, int]]:
    if end - begin == 1:
        return
    middle = begin + _left(end - begin)
    if index < middle:
        yield from _beside(index, begin, middle)
        yield middle, end
    else:
        yield from _beside(index, middle, end)
        yield begin, middle


def _common(old: int, begin: int, end: int, *, whole: bool) -> Iterator[tuple[int, int]]:
    if old == end:
        if not whole:
            yield begin, end
        return
    middle = begin + _left(end - begin)
    if old <= middle:
        yield from _common(old, begin, middle, whole=whole)
        yield middle, end
    else:
        yield from _common(old, middle, end, whole=False)
        yield begin, middle


def _left(count: int) -> int:
    """How many of so many leaves lie in the left subtree: the largest power of two below."""
    return 1 << ((count - 1).bit_length() - 1)


def _subtree(begin: int, end: int, hashes: Hashes) -> bytes:
    """The root of the leaves from `begin` to before `end`, which are a subtree of the tree."""
    count = end - begin
    if count & (count - 1):
        middle = begin + _left(count)
        return node_hash(_subtree(begin, middle, hashes), _subtree(middle, end, hashes))
    level = (count.bit_length() - 1) // TILE_HEIGHT
    return tree_hash(hashes(level, begin >> level * TILE_HEIGHT, count >> level * TILE_HEIGHT))


def _whole_tiles(hashes: Hashes, size: int) -> Hashes:
    """The same, reading whole tiles, and each of them once."""

    @lru_cache(maxsize=64)
    def tile(level: int, index: int) -> list[bytes]:
        first = index * TILE_WIDTH
        return hashes(level, first, min(TILE_WIDTH, (size >> level * TILE_HEIGHT) - first))

    def some(level: int, first: int, count: int) -> list[bytes]:
        row = tile(level, first // TILE_WIDTH)
        return row[first % TILE_WIDTH :][:count]

    return some
