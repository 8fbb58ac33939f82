from __future__ import annotations

import pytest

from audit.ground.figures import count, percent, span


@pytest.mark.parametrize(("number", "said"), [(0, "0"), (999, "999"), (1_000, "1,000"), (-12_345, "-12,345")])
def test_a_count_has_its_thousands_apart(number: int, said: str) -> None:
    assert count(number) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0 s"),
        (0.25, "0.25 s"),
        (1, "1 s"),
        (59.4, "59 s"),
        (59.6, "1 min"),
        (60, "1 min"),
        (90, "1 min 30 s"),
        (3_600, "1 h"),
        (3_600 + 59, "1 h"),
        (3 * 3_600 + 300, "3 h 5 min"),
        (86_399, "23 h 59 min"),
        (86_400, "1 d"),
        (2 * 86_400 + 4 * 3_600 + 59, "2 d 4 h"),
        (400 * 86_400, "400 d"),
    ],
)
def test_a_span_is_told_in_its_two_largest_units(seconds: float, said: str) -> None:
    assert span(seconds) == said


@pytest.mark.parametrize(
    ("share", "said"),
    [
        (0, "0.0 %"),
        (1, "100.0 %"),
        (0.5, "50.0 %"),
        (0.9999, "99.99 %"),
        (0.00004, "0.004 %"),
        (0.9999999, "over 99.999 %"),
        (0.0000001, "under 0.001 %"),
    ],
)
def test_a_share_is_never_rounded_to_all_or_none(share: float, said: str) -> None:
    assert percent(share) == said
