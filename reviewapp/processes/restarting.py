"""Asking a running `up` to start its processes anew, one after the other, and hearing what came of it."""

from __future__ import annotations

import fcntl
import os
import signal
import time
from pathlib import Path

SIGNAL = signal.SIGUSR1
_SAID = "restarted"
LOCK = "up.lock"


class NotRunning(Exception):
    """There is no `up` of this folder."""


def ask(var: Path, *, seconds: float) -> str | None:
    """Have everything started anew; returns what `up` says of it, nothing where all went well.

    None when it said nothing in time. Raises `NotRunning`.
    """
    pid = _running(var)
    said = var / _SAID
    said.unlink(missing_ok=True)
    os.kill(pid, SIGNAL)
    deadline = time.monotonic() + seconds
    while not said.exists():
        if time.monotonic() > deadline:
            return None
        if not _is_held(var):
            raise NotRunning
        time.sleep(0.1)
    return said.read_text()


def say(var: Path, what: str) -> None:
    """Answer whoever asked."""
    new = var / f"{_SAID}.new"
    new.write_text(what)
    new.rename(var / _SAID)  # nobody reads half of it


def _running(var: Path) -> int:
    if not _is_held(var):
        raise NotRunning
    return int((var / LOCK).read_text())


def _is_held(var: Path) -> bool:
    """Whether an `up` lives that has claimed the folder."""
    try:
        with (var / LOCK).open() as claim:
            fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        return False
    return False
