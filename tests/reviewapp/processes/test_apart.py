"""Work in a process of its own: it says what came of it, and ends with whoever began it."""

from __future__ import annotations

import ast
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from typing import Any

import pytest

from reviewapp.embedded import processes
from reviewapp.embedded.credentials import CannotStart
from reviewapp.processes.apart import Apart


def no_pause(_: float) -> None:
    pass


@pytest.fixture
def begin() -> Iterator[Callable[[Callable[[Connection], Any]], Apart[Any]]]:
    begun: list[Apart[Any]] = []

    def start(work: Callable[[Connection], Any]) -> Apart[Any]:
        begun.append(Apart(work))
        return begun[-1]

    yield start
    for one in begun:
        one.end()


def test_it_returns_what_the_work_returned_in_another_process(begin: Any) -> None:
    assert begin(lambda _: os.getppid()).result(no_pause) == os.getpid()


def test_it_raises_what_the_work_raised_and_where(begin: Any) -> None:
    def fails(_: Connection) -> None:
        raise CannotStart("There is no room.")

    with pytest.raises(CannotStart, match="There is no room") as raised:
        begin(fails).result(no_pause)
    assert "in fails" in raised.value.__notes__[0]


def test_it_hears_what_it_is_told_meanwhile(begin: Any) -> None:
    work = begin(lambda told: told.recv().upper())
    work.tell("ready")
    assert work.result(no_pause) == "READY"


def test_what_was_killed_says_so(begin: Any) -> None:
    with pytest.raises(ChildProcessError, match="status -9"):
        begin(lambda _: os.kill(os.getpid(), signal.SIGKILL)).result(no_pause)


def test_who_waits_may_give_up_and_nothing_lives_on(begin: Any) -> None:
    class Enough(Exception):
        pass

    def enough(_: float) -> None:
        raise Enough

    work = begin(lambda told: told.recv())
    with pytest.raises(Enough):
        work.result(enough)
    work.end()
    assert not processes.running(work._process.pid)


def test_who_looks_after_all_loads_no_apps() -> None:
    loaded = "[name for name in sys.modules if name.endswith('.models')]"
    command = f"import sys, reviewapp.management.commands.up; print({loaded})"
    told = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True)
    assert set(ast.literal_eval(told.stdout)) <= {"django.db.models", "django.forms.models"}
