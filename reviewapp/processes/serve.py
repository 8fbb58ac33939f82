"""Granian with the application loaded before it forks: web processes share the memory of what is loaded."""

from __future__ import annotations

import os
import signal
import sys
from asyncio import AbstractEventLoop
from importlib import import_module
from typing import Any

from granian import _signals
from granian.cli import entrypoint
from granian.net import SocketHolder
from granian.server.common import AbstractServer

from reviewapp import ending
from reviewapp.processes import children

_set_loop_signals = _signals.set_loop_signals


def main() -> None:
    """Take Granian's arguments, of which the last names the application."""
    import_module(sys.argv[-1].partition(":")[0])  # which makes itself ready
    _signals.set_loop_signals = _set_signals
    if number := os.environ.get(children.SOCKET):
        _listen_on(int(number))
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


def _set_signals(loop: AbstractEventLoop) -> Any:
    """Granian's own, which let it finish what has come in; what waits for something else ends first."""
    asked = _set_loop_signals(loop)

    def end() -> None:
        ending.begin()
        asked.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, end)
    return asked


if __name__ == "__main__":
    main()
