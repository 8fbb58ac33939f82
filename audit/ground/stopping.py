"""A worker that is told to stop finishes the call that it is in, or lets go of it when it takes too long."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class Stopped(InterruptedError):
    """This process ends: what it waits for is let go of, as if the connection had broken."""


class _Process:
    calls = 0  # that it is in, one within another
    stops = False


_process = _Process()


@contextmanager
def interruptible() -> Iterator[None]:
    """Around what waits for others: raises `Stopped` out of it when the process is to end."""
    _process.calls += 1
    try:
        yield
    finally:
        _process.calls -= 1


def is_asked() -> bool:
    """Whether the process is about to end, so that nothing long is begun."""
    return _process.stops


def let_go(*_: Any) -> None:
    """What a signal calls: nothing new is begun, and a call under way is over."""
    _process.stops = True
    if _process.calls:
        raise Stopped("the worker was stopped in the middle of it")
