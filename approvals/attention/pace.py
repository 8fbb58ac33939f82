"""A quiet word to somebody who approves one after the other in less time than reading takes.

It never blocks and is said once in a run. Nothing is stored for it: a run is found in one's own decisions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from statistics import median
from uuid import UUID

from django.conf import settings
from django.contrib.sessions.backends.base import SessionBase

from approvals.attention.reading import is_faster_than_reading
from approvals.models import Decision
from audit.statements.prepared import execute
from governance.models import User

LOOK_AT = 50  # decisions, the newest
LATELY = timedelta(minutes=30)
TOLD = "pace_told"  # in the session: the run that somebody was told of


@dataclass(frozen=True, slots=True)
class TimedDecision:
    """One decision, as far as pace goes."""

    id: UUID
    verdict: str
    looked: int | None
    reading: int | None

    @classmethod
    def read(cls, id: str, verdict: str, looked: int | None, reading: int | None) -> TimedDecision:
        """As a row of `LATEST` comes in JSON."""
        return cls(UUID(id), verdict, looked, reading)

    @property
    def is_hasty(self) -> bool:
        return self.verdict == Decision.Verdict.APPROVE and is_faster_than_reading(self.looked, self.reading)


@dataclass(frozen=True, slots=True)
class Run:
    """Approvals one after the other, each faster than reading: how many, and what they took and hold."""

    began_with: UUID
    count: int
    took: int
    holds: int


def run_of(newest_first: Sequence[TimedDecision], *, least: int) -> Run | None:
    """The run that somebody is in the middle of; None where it is shorter than `least`, or there is none."""
    run = []
    for one in newest_first:
        if not one.is_hasty:
            break
        run.append(one)
    if not least or len(run) < least:
        return None
    took = median(one.looked or 0 for one in run)
    holds = median(one.reading or 0 for one in run)
    return Run(run[-1].id, len(run), round(took), round(holds))


def runs_in(newest_first: Sequence[TimedDecision], *, least: int) -> int:
    """How many runs there were."""
    found = length = 0
    for one in newest_first:
        length = length + 1 if one.is_hasty else 0
        found += bool(least) and length == least
    return found


LATEST = f"""
SELECT id, verdict, looked_seconds, reading_seconds FROM approvals_decision
 WHERE reviewer_id = %(reader)s AND at > statement_timestamp() - interval '{LATELY.seconds} seconds'
 ORDER BY at DESC LIMIT {LOOK_AT}
"""


def latest(user: User) -> list[TimedDecision]:
    """What this person decided lately, the newest first."""
    if not settings.MEASURE_PACE or not settings.PACE_RUN:
        return []
    return [TimedDecision(*row) for row in execute(LATEST, {"reader": user.pk})]


def word_for(newest_first: Sequence[TimedDecision], session: SessionBase) -> Run | None:
    """The run to speak of now, unless this person was told of it and put it away."""
    if not settings.MEASURE_PACE or not settings.PACE_RUN:
        return None
    run = run_of(newest_first, least=settings.PACE_RUN)
    return None if run is None or session.get(TOLD) == str(run.began_with) else run


def put_away(run: str, session: SessionBase) -> None:
    """Say no more of this run."""
    session[TOLD] = run[:36]
