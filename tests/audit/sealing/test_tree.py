"""Roots and proofs from stored hashes are those of RFC 6962."""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.sealing import tree
from tests.audit.sealing import rfc6962
from tests.searching import searched

LEAVES = [sha256(number.to_bytes(4, "big")).digest() for number in range(70_000)]


@lru_cache
def _stored(level: int) -> list[bytes]:
    """The hashes of a level of tiles, of those tiles below it that are full."""
    if level == 0:
        return LEAVES
    below = _stored(level - 1)
    return [rfc6962.tree_hash(below[at : at + 256]) for at in range(0, len(below) // 256 * 256, 256)]


def hashes(level: int, first: int, count: int) -> list[bytes]:
    found = _stored(level)[first : first + count]
    assert len(found) == count, "more was asked for than is stored"
    return found


@lru_cache
def root(size: int) -> bytes:
    return rfc6962.tree_hash(LEAVES[:size])


EDGES = [1, 2, 3, 255, 256, 257, 511, 512, 513, 65_535, 65_536, 65_537, 70_000]
SIZE = st.sampled_from(EDGES) | st.integers(1, 1_100)


@pytest.mark.parametrize("size", EDGES)
def test_the_root_is_that_of_the_leaves(size: int) -> None:
    assert tree.root(size, hashes) == root(size)


@searched(150)
@given(st.data(), SIZE)
def test_an_inclusion_proof_is_the_path_of_the_rfc(data: st.DataObject, size: int) -> None:
    place = data.draw(st.integers(0, size - 1))
    assert tree.inclusion_proof(place, size, hashes) == rfc6962.path(place, LEAVES[:size])


@searched(150)
@given(st.data(), SIZE)
def test_a_consistency_proof_is_that_of_the_rfc(data: st.DataObject, size: int) -> None:
    old = data.draw(st.integers(1, size))
    assert tree.consistency_proof(old, size, hashes) == rfc6962.proof(old, LEAVES[:size])


def test_a_proof_of_a_large_log_reads_few_tiles() -> None:
    asked: list[tuple[int, int, int]] = []

    def counted(level: int, first: int, count: int) -> list[bytes]:
        asked.append((level, first, count))
        return hashes(level, first, count)

    tree.inclusion_proof(12_345, 70_000, counted)
    assert len(asked) <= 5
    assert max(count for *_, count in asked) <= 256
