"""Work that keeps no time by itself, done in a thread of its own: whoever waits for it can walk away."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from audit.ground.egress import Lost, NotSent, Refused

T = TypeVar("T")
TOO_LATE = "no answer in time"
NAME = "errand"  # of the thread
GRACE = 0.1  # seconds that the work has to say why it is late


class Errand(Generic[T]):
    """A call that a library makes. It asks `may_send` before what can't be taken back leaves.

    That is answered by the caller's thread, which holds the lease, and never once the deadline is over: so
    whatever the library still does, nothing is sent that the caller does not know of.
    """

    def __init__(self, may_send: Callable[[], bool], deadline: float) -> None:
        self.deadline = deadline
        self.was_allowed = False
        self._may_send = may_send
        self._told: queue.SimpleQueue[Callable[[], bool]] = queue.SimpleQueue()
        self._outcome: list[T | Exception] = []

    @property
    def left(self) -> float:
        """The seconds until the deadline."""
        return max(0.0, self.deadline - time.monotonic())

    def run(self, work: Callable[[], T]) -> T:
        """What the work comes to. Raises `Refused`, `NotSent` or `Lost`, and nothing else."""
        threading.Thread(target=self._work, args=(work,), name=NAME, daemon=True).start()
        while not self._has_ended():
            pass
        return self._judged()

    def may_send(self) -> bool:
        """Asked by the work, immediately before it sends."""
        answers: queue.SimpleQueue[bool] = queue.SimpleQueue()

        def ask() -> bool:
            self.was_allowed = allowed = self._may_send()
            answers.put(allowed)
            return False

        self._told.put(ask)
        try:
            return answers.get(timeout=self.left) and self.left > 0
        except queue.Empty:
            return False

    def _has_ended(self) -> bool:
        """Wait for the work to ask or to end; true also where it is too late for either."""
        try:
            return self._told.get(timeout=self.left + GRACE)()
        except queue.Empty:
            return True

    def _work(self, work: Callable[[], T]) -> None:
        try:
            self._outcome.append(work())
        except Exception as error:  # told to the thread that waits
            self._outcome.append(error)
        self._told.put(lambda: True)

    def _judged(self) -> T:
        outcome: Any = self._outcome[0] if self._outcome else TimeoutError(TOO_LATE)
        if not isinstance(outcome, Exception):
            return outcome
        if isinstance(outcome, Refused | NotSent) and not self.was_allowed:
            raise outcome
        said = " ".join(str(outcome).split())[:300].rstrip(".") or type(outcome).__name__
        raise (Lost if self.was_allowed else NotSent)(said) from outcome
