"""Moves the wall clock of a process that finds this file first on its PYTHONPATH, while it runs.

The file that FAULTS_CLOCK names says by how many seconds, as one double; whoever writes another moves the
clock. The monotonic clock stays: no kernel moves that.
"""

from __future__ import annotations

import datetime as module
import mmap
import os
import struct
import time
from typing import Any

_real_time, _real_datetime = time.time, module.datetime


def _moved_by() -> float:
    offset: float = struct.unpack("d", _offset[:8])[0]
    return offset


def moved_time() -> float:
    return _real_time() + _moved_by()


def moved_time_ns() -> int:
    return int(moved_time() * 1e9)


class _Alike(type):
    """Moments that C code makes are of the real class, and pass for ours."""

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, _real_datetime)

    def __subclasscheck__(cls, other: type) -> bool:
        return issubclass(other, _real_datetime)


class datetime(_real_datetime, metaclass=_Alike):  # noqa: N801
    __slots__ = ()  # as large as the real one, which extensions look at

    @classmethod
    def now(cls, tz: Any = None) -> Any:
        return _real_datetime.fromtimestamp(moved_time(), tz)

    @classmethod
    def utcnow(cls) -> Any:
        return _real_datetime.fromtimestamp(moved_time(), module.UTC).replace(tzinfo=None)

    @classmethod
    def today(cls) -> Any:
        return cls.now()

    def __new__(cls, *args: Any, **how: Any) -> Any:
        return _real_datetime(*args, **how)


if "FAULTS_CLOCK" in os.environ:
    with open(os.environ["FAULTS_CLOCK"], "rb") as file:
        _offset = mmap.mmap(file.fileno(), 8, access=mmap.ACCESS_READ)
    time.time, time.time_ns = moved_time, moved_time_ns
    module.datetime = datetime  # type: ignore[misc]
