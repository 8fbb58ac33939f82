"""Hints that something changed, sent to whoever has a page or a request open.

A hint may be lost: it costs latency, never correctness. It is sent from a thread
of its own, so that no decision waits for Valkey and no fault of it reaches one.
"""

from __future__ import annotations

import asyncio
import os
import threading
from typing import Any
from uuid import UUID

import structlog
from channels.layers import channel_layers

GROUP = "changes"
_log = structlog.get_logger(__name__)


class _Announcer:
    """An event loop in a thread, made anew in every process."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        # A layer of our own: layers keep connections that belong to one event loop.
        self.layer = channel_layers.make_backend("default")
        threading.Thread(target=self.loop.run_forever, name="announcer", daemon=True).start()

    def send(self, hint: dict[str, Any]) -> None:
        asyncio.run_coroutine_threadsafe(self._send(hint), self.loop)

    async def _send(self, hint: dict[str, Any]) -> None:
        try:
            await asyncio.wait_for(self.layer.group_send(GROUP, hint), timeout=5)
        except Exception as error:  # whatever it was: the next poll or sweep finds the change
            _log.warning("hint lost", error=type(error).__name__)


_announcers: dict[int, _Announcer] = {}
_lock = threading.Lock()


def announce(*proposals: UUID) -> None:
    """Tell open pages and waiting requests that these proposals, or what came of them, changed.

    Call it after the commit. What changed is read from the database by whoever hears it.
    """
    with _lock:
        announcer = _announcers.get(os.getpid())
        if announcer is None:
            announcer = _announcers[os.getpid()] = _Announcer()
    announcer.send({"type": "changed", "proposals": [str(proposal) for proposal in proposals]})


def forget() -> None:
    """Let the next hint open a new connection; for tests that change the layer."""
    _announcers.clear()
