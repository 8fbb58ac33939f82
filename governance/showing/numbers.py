"""Numbers as people read them: 0.00005 and not 5e-05, without noise behind, and of one meaning."""

from __future__ import annotations

import json
from decimal import Decimal

_WRITTEN_OUT = range(-12, 21)  # powers of ten
_SHORT = 12  # characters that can't be outside of these


def written(value: int | float | Decimal) -> str:
    """All digits that count, with a point before the decimals and nothing between the thousands.

    1,234 is above a thousand to some and above one to others; and many numbers are names. What would
    be a row of zeros is told by its power: "2.5 × 10^300". 612.0 and 612 are one number, in the digest too.
    """
    text = str(value)
    if len(text) <= _SHORT and "e" not in text.lower():
        return trimmed(text) if value else "0"
    exact = Decimal(text)
    if not exact:
        return "0"
    if exact.adjusted() in _WRITTEN_OUT:
        return trimmed(f"{exact:f}")
    digits = trimmed(f"{exact.scaleb(-exact.adjusted()):f}")
    return f"{digits} × 10^{exact.adjusted()}"


def typed(value: int | float) -> str:
    """The same for a field in which it can be changed: what can be read again as this very number."""
    text = written(value)
    return text if "×" not in text else json.dumps(value)


def grouped(exact: Decimal, decimals: int) -> str:
    """An amount with so many decimals; its thousands set apart only where that can't be misread."""
    if decimals > -_WRITTEN_OUT.start or (exact and exact.adjusted() not in _WRITTEN_OUT):
        return written(exact)
    text = f"{exact or Decimal(0):,.{decimals}f}"  # what is nothing has no sign
    return text if decimals > 0 or text.count(",") != 1 else text.replace(",", "")


def trimmed(digits: str) -> str:
    return digits.rstrip("0").rstrip(".") if "." in digits else digits
