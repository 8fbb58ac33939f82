"""Reading what changed, each row once and drawn once, for every page that may see it."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from django.db import connection
from django.utils.html import format_html

from approvals.attention import looks
from approvals.queue import read
from approvals.queue.moved import moved_rows
from approvals.queue.rows import Looking, Row, drawn, rows_of
from audit.ground.unseen import shown

MOST_ROWS = 300  # above it every page reads its list again: dear, where many are open
MOST_MISSED = 100  # above it one page that comes back reads its list again rather than a hundred rows
LOOK_BACK = read.OVERLAP
MOST_EVENTS = 5_000  # since a page was last told something; above it, it reads its list again
LOOK_FOR_PEOPLE = 1.0  # who looks at what is read again at most so often
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
        news = [(row.teams, drawn(row)) for row in rows if self._is_news(row)]
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
        # A row says who looked when it was read; this process may know of others by now.
        nobody = {UUID(row.id): looks.Present(row.teams, ()) for row in rows}
        people = [self._people_of(one, self.present.get(one, here)) for one, here in nobody.items()]
        change = Change(now, [*moved, *((row.teams, drawn(row)) for row in rows)], people)
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
