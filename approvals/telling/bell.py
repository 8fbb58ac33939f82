"""The bell on every open page: how much is unread, and what a browser may show of it.

A hint names people; their numbers are read once for each process, and what is found goes to the pages
that they have open here. A lost hint costs the time until a page asks by itself.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from weakref import WeakKeyDictionary

import structlog
from django.db import connection
from django.db.models import Count
from django.template.loader import render_to_string

from approvals.live import hub, process
from approvals.live.page import Page
from approvals.models.kinds import may_ring_at_night
from approvals.models.notices import Here, Notice, Wishes
from approvals.telling.due import quiet_hours
from approvals.telling.follow import HERE_SECONDS
from approvals.telling.tell import in_words
from audit.statements.prepared import execute
from governance.models import User

_log = structlog.get_logger(__name__)

GATHER = 1.0  # seconds in which a burst becomes one number
BROWSER_GAP = 60.0  # seconds between two things that a browser shows to one person
COUNT_TO = 100


@dataclass(frozen=True)
class News:
    """What there is for one person: a number, and perhaps a line for their browser to show."""

    unread: int
    mark: int = 0
    text: str = ""
    path: str = ""


# How much somebody has not read, up to `COUNT_TO`.
UNREAD = f"""
SELECT count(*) FROM (
    SELECT FROM approvals_notice
     WHERE user_id = %(reader)s AND on_page AND read_at IS NULL LIMIT {COUNT_TO}) unread
"""


def unread(user: User) -> int:
    [(count,)] = execute(UNREAD, {"reader": user.pk})
    return int(count)


def drawn(count: int) -> dict[str, Any]:
    """The bell with a number, for a template."""
    return {"unread": count, "unread_shown": f"{COUNT_TO - 1}+" if count >= COUNT_TO else str(count)}


def news_of(users: Iterable[int], told: dict[int, int]) -> dict[int, News]:
    """What there is now for each of them; a browser is to show only what is newer than it was told."""
    people = list(users)
    rows = Notice.objects.unread().filter(user__in=people).values("user").annotate(number=Count("id"))
    counts = {row["user"]: row["number"] for row in rows}
    lines = _for_browsers(people, told)
    return {
        user: News(counts.get(user, 0), line.pk, in_words(line).text, in_words(line).path)
        if (line := lines.get(user))
        else News(counts.get(user, 0))
        for user in people
    }


def _for_browsers(people: list[int], told: dict[int, int]) -> dict[int, Notice]:
    """The newest line that each person's browser may show now: nothing of ours is before them."""
    now = _now()
    wishes = Wishes.objects.in_bulk(people)
    busy = set(
        Here.objects.filter(user__in=people, at__gt=now - timedelta(seconds=HERE_SECONDS)).values_list(
            "user", flat=True
        )
    )
    newest = (
        Notice.objects.filter(user__in=people, by_browser=True, read_at=None)
        .filter(at__gt=now - timedelta(seconds=2 * BROWSER_GAP))
        .select_related("team")
        .order_by("user", "-at", "-id")
        .distinct("user")
    )
    return {
        line.user_id: line
        for line in newest
        if line.user_id not in busy
        and line.pk > told.get(line.user_id, 0)
        and not _is_quiet(wishes.get(line.user_id), line, now)
    }


def _is_quiet(wishes: Wishes | None, line: Notice, now: datetime) -> bool:
    quiet = wishes and quiet_hours(wishes)
    if not wishes or not quiet or not quiet.covers(now):
        return False
    return not (wishes.critical_breaks_quiet and may_ring_at_night(line.kind, line.risk))


def _now() -> datetime:
    with connection.cursor() as cursor:
        cursor.execute("SELECT statement_timestamp()")
        now: datetime = cursor.fetchone()[0]
    return now


class Bells:
    """The open pages of one process (one event loop), and the task that keeps their bells true."""

    def __init__(self) -> None:
        self.pages: dict[int, set[Page]] = {}
        self._waiting: set[int] = set()
        self._told: dict[int, int] = {}  # the newest line that a person's browser was told
        self._told_at: dict[int, float] = {}
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def join(self, page: Page) -> None:
        self.pages.setdefault(page.key[0], set()).add(page)
        if self._task is None:
            self._task = asyncio.create_task(self._serve())
            hub.current().subscribers.add(self.hear)

    def leave(self, page: Page) -> None:
        of_person = self.pages.get(page.key[0], set())
        of_person.discard(page)
        if not of_person:
            self.pages.pop(page.key[0], None)
            self._told_at.pop(page.key[0], None)
        if not self.pages and self._task:
            hub.current().subscribers.discard(self.hear)
            self._task.cancel()
            self._task = None

    async def hear(self, hint: dict[str, Any]) -> None:
        self._look_at(self.pages.keys() & set(hint.get("people", ())))

    def _look_at(self, people: Iterable[int]) -> None:
        self._waiting.update(people)
        if self._waiting:
            self._wake.set()

    async def _serve(self) -> None:
        while True:
            await self._wake.wait()
            await asyncio.sleep(GATHER)
            self._wake.clear()
            people, self._waiting = self._waiting & self.pages.keys(), set()
            try:
                found = await process.in_thread(news_of, people, self._told)
            except Exception as error:  # the database is away: pages ask by themselves
                _log.warning("bells interrupted", error=type(error).__name__)
                continue
            for user, news in found.items():
                self._tell(user, news)

    def _tell(self, user: int, news: News) -> None:
        wait = self._told_at.get(user, -BROWSER_GAP) + BROWSER_GAP - time.monotonic()
        if news.text and wait > 0:
            asyncio.get_running_loop().call_later(wait, self._look_at, {user})
            news = News(news.unread)
        elif news.text:
            self._told[user], self._told_at[user] = news.mark, time.monotonic()
        html = render_to_string("approvals/telling/_bell_news.html", {"news": news, **drawn(news.unread)})
        for page in list(self.pages.get(user, ())):
            page.ring(html)


_all: WeakKeyDictionary[asyncio.AbstractEventLoop, Bells] = WeakKeyDictionary()


def current() -> Bells:
    """The open pages of the running event loop."""
    return _all.setdefault(asyncio.get_running_loop(), Bells())
