"""Open queue pages, kept true: one reader per process, however many people look.

A hint only says when to look. What changed is read from the log, together with its last
events again for those that committed late: a lost hint costs `LOOK_AGAIN` seconds. Every
changed row is read once, drawn once, and the same bytes go to every page that may see it.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

import structlog
from django.contrib.auth.models import AnonymousUser
from django.db import connection

from approvals.live import hub
from approvals.live.access import Access, Standing, standing_of
from approvals.live.page import RESYNC, Page
from approvals.live.reader import Change, Reader

_log = structlog.get_logger(__name__)
T = TypeVar("T")

GATHER = 0.05  # seconds in which a burst becomes one message
LOOK_AGAIN = 2.0

# Two threads, for two more connections than requests have.
_threads = ThreadPoolExecutor(2, thread_name_prefix="live")


async def in_thread(work: Callable[..., T], *args: Any) -> T:
    """Ask the database from a thread of our own, and give the connection back."""

    def run() -> T:
        try:
            return work(*args)
        finally:
            connection.close()

    return await asyncio.get_running_loop().run_in_executor(_threads, run)


# --- All open pages of a process --------------------------------------------------------------------


class Live:
    """The open pages of one process (one event loop), and the task that serves them all."""

    def __init__(self) -> None:
        self.pages: set[Page] = set()
        self.reader = Reader()
        self._hinted: set[str] = set()
        self._wake = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def join(self, page: Page) -> None:
        """Begin to tell this page of changes; from when this returns none is left out."""
        if not self._tasks:
            self._tasks = [asyncio.create_task(self._read())]
            hub.current().subscribers.add(self.hear)
            await in_thread(self.reader.begin)
        self.pages.add(page)

    def leave(self, page: Page) -> None:
        self.pages.discard(page)
        if not self.pages:
            self.stop()

    def stop(self) -> None:
        hub.current().subscribers.discard(self.hear)
        for task in self._tasks:
            task.cancel()
        self._tasks = []

    async def hear(self, hint: dict[str, Any]) -> None:
        self._hinted.update(hint["proposals"])
        if hint["proposals"] or hint.get("looks"):
            self._wake.set()

    async def _read(self) -> None:
        while True:
            # Not `wait_for`, which in Python 3.11 can lose a cancellation: this would never end.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_AGAIN):
                    await self._wake.wait()
            await asyncio.sleep(GATHER)
            self._wake.clear()
            hinted, self._hinted = self._hinted, set()
            try:
                change, took = await in_thread(self._look, hinted)
            except Exception as error:  # the database is away: pages poll, and we look again
                _log.warning("live rows interrupted", error=type(error).__name__)
                self._hinted |= hinted
                await asyncio.sleep(1)
                continue
            if change:
                self._tell(change)
            # Under load the bursts grow, so that drawing takes half of our time at most.
            await asyncio.sleep(max(0.0, took - GATHER))

    def _look(self, hinted: set[str]) -> tuple[Change | None, float]:
        """What changed, and the work it was: not the time it took, which on a busy machine others had."""
        began = time.thread_time()
        return self.reader.look(hinted), time.thread_time() - began

    def _tell(self, change: Change) -> None:
        """The same text for all who see the same teams, put together once."""
        version = f'<div id="queue-version" data-version="{change.version}"></div>'
        texts: dict[Access, str] = {}
        for page in list(self.pages):
            text = texts.get(page.access)
            if text is None:
                text = texts[page.access] = _text(change, page.access, version)
            page.put(text)

    async def catch_up(self, page: Page, since: str) -> None:
        """Tell a page that comes (back) what changed since the version that it knows."""
        try:
            change = await in_thread(self.reader.since, since)
        except Exception as error:  # the database is away: the page reads its list when it is back
            _log.warning("page not caught up", error=type(error).__name__)
            page.put(RESYNC)
            return
        known = "" if change.overflow else " data-synced"
        page.put(
            _text(
                change, page.access, f'<div id="queue-version" data-version="{change.version}"{known}></div>'
            )
        )


def _text(change: Change, access: Access, version: str) -> str:
    told = [html for teams, html in (*change.rows, *change.people) if access.covers(teams)]
    return "".join([*told, RESYNC if change.overflow else "", version])


_lives: WeakKeyDictionary[asyncio.AbstractEventLoop, Live] = WeakKeyDictionary()


def current() -> Live:
    """The open pages of the running event loop."""
    return _lives.setdefault(asyncio.get_running_loop(), Live())


async def standing_of_one(user: Any, session: str) -> Standing | None:
    """How they stand now; None where nobody is signed in."""
    if isinstance(user, AnonymousUser) or not session:
        return None
    key = (user.pk, session)
    return (await in_thread(standing_of, [key])).get(key)
