"""Work in a process of its own, whose memory goes with it: who outlives the work stays small."""

from __future__ import annotations

import os
import signal
import traceback
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Generic, TypeVar

from reviewapp.embedded.processes import dying_with
from reviewapp.embedded.waiting import Pause

T = TypeVar("T")
_fork = get_context("fork")


class Apart(Generic[T]):
    """One piece of work, begun at once. `work` is handed what `tell` sends it meanwhile."""

    def __init__(self, work: Callable[[Connection], T]) -> None:
        self._ours, theirs = _fork.Pipe()
        self._process = _fork.Process(target=_answer, args=(work, theirs, os.getpid()))
        self._process.start()
        theirs.close()

    def tell(self, word: str) -> None:
        self._ours.send(word)

    def result(self, pause: Pause) -> T:
        """What it returned. Raises what it raised; `pause` is called meanwhile, and may raise."""
        while not self._ours.poll():
            pause(0.05)
        try:
            returned, error = self._ours.recv()
        except EOFError:
            self._process.join()
            raise ChildProcessError(f"It ended with status {self._process.exitcode}.") from None
        if error:
            raise error
        result: T = returned
        return result

    def end(self) -> None:
        """Let nothing of it live on, done or not; safe to call twice."""
        self._process.kill()
        self._process.join()


def _answer(work: Callable[[Connection], T], ours: Connection, parent: int) -> None:
    dying_with(parent, signal.SIGKILL)()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # whoever began it decides when it ends
    try:
        ours.send((work(ours), None))
    except Exception as error:
        error.add_note("".join(traceback.format_exception(error)))  # which does not travel with it
        ours.send((None, error))
