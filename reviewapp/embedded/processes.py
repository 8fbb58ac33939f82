"""Starting, finding and ending processes, so that none outlives the one that started it."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import IO

from reviewapp.embedded.home import Account

MARK = "REVIEWAPP_STARTED_BY"
_PR_SET_PDEATHSIG = 1
_LINUX = sys.platform == "linux"


def spawn(
    command: Sequence[str | Path],
    *,
    mark: str,
    environment: Mapping[str, str],
    folder: Path,
    output: int | IO[bytes],
    on_our_death: signal.Signals,
    account: Account | None = None,
    sockets: Sequence[int] = (),
) -> subprocess.Popen[bytes]:
    """Start a process in a group of its own, as `account` where one is given.

    It is sent `on_our_death` when we die, however we die, and carries `mark`
    in its environment, by which `marked` finds it and its children again. It inherits `sockets`.
    """
    return subprocess.Popen(  # noqa: S603
        [str(part) for part in command],
        env={**environment, MARK: mark},
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        pass_fds=sockets,
        # Runs after the change of user, which would undo what it asks for.
        preexec_fn=dying_with(os.getpid(), on_our_death),
        **as_account(account),  # type: ignore[call-overload]
    )


def as_account(account: Account | None) -> dict[str, object]:
    if account is None:
        return {}
    return {"user": account.uid, "group": account.gid, "extra_groups": [], "umask": 0o077}


def dying_with(parent: int, last_signal: signal.Signals) -> Callable[[], None]:
    """What a new process calls to be sent `last_signal` when `parent` dies; on Linux alone."""
    if not _LINUX:
        return lambda: None
    prctl = ctypes.CDLL(None).prctl

    def prepare() -> None:
        prctl(_PR_SET_PDEATHSIG, int(last_signal), 0, 0, 0)
        if os.getppid() != parent:  # it died before we could ask
            os._exit(1)

    return prepare


def marked(mark: str) -> set[int]:
    """Living processes that were started with this mark, their children included."""
    wanted = f"{MARK}={mark}".encode()
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if wanted in (folder / "environ").read_bytes().split(b"\0") and running(int(folder.name)):
                found.add(int(folder.name))
        except OSError:  # gone meanwhile, or not ours
            continue
    return found - {os.getpid()}


def running(pid: int) -> bool:
    """Is there such a process, and is it more than a zombie?"""
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] if _LINUX else "?"
    except PermissionError:
        return True
    except OSError:
        return False
    return state not in {"Z", "X"}


def end(pids: Iterable[int], *steps: tuple[signal.Signals, float]) -> set[int]:
    """Signal the processes, wait, and go on to the next step for those that stay; returns the rest."""
    left = {pid for pid in pids if running(pid)}
    for number, seconds in steps:
        for pid in left:
            _signal(pid, number)
        deadline = time.monotonic() + seconds
        while left and time.monotonic() < deadline:
            time.sleep(0.02)
            left = {pid for pid in left if running(pid)}
    return left


def _signal(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def command_of(pid: int) -> list[str]:
    """The command line of a process, or nothing where it can't be seen."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return []
