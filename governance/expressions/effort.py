"""What our own functions may do in one evaluation, counted while they do it.

An expression's own cost is bounded before it is asked (`cel_cost`). What a function such as `mentions`
does depends on the texts it is given, so it says beforehand how much it is about to do, and all of one
evaluation together may do so much. The count depends on texts alone, never on what is remembered from
before, so that the same proposal gets the same verdict every time.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

MOST = 200_000_000  # characters looked at, about a second
MOST_FOUND = 1_000  # items of a list that a function answers
MOST_NAMES = 100  # of arguments that a text does not mention
MOST_SENTENCES = 2_000  # of a text that is looked at sentence by sentence
TOO_MUCH = "that is more text than the functions of a policy may look at for one suggestion"


class TooMuch(ValueError):
    """A function was asked for more than it may do; there is no answer."""


class _Left:
    def __init__(self) -> None:
        self.units = MOST
        self.once: set[tuple[str, str]] = set()


_left: ContextVar[_Left | None] = ContextVar("effort", default=None)


@contextmanager
def limited(*, anew: bool = False) -> Iterator[None]:
    """What is evaluated meanwhile may do so much together; within another such span, as much as is left.

    `anew`: with a count of its own all the same.
    """
    if _left.get() is not None and not anew:
        yield
        return
    before = _left.set(_Left())
    try:
        yield
    finally:
        _left.reset(before)


def spend(units: int) -> None:
    """Say what is about to be done. Raises `TooMuch`, before it is done."""
    left = _left.get()
    if left is None:
        left = _Left()  # nobody counts: the limit holds for this call alone
    left.units -= units
    if left.units < 0:
        raise TooMuch(TOO_MUCH)


def spend_once(text: str, what: str, units: int) -> None:
    """The same, for what is found out about a text once and kept."""
    left = _left.get()
    if left is not None:
        if (text, what) in left.once:
            return
        left.once.add((text, what))
    spend(units)
