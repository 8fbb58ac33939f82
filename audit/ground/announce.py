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
GATHER_SECONDS = 0.025  # hints of so long travel together
BUSY_SECONDS = 0.1  # and of so long where some have just left: each journey costs as much as a submission
_log = structlog.get_logger(__name__)


class _Announcer:
    """An event loop in a thread, made anew in every process."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.waiting: dict[str, None] = {}  # a set that keeps its order
        self.executions: dict[str, None] = {}
        self.people: set[int] = set()
        self.notice = False
        self.looks = False
        self.access = False
        self.breakers = False
        self.left_at = 0.0  # by this clock, when hints left last
        self.loop = asyncio.new_event_loop()
        # A layer of our own: layers keep connections that belong to one event loop.
        self.layer = channel_layers.make_backend("default")
        threading.Thread(target=self.loop.run_forever, name="announcer", daemon=True).start()

    def add(
        self,
        proposals: tuple[UUID, ...] = (),
        *,
        executions: tuple[UUID, ...] = (),
        people: tuple[int, ...] = (),
        notice: bool = False,
        looks: bool = False,
        access: bool = False,
        breakers: bool = False,
    ) -> None:
        with self.lock:
            first = not self._has_news()
            self.waiting.update(dict.fromkeys(map(str, (*proposals, *executions))))
            self.executions.update(dict.fromkeys(map(str, executions)))
            self.people.update(people)
            self.notice = self.notice or notice
            self.looks = self.looks or looks
            self.access = self.access or access
            self.breakers = self.breakers or breakers
        if first:
            self.loop.call_soon_threadsafe(self._flush_soon)

    def _has_news(self) -> bool:
        return bool(self.waiting or self.people or self.notice or self.looks or self.access or self.breakers)

    def _flush_soon(self) -> None:
        busy = self.left_at + BUSY_SECONDS - self.loop.time()
        self.loop.call_later(max(GATHER_SECONDS, busy), self._flush)

    def _flush(self) -> None:
        with self.lock:
            hint = {
                "type": "changed",
                "proposals": list(self.waiting),
                "executions": list(self.executions),
                "people": sorted(self.people),
                "notice": self.notice,
                "looks": self.looks,
                "access": self.access,
                "breakers": self.breakers,
            }
            self.waiting, self.executions, self.people = {}, {}, set()
            self.notice = self.looks = self.access = self.breakers = False
        self.left_at = self.loop.time()
        self.loop.create_task(self._send(hint))

    async def _send(self, hint: dict[str, Any]) -> None:
        try:
            await asyncio.wait_for(self.layer.group_send(GROUP, hint), timeout=5)
        except Exception as error:  # whatever it was: the next poll or sweep finds the change
            _log.warning("hint lost", error=type(error).__name__)


_announcers: dict[int, _Announcer] = {}
_lock = threading.Lock()


def announce(*proposals: UUID) -> None:
    """Tell open pages and waiting requests that these proposals changed.

    Call it after the commit. What changed is read from the database by whoever hears it.
    """
    _announcer().add(proposals)


def announce_executions(*proposals: UUID) -> None:
    """Tell them that what comes of these proposals changed, came or went. Call it after the commit."""
    _announcer().add(executions=proposals)


def announce_breakers() -> None:
    """Tell open pages that a route is let alone, or asked again. Call it after the commit."""
    _announcer().add(breakers=True)


def announce_notice() -> None:
    """Tell open pages that what stands above every page changed. Call it after the commit."""
    _announcer().add(notice=True)


def announce_people(*people: int) -> None:
    """Tell the open pages of these people that there is something to tell them. Call it after the commit."""
    _announcer().add(people=people)


def announce_looks() -> None:
    """Tell open pages that somebody began or ceased to look at something. Call it after the commit."""
    _announcer().add(looks=True)


def announce_access() -> None:
    """Tell open pages and waiting requests that somebody may see less or more than before, or that their
    session, key or token is over. Call it after the commit."""
    _announcer().add(access=True)


def _announcer() -> _Announcer:
    announcer = _announcers.get(os.getpid())
    if announcer is None:
        with _lock:
            announcer = _announcers.get(os.getpid()) or _Announcer()
            _announcers[os.getpid()] = announcer
    return announcer
