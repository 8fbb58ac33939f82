"""One listener per process: hears every hint and hands it to the sockets and requests that care.

Hints come over the channel layer. What a hint leads to is read from the database
once per process, however many pages are open (`approvals.live.process`).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator
from typing import Any
from weakref import WeakKeyDictionary

import structlog
from channels.layers import get_channel_layer

from audit.ground.announce import GROUP

_log = structlog.get_logger(__name__)


class Listener:
    """Somebody who waits for news of one proposal."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def wake(self) -> None:
        self._event.set()

    async def wait(self) -> None:
        await self._event.wait()
        self._event.clear()


class Hub:
    """The hints of one process, from the layer to its listeners."""

    def __init__(self) -> None:
        self.waiting: dict[str, set[Listener]] = defaultdict(set)
        self.subscribers: set[Callable[[dict[str, Any]], Awaitable[None]]] = set()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to listen, once per event loop."""
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._listen())

    async def _listen(self) -> None:
        while True:
            try:
                await self._listen_until_it_breaks()
            except Exception as error:  # Valkey is away: pages poll, requests look again, we come back
                _log.warning("hints interrupted", error=type(error).__name__)
                await asyncio.sleep(1)

    async def _listen_until_it_breaks(self) -> None:
        layer = get_channel_layer()
        if layer is None:
            raise RuntimeError("CHANNEL_LAYERS is not configured.")
        channel = await layer.new_channel()
        await layer.group_add(GROUP, channel)
        while True:
            await self.hear(await layer.receive(channel))

    async def hear(self, hint: dict[str, Any]) -> None:
        # Whose key or token is over is answered so, instead of when its wait ends.
        woken = list(self.waiting) if hint.get("access") else hint["proposals"]
        for proposal in woken:
            for listener in self.waiting.get(proposal, ()):
                listener.wake()
        for subscriber in list(self.subscribers):
            await subscriber(hint)


_hubs: WeakKeyDictionary[asyncio.AbstractEventLoop, Hub] = WeakKeyDictionary()


def current() -> Hub:
    """The hub of the running event loop."""
    hub = _hubs.setdefault(asyncio.get_running_loop(), Hub())
    hub.start()
    return hub


@contextlib.contextmanager
def listening(proposal_id: str) -> Iterator[Listener]:
    """Be woken whenever this proposal changes; begin before asking how it stands."""
    hub, listener = current(), Listener()
    hub.waiting[proposal_id].add(listener)
    try:
        yield listener
    finally:
        hub.waiting[proposal_id].discard(listener)
        if not hub.waiting[proposal_id]:
            del hub.waiting[proposal_id]
