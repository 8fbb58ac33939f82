"""What stands above every open page: kill switches that are on, and parts that fell silent.

Each process looks when it is hinted at, and without a hint every `LOOK_AGAIN` seconds while a page is
open. What it finds is drawn once and the same bytes go to every page.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import structlog
from django.template.loader import render_to_string

from approvals.live import hub, process
from approvals.live.page import Page
from audit.ground.unseen import shown
from execution.running import heartbeats
from governance.models import Halt
from governance.trust import halts

_log = structlog.get_logger(__name__)

LOOK_AGAIN = 0.8
MOST_SHOWN = 3


@dataclass(frozen=True)
class Banner:
    """The banner as HTML, the same for everybody; its version changes with what it says."""

    version: str
    html: str


def banner() -> Banner:
    """What there is to say now."""
    return drawn(halts.on(), heartbeats.warnings())


def drawn(on: Sequence[Halt], silences: Sequence[str]) -> Banner:
    """The same where it is known which kill switches are on, and who fell silent."""
    inner = {
        "halts": [_halt(halt) for halt in on[:MOST_SHOWN]],
        "more": max(0, len(on) - MOST_SHOWN),
        "silences": silences,
    }
    notices = render_to_string("_notices.html", inner)
    version = hashlib.sha256(notices.encode()).hexdigest()[:12]
    context = {"notices": notices, "version": version, "empty": not on and not silences}
    return Banner(version, render_to_string("_banner.html", context))


def _halt(halt: Halt) -> dict[str, Any]:
    return {
        "what": shown(halt.what),
        "by": shown(halt.by_name),
        "at": halt.at,
        "reason": shown(halt.reason),
        "everything": halt.scope == Halt.Scope.EVERYTHING,
    }


class Notices:
    """The open pages of one process (one event loop), and the task that keeps their banner true."""

    def __init__(self) -> None:
        self.pages: set[Page] = set()
        self.now: Banner | None = None
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def join(self, page: Page, *, seen: str) -> None:
        """Keep this page told; it was drawn with the banner of version `seen`."""
        page.seen = seen
        self.pages.add(page)
        if self._task is None:
            self._task = asyncio.create_task(self._watch())
            hub.current().subscribers.add(self.hear)
        elif self.now:
            _tell(page, self.now)

    def leave(self, page: Page) -> None:
        self.pages.discard(page)
        if not self.pages and self._task:
            hub.current().subscribers.discard(self.hear)
            self._task.cancel()
            self._task, self.now = None, None

    async def hear(self, hint: dict[str, Any]) -> None:
        if hint.get("notice"):
            self._wake.set()

    async def _watch(self) -> None:
        while True:
            try:
                self.now = await process.in_thread(banner)
                for page in self.pages:
                    _tell(page, self.now)
            except Exception as error:  # the database is away: we look again
                _log.warning("notices interrupted", error=type(error).__name__)
                await asyncio.sleep(1)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_AGAIN):
                    await self._wake.wait()
            self._wake.clear()


def _tell(page: Page, now: Banner) -> None:
    """Say what it does not know; one that came without a version is taken to know what is there."""
    if page.seen and page.seen != now.version:
        page.say(now.html)
    page.seen = now.version


_all: WeakKeyDictionary[asyncio.AbstractEventLoop, Notices] = WeakKeyDictionary()


def current() -> Notices:
    """The open pages of the running event loop."""
    return _all.setdefault(asyncio.get_running_loop(), Notices())
