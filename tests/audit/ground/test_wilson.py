from __future__ import annotations

from math import isclose

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.ground.wilson import Share, Z, share

# Computed by hand from the formula, and as published: Newcombe, Statistics in Medicine 17 (1998), table I.
PUBLISHED = [
    (81, 263, 0.2553, 0.3662),
    (15, 148, 0.0624, 0.1605),
    (0, 20, 0.0, 0.1611),
    (1, 29, 0.0061, 0.1718),
]


@pytest.mark.parametrize(("count", "of", "low", "high"), PUBLISHED)
def test_it_agrees_with_what_was_published(count: int, of: int, low: float, high: float) -> None:
    found = share(count, of)
    assert (round(found.low, 4), round(found.high, 4)) == (low, high)


def test_of_nothing_nothing_is_known() -> None:
    assert share(0, 0) == Share(0, 0, 0.0, 1.0)
    assert share(0, 0).value is None


def test_fifty_of_fifty_are_not_enough_for_95_percent() -> None:
    assert round(share(50, 50).low, 4) == 0.9287
    assert share(73, 73).low >= 0.95 > share(72, 72).low


@pytest.mark.parametrize(("count", "of"), [(-1, 3), (4, 3)])
def test_more_than_there_are_is_no_share(count: int, of: int) -> None:
    with pytest.raises(ValueError, match="is no share"):
        share(count, of)


counted = st.integers(0, 10**9).flatmap(lambda of: st.tuples(st.integers(0, of), st.just(of)))


@given(counted)
def test_the_share_lies_within_its_bounds(of: tuple[int, int]) -> None:
    found = share(*of)
    assert 0 <= found.low <= found.high <= 1
    assert found.value is None or found.low <= found.value <= found.high


@given(st.integers(1, 10**6).flatmap(lambda of: st.tuples(st.integers(1, of - 1 or 1), st.just(of))))
def test_each_bound_is_where_the_score_is_z(of: tuple[int, int]) -> None:
    """The definition that the formula is solved from: |share - p| = z·√(p(1-p)/n)."""
    found = share(*of)
    for p in {found.low, found.high} - {0.0, 1.0}:
        assert isclose(abs(found.count / found.of - p), Z * (p * (1 - p) / found.of) ** 0.5, rel_tol=1e-6)


@given(counted)
def test_successes_and_failures_mirror_each_other(of: tuple[int, int]) -> None:
    count, total = of
    one, other = share(count, total), share(total - count, total)
    assert isclose(one.low, 1 - other.high, abs_tol=1e-9)
