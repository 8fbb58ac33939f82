"""The end of a web process: waiting requests are answered and open sockets closed, so that nothing is cut."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from weakref import WeakKeyDictionary

_begun: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Event] = WeakKeyDictionary()


def begin() -> None:
    """The process was told to stop. Called in its loop."""
    _of_loop().set()


@contextmanager
def noticed() -> Iterator[asyncio.Task[Any]]:
    """Done once the end has begun."""
    notice: asyncio.Task[Any] = asyncio.ensure_future(_of_loop().wait())
    try:
        yield notice
    finally:
        notice.cancel()


def _of_loop() -> asyncio.Event:
    return _begun.setdefault(asyncio.get_running_loop(), asyncio.Event())
