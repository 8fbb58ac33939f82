"""Spans of time as people write them: `500ms`, `10s`, `30m`, `4h`, `7d`."""

from __future__ import annotations

import re
from argparse import ArgumentTypeError
from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer

_UNITS = {"ms": Decimal("0.001"), "s": Decimal(1), "m": Decimal(60), "h": Decimal(3600), "d": Decimal(86400)}
LONGEST = 100 * 366 * 86400.0  # seconds; no span needs more, and no number of digits passes for one
_FORM = re.compile(r"^(\d+(?:\.\d+)?)(ms|s|m|h|d)$")


def seconds(text: Any) -> float:
    """The span in seconds. Raises `ValueError` that says how one is written."""
    matched = _FORM.match(text) if isinstance(text, str) else None
    if not matched:
        raise ValueError(f"{text!r} is not a span of time; write one as 500ms, 10s, 30m, 4h or 7d")
    span = float(Decimal(matched[1]) * _UNITS[matched[2]])
    if span > LONGEST:
        raise ValueError(f"{text[:40]!r} is longer than a hundred years")
    return span


def argument(text: str) -> timedelta:
    """For a command's options. Raises `ArgumentTypeError` that says how a span is written."""
    try:
        return timedelta(seconds=seconds(text))
    except (ValueError, OverflowError) as error:
        raise ArgumentTypeError(str(error)) from error


def written(span: float) -> str:
    """The shortest such text for a number of seconds; `seconds` reads the same number from it."""
    exact = Decimal(repr(span))
    for unit in ("d", "h", "m", "s"):
        if exact >= _UNITS[unit] and exact % _UNITS[unit] == 0:
            return f"{exact // _UNITS[unit]:f}{unit}"
    return f"{(exact * 1000).normalize():f}ms"


Duration = Annotated[float, BeforeValidator(seconds), PlainSerializer(written)]
