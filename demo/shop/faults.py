"""Failures that are wished for: which calls go wrong, how, and how often."""

import fnmatch
import threading
from dataclasses import asdict, dataclass
from typing import Any

from demo.shop.effects import Refused

# The effect takes place in the second group only.
WITHOUT_EFFECT = {"error_before", "timeout_before", "garbage", "refuse"}
WITH_EFFECT = {"error_after", "timeout_after", "garbage_after", "slow"}
MODES = WITHOUT_EFFECT | WITH_EFFECT

FIELDS = {"match", "mode", "method", "status", "times", "seconds"}


@dataclass
class Fault:
    match: str
    mode: str
    method: str | None = None
    status: int = 503
    times: int | None = None
    seconds: float = 20.0

    @property
    def kind(self) -> str:
        return self.mode.partition("_")[0]

    @property
    def lets_the_effect_happen(self) -> bool:
        return self.mode in WITH_EFFECT

    def covers(self, method: str, path: str) -> bool:
        """`*` stands for one part of a path, `**` at the end for all that follow."""
        if self.method not in {None, method}:
            return False
        wanted, given = self.match.split("/"), path.split("/")
        if wanted[-1] == "**":
            wanted, given = wanted[:-1], given[: len(wanted) - 1]
        return len(wanted) == len(given) and all(
            fnmatch.fnmatchcase(part, pattern) for part, pattern in zip(given, wanted, strict=True)
        )


class Faults:
    """The faults in force. A restart of the shop heals all of them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._active: list[Fault] = []

    def put(self, body: Any) -> list[dict[str, Any]]:
        """Add a fault, or replace the one with the same `match` and `method`."""
        fault = read_fault(body)
        with self._lock:
            others = [f for f in self._active if (f.match, f.method) != (fault.match, fault.method)]
            self._active = [*others, fault]
        return self.all()

    def take(self, method: str, path: str) -> Fault | None:
        """The fault this call meets, counted down; each call meets one at most."""
        with self._lock:
            fault = next((f for f in self._active if f.covers(method, path)), None)
            if fault and fault.times is not None:
                fault.times -= 1
                if fault.times == 0:
                    self._active.remove(fault)
            return fault

    def all(self) -> list[dict[str, Any]]:
        with self._lock:
            return [asdict(fault) for fault in self._active]

    def clear(self) -> None:
        with self._lock:
            self._active = []


def read_fault(body: Any) -> Fault:
    if not isinstance(body, dict) or set(body) - FIELDS or not {"match", "mode"} <= set(body):
        raise Refused(422, f"a fault has `match`, `mode` and perhaps {', '.join(sorted(FIELDS))}")
    fault = Fault(**body)
    for name, right, wish in [
        ("match", isinstance(fault.match, str) and fault.match.startswith("/"), "a path with * for a part"),
        ("mode", isinstance(fault.mode, str) and fault.mode in MODES, f"one of {', '.join(sorted(MODES))}"),
        ("method", fault.method in (None, "GET", "POST", "PUT"), "GET, POST, PUT or null"),
        ("status", _whole(fault.status, 400, 599), "a status from 400 to 599"),
        ("times", fault.times is None or _whole(fault.times, 1, 10**6), "a count from 1, or null"),
        ("seconds", _number(fault.seconds, 0, 3600), "a time from 0 to 3600"),
    ]:
        if not right:
            raise Refused(422, f"`{name}` must be {wish}")
    return fault


def _whole(value: Any, least: int, most: int) -> bool:
    return isinstance(value, int) and _number(value, least, most)


def _number(value: Any, least: int, most: int) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and least <= value <= most
