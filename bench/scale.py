"""How much of everything: enough to trust, enough for a look, or enough to see that it runs."""

from __future__ import annotations

from enum import IntEnum
from typing import TypeVar

T = TypeVar("T")


class Scale(IntEnum):
    FULL = 0
    QUICK = 1
    TINY = 2

    def of(self, full: T, quick: T, tiny: T) -> T:
        return (full, quick, tiny)[self]
