"""Granian with the application loaded before it forks: web processes share the memory of what is loaded."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from asyncio import AbstractEventLoop
from contextlib import suppress
from importlib import import_module
from typing import Any

from granian import _signals
from granian.cli import entrypoint
from granian.net import SocketHolder
from granian.server.common import AbstractServer

from reviewapp import ending
from reviewapp.processes import children

# Seconds for those who have connected and have not asked yet: Granian would close their connections unheard.
GRACE = 0.5
_set_loop_signals = _signals.set_loop_signals
_set_sync_signals = _signals.set_sync_signals


def main() -> None:
    """Take Granian's arguments, of which the last names the application."""
    import_module(sys.argv[-1].partition(":")[0])  # which makes itself ready
    shared = int(number) if (number := os.environ.get(children.SOCKET)) else None
    _signals.set_loop_signals = lambda loop: _in_loop(loop, shared)
    _signals.set_sync_signals = lambda: _in_thread(shared)
    if shared is not None:
        _listen_on(shared)
    entrypoint()


def _listen_on(number: int) -> None:
    """Serve what comes in over a socket that whoever started us holds, too.

    What has connected to it and was not taken yet waits for our successor when we end. Granian (2.8) would
    have each process listen for itself, and reset what waits for it.
    """

    def share(server: Any) -> None:
        server._shd = SocketHolder(number, False, server.backlog)  # type: ignore[call-arg]
        server._sfd, server._ssp = number, None

    AbstractServer._init_shared_socket = share  # type: ignore[method-assign]


# --- The end of a process that serves -----------------------------------------------------------------


def _in_loop(loop: AbstractEventLoop, shared: int | None) -> Any:
    """Granian's own, which let it finish what has come in; what waits for something else ends first."""
    asked = _set_loop_signals(loop)

    def end() -> None:
        ending.begin()
        loop.call_later(_left(shared), asked.set)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, end)
    return asked


def _in_thread(shared: int | None) -> Any:
    """The same where there is no loop."""
    asked = _set_sync_signals()

    def end(*_: Any) -> None:
        threading.Timer(_left(shared), asked.set).start()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
    return asked


def _left(shared: int | None) -> float:
    """Take nothing new from a socket that others serve, too; for so long who has connected may still ask."""
    if shared is None:
        return 0
    # Granian polls it from threads of its own and can't be told to stop that alone. So from now on each of
    # its numbers is that of a socket to which nobody connects.
    nobody = socket.socket(socket.AF_UNIX)
    nobody.setblocking(False)
    nobody.bind("")
    nobody.listen(1)
    for number in _numbers_of(shared):
        os.dup2(nobody.fileno(), number)
    nobody.close()
    return GRACE


def _numbers_of(shared: int) -> list[int]:
    """Under which numbers this process has the same open file."""
    same, found = os.fstat(shared), []
    for name in os.listdir("/dev/fd"):
        with suppress(OSError):  # it was that of the list
            if os.path.samestat(os.fstat(int(name)), same):
                found.append(int(name))
    return found


if __name__ == "__main__":
    main()
