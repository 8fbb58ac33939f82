"""Writing down what came of something outside, although the database is away for a moment."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from django.db import InterfaceError, OperationalError, connection

SECONDS, PAUSE = 10.0, 0.5
T = TypeVar("T")


def insist(write: Callable[[], T]) -> T:
    """Call `write`, which has to be safe to call twice, until the database has taken it; for ten seconds."""
    deadline = time.monotonic() + SECONDS
    while True:
        try:
            return write()
        except (OperationalError, InterfaceError):
            if connection.in_atomic_block or time.monotonic() > deadline:
                raise
        connection.close()
        time.sleep(PAUSE)
