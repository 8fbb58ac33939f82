"""Open pages of executions: told that something on them changed, and never what.

A hint names the proposals; which teams may know of them is asked once for each process and burst. However
much happens, a page is told once in `GAP` seconds. A lost hint costs time: pages ask by themselves.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any
from weakref import WeakKeyDictionary

import structlog

from approvals.live import hub, process
from approvals.live.access import Access
from approvals.live.page import RESYNC, Page
from suggestions.models import Proposal

_log = structlog.get_logger(__name__)

GATHER = 0.1  # seconds in which a burst becomes one message
GAP = 1.0


class Executions:
    """The open pages of one process (one event loop), and the task that tells them."""

    def __init__(self) -> None:
        self.pages: dict[Page, str] = {}  # with the one proposal whose execution a page shows, if it is one
        self._changed: set[str] = set()
        self._breakers = False
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def join(self, page: Page, *, of: str = "") -> None:
        """Begin to tell this page of changes; `of` one proposal, or of all that it may know of."""
        self.pages[page] = of
        if self._task is None:
            self._task = asyncio.create_task(self._serve())
            hub.current().subscribers.add(self.hear)

    def leave(self, page: Page) -> None:
        self.pages.pop(page, None)
        if not self.pages and self._task:
            hub.current().subscribers.discard(self.hear)
            self._task.cancel()
            self._task = None

    async def hear(self, hint: dict[str, Any]) -> None:
        self._changed.update(hint.get("executions", ()))
        self._breakers = self._breakers or hint.get("breakers", False)
        if self._changed or self._breakers:
            self._wake.set()

    async def _serve(self) -> None:
        while True:
            await self._wake.wait()
            await asyncio.sleep(GATHER)
            self._wake.clear()
            changed, self._changed = self._changed, set()
            breakers, self._breakers = self._breakers, False
            try:
                teams = await process.in_thread(teams_of, changed)
            except Exception as error:  # the database is away: pages ask by themselves
                _log.warning("executions interrupted", error=type(error).__name__)
                teams = {}
            for page, of in list(self.pages.items()):
                if breakers or _concerns(page.access, of, teams):
                    page.put(RESYNC)
            await asyncio.sleep(GAP)


def teams_of(proposals: Iterable[str]) -> dict[str, list[str]]:
    """The teams that are asked about each of these, which may know what came of it. Blocks."""
    asked = Proposal.objects.filter(pk__in=list(proposals)).values_list("pk", "team_id", "also_teams")
    return {str(pk): [team, *also] for pk, team, also in asked}


def _concerns(access: Access, of: str, teams: dict[str, list[str]]) -> bool:
    """Whether any of these proposals, or the one that is looked at, is theirs to know of."""
    told = [teams[of]] if of in teams else [] if of else teams.values()
    return any(access.covers(asked) for asked in told)


_all: WeakKeyDictionary[asyncio.AbstractEventLoop, Executions] = WeakKeyDictionary()


def current() -> Executions:
    """The open pages of the running event loop."""
    return _all.setdefault(asyncio.get_running_loop(), Executions())
