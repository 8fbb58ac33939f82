"""How sure a share that was counted is: Wilson's score interval.

E. B. Wilson, "Probable inference, the law of succession, and statistical inference", Journal of the
American Statistical Association 22 (1927), 209–212. For k of n and a normal quantile z,

    (k + z²/2 ± z·√(k·(n−k)/n + z²/4)) / (n + z²)

It stays within 0 and 1 and says something sensible of few trials, of none and of all, where the
textbook's p ± z·√(p(1−p)/n) does not (L. D. Brown, T. T. Cai, A. DasGupta, "Interval estimation for a
binomial proportion", Statistical Science 16 (2001), 101–133).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import Any

Z = 1.959963984540054  # two-sided 95 %


@dataclass(frozen=True, slots=True)
class Share:
    """A share that was counted, with the bounds between which the true one lies, 19 times out of 20."""

    count: int
    of: int
    low: float
    high: float

    @property
    def value(self) -> float | None:
        """The share itself; None of nothing."""
        return self.count / self.of if self.of else None

    def as_json(self) -> dict[str, Any]:
        value = None if self.value is None else round(self.value, 6)
        return {
            "count": self.count,
            "of": self.of,
            "share": value,
            "low": round(self.low, 6),
            "high": round(self.high, 6),
        }


def share(count: int, of: int, *, z: float = Z) -> Share:
    """`count` of `of`, with its Wilson interval. Of nothing, nothing is known: 0 to 1.

    Raises `ValueError` where more are counted than there are.
    """
    if not 0 <= count <= of:
        raise ValueError(f"{count} of {of} is no share")
    if not of:
        return Share(0, 0, 0.0, 1.0)
    spread = z * sqrt(count * (of - count) / of + z * z / 4)
    middle, whole = count + z * z / 2, of + z * z
    # At the ends rounding may step a hair outside.
    low = 0.0 if count == 0 else max((middle - spread) / whole, 0.0)
    high = 1.0 if count == of else min((middle + spread) / whole, 1.0)
    return Share(count, of, low, high)
