"""Open queue pages, kept true: one reader per process, however many people look.

A hint only says when to look. What changed is read from the log, together with its last
events again for those that committed late: a lost hint costs `LOOK_AGAIN` seconds. Every
changed row is read once, drawn once, and the same bytes go to every page that may see it.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar
from uuid import UUID
from weakref import WeakKeyDictionary

import structlog
from django.contrib.auth.models import AnonymousUser
from django.db import connection
from django.utils.html import format_html

from approvals.attention import looks
from approvals.live import hub
from approvals.live.access import SIGNED_OUT, Access, Key, access_of
from approvals.queue import read
from approvals.queue.moved import moved_rows
from approvals.queue.rows import Looking, Row, drawn, rows_of
from audit.ground.unseen import shown

_log = structlog.get_logger(__name__)
T = TypeVar("T")

GATHER = 0.05  # seconds in which a burst becomes one message
LOOK_AGAIN = 2.0
MOST_ROWS = 300  # above it every page reads its list again: dear, where many are open
MOST_MISSED = 100  # above it one page that comes back reads its list again rather than a hundred rows
MOST_UNSENT = 32  # messages that wait for a slow page, before it is told to read its list again
LOOK_BACK = read.OVERLAP
MOST_EVENTS = 5_000  # since a page was last told something; above it, it reads its list again
MOST_DRAWN = 2_000  # rows kept as they were drawn, for pages that come back
LOOK_FOR_PEOPLE = 1.0  # who looks at what is read again at most so often
RESYNC = '<div id="queue-resync"></div>'

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


# --- One open page ----------------------------------------------------------------------------------


class Page:
    """What is to be sent to one socket. It never holds more than `MOST_UNSENT` messages."""

    def __init__(
        self, key: Key, access: Access, close: Callable[[int], None], *, on_desk: bool = False
    ) -> None:
        self.key = key
        self.access = access
        self.on_desk = on_desk
        self.close = close
        self._unsent: deque[str] = deque()
        self._banner = ""
        self._bell = ""
        self.seen = ""  # the version of the banner that it shows
        self._news = asyncio.Event()

    def put(self, message: str) -> None:
        if len(self._unsent) >= MOST_UNSENT:
            self._unsent.clear()
            message = RESYNC
        self._unsent.append(message)
        self._news.set()

    def say(self, banner: str) -> None:
        """The newest banner counts, and is never put away for too many rows."""
        self._banner = banner
        self._news.set()

    def ring(self, bell: str) -> None:
        """The newest number on the bell counts."""
        self._bell = bell
        self._news.set()

    async def next(self) -> str:
        """Everything that waits, as one message."""
        await self._news.wait()
        self._news.clear()
        message = "".join([self._banner, self._bell, *self._unsent])
        self._banner = self._bell = ""
        self._unsent.clear()
        return message


# --- The reader -------------------------------------------------------------------------------------


DrawnPieces = Sequence[tuple[Sequence[str], str]]  # HTML, with the teams that may see it


@dataclass(frozen=True)
class Change:
    """What is new: rows and who looks at what, as HTML; and the version of the queue that holds it all.

    `overflow`: more than can be told row by row.
    """

    version: str
    rows: DrawnPieces = ()
    people: DrawnPieces = ()
    overflow: bool = False


@dataclass
class Reader:
    """Reads what changed since it last looked; remembers what it has seen, to tell it once."""

    position: int = 0
    seen: set[int] = field(default_factory=set)
    told: dict[str, int] = field(default_factory=dict)
    present: dict[UUID, looks.Present] = field(default_factory=dict)
    _drawn: dict[str, tuple[int, str]] = field(default_factory=dict)
    _caught_up: dict[str, Change] = field(default_factory=dict)
    _looked_at: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _news: int = 0

    def begin(self) -> None:
        """Everything up to now is on the pages that are being opened. What was known before is old."""
        with self._lock:
            self._news += 1
            self._caught_up.clear()
        self.seen = {event for event, _ in self._events()}
        self.present = looks.everybody()

    def look(self, hinted: set[str]) -> Change | None:
        """What changed; None when nothing did. Blocks."""
        events = self._events()
        # The version is told with what led to it: whoever has it has all that came before.
        version = f"{self.position}.{len(events)}"
        new = [(event, proposal) for event, proposal in events if event not in self.seen]
        with self._lock:
            self._news += bool(new)
            self._caught_up.clear()
        wanted = {proposal for _, proposal in new} | {UUID(hint) for hint in hinted}
        overflow = len(wanted) > MOST_ROWS
        rows = rows_of(sorted(wanted)) if wanted and not overflow else []
        people = self._people()
        self.seen = {event for event, _ in events}  # only now: what failed above is looked at again
        news = [(row.teams, self._draw(row)) for row in rows if self._is_news(row)]
        if not (new or news or people or overflow):
            return None
        if new and rows:
            news = [*moved_rows([event for event, _ in new]), *news]
        return Change(version, news, people, overflow)

    def since(self, version: str) -> Change:
        """What a page has missed that was last told this version. Blocks.

        Of pages that come back together the first reads for all; a row is drawn once.
        """
        with self._lock:
            known, news = self._caught_up.get(version), self._news
        if known:
            return known
        now, events = changed_since(version)
        missed = set(events.values()) if events is not None else set()
        if events is None or len(missed) > MOST_MISSED:
            return Change(now, overflow=True)
        rows = rows_of(sorted(missed))
        moved = moved_rows(events)
        # A row that was drawn before may say who looked at it then.
        nobody = {UUID(row.id): looks.Present(row.teams, ()) for row in rows}
        people = [self._people_of(one, self.present.get(one, here)) for one, here in nobody.items()]
        change = Change(now, [*moved, *((row.teams, self._draw(row)) for row in rows)], people)
        with self._lock:
            # What was found meanwhile was told to those who were there, not to whoever comes now.
            if news == self._news:
                self._caught_up[version] = change
        return change

    def _events(self) -> list[tuple[int, UUID]]:
        """The last events that tell of proposals: the version's own, so that it fits."""
        with connection.cursor() as cursor:
            cursor.execute(_LAST_EVENTS, {"overlap": LOOK_BACK})
            events = cursor.fetchall()
        self.position = max((event for event, _ in events), default=0)
        return events

    def _draw(self, row: Row) -> str:
        known = self._drawn.get(row.id)
        if known and known[0] == row.version:
            return known[1]
        html = drawn(row)
        self._drawn.pop(row.id, None)
        self._drawn[row.id] = (row.version, html)
        while len(self._drawn) > MOST_DRAWN:
            self._drawn.pop(next(iter(self._drawn)), None)
        return html

    def _is_news(self, row: Row) -> bool:
        if self.told.get(row.id, 0) >= row.version:
            return False
        if len(self.told) > 10_000:
            self.told.clear()
        self.told[row.id] = row.version
        return True

    def _people(self) -> DrawnPieces:
        """Where people came or left. It has no event and changes no version: only the marks are told."""
        if time.monotonic() - self._looked_at < LOOK_FOR_PEOPLE:
            return ()
        self._looked_at = time.monotonic()
        before, self.present = self.present, looks.everybody()
        told = [self._people_of(one, here) for one, here in self.present.items() if before.get(one) != here]
        left = [(one, looks.Present(was.teams, ())) for one, was in before.items() if one not in self.present]
        return [*told, *(self._people_of(one, nobody) for one, nobody in left)]

    @staticmethod
    def _people_of(proposal: UUID, here: looks.Present) -> tuple[Sequence[str], str]:
        looking = Looking(tuple((user, shown(name)) for user, name in here.people))
        return here.teams, format_html(
            '<i data-presence="{}" data-looking="{}"></i>', proposal, looking.as_json
        )


_LAST_EVENTS = """
WITH newest AS (SELECT id FROM audit_event WHERE proposal_id IS NOT NULL ORDER BY id DESC LIMIT 1)
SELECT e.id, e.proposal_id
  FROM newest JOIN audit_event e ON e.id > newest.id - %(overlap)s AND e.proposal_id IS NOT NULL
"""
_SINCE = """
SELECT id, proposal_id FROM audit_event
 WHERE id > %(since)s AND proposal_id IS NOT NULL ORDER BY id LIMIT %(most)s
"""


def changed_since(version: str) -> tuple[str, dict[int, UUID] | None]:
    """The version now, and the events since this one with their proposals; None where that is too much.

    A version counts the events in the window before it: where there are more by now, some were
    committed late, and all of that window is told again.
    """
    now = read.version()
    at, _, count = version.partition(".")
    if not (at.isascii() and at.isdigit() and count.isascii() and count.isdigit() and len(at) < 19):
        return now, None
    with connection.cursor() as cursor:
        since = int(at) - LOOK_BACK
        cursor.execute(_SINCE, {"since": since, "most": LOOK_BACK + MOST_EVENTS})
        events = dict(cursor.fetchall())
    if len(events) == LOOK_BACK + MOST_EVENTS:
        return now, None
    after = {event: proposal for event, proposal in events.items() if event > int(at)}
    fits = len(events) - len(after) == int(count)
    return now, after if fits else events


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


async def access_of_one(user: Any, session: str) -> Access | int:
    if isinstance(user, AnonymousUser) or not session:
        return SIGNED_OUT
    key = (user.pk, session)
    return (await in_thread(access_of, [key]))[key]
