"""Closes the pages of people who may no longer see them, within `LOOK_AGAIN` seconds or at once.

A hint says when to look; without one, each process looks by itself: one query for all its pages.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any
from weakref import WeakKeyDictionary

import structlog

from approvals.live import access, hub, process
from approvals.live.page import RESYNC, Page

_log = structlog.get_logger(__name__)

LOOK_AGAIN = 2.0  # seconds: whoever was signed out or lost a role is out within 5, on a busy machine too
GAP = 0.2  # between two looks, however many hints there are


class OpenPages:
    """The open pages of one process (one event loop), and the task that looks whether they may stay."""

    def __init__(self) -> None:
        self.pages: set[Page] = set()
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def join(self, page: Page) -> None:
        self.pages.add(page)
        if self._task is None:
            self._task = asyncio.create_task(self._watch())
            hub.current().subscribers.add(self.hear)

    def leave(self, page: Page) -> None:
        self.pages.discard(page)
        if not self.pages and self._task:
            hub.current().subscribers.discard(self.hear)
            self._task.cancel()
            self._task = None

    async def hear(self, hint: dict[str, Any]) -> None:
        if hint.get("access"):
            self._wake.set()

    async def _watch(self) -> None:
        while True:
            # Not `wait_for`, which in Python 3.11 can lose a cancellation: this would never end.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_AGAIN):
                    await self._wake.wait()
            self._wake.clear()
            asked = {page.key for page in self.pages}
            try:
                now = await process.in_thread(access.standing_of, asked)
            except Exception as error:  # the database is away: we look again
                _log.warning("people not checked", error=type(error).__name__)
            else:
                for page in [page for page in self.pages if page.key in asked]:
                    _apply(page, now.get(page.key))
            await asyncio.sleep(GAP)


def _apply(page: Page, standing: access.Standing | None) -> None:
    now = page.allowed(standing)
    if isinstance(now, int):
        page.close(now)
    elif now != page.access:
        page.access = now
        page.put(RESYNC)


_all: WeakKeyDictionary[asyncio.AbstractEventLoop, OpenPages] = WeakKeyDictionary()


def current() -> OpenPages:
    """The open pages of the running event loop."""
    return _all.setdefault(asyncio.get_running_loop(), OpenPages())
