"""One's own figures as a reviewer: for oneself alone. Nobody else is ever shown them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from statistics import median
from uuid import UUID

from django.conf import settings
from django.db.models import Count, Q
from django.db.models.functions import Now

from approvals.attention.pace import TimedDecision, runs_in
from approvals.attention.reading import is_faster_than_reading
from approvals.models import Check, Decision
from audit.ground.wilson import Share, share
from governance.models import User
from suggestions.models import RejectedAction, SecondReview

SPANS = (7, 30, 90)  # days
MOST = 1_000  # decisions that are looked at, the newest
Verdict = Decision.Verdict
Result = Check.Result


@dataclass(frozen=True, slots=True)
class Pace:
    """Of the decisions whose time is known: medians in seconds, how many were faster than reading."""

    known: int
    took: int
    reading: int
    hasty: int
    runs: int


@dataclass(frozen=True, slots=True)
class Figures:
    """What one person's work looked like in a span of days. `more` says that only the newest count."""

    days: int
    decided: int
    more: bool
    approved: Share
    first_ranked: Share
    overturned: Share
    caught: Share
    false_alarms: Share
    passed_on: int
    agreed: Share
    pace: Pace | None


@dataclass(frozen=True, slots=True)
class _TimedAnswer:
    told: TimedDecision
    standing: bool
    rank: int | None
    status: str
    proposal: UUID


def figures_of(user: User, days: int) -> Figures:
    """A handful of queries, each bounded, however long somebody has been here."""
    since = Now() - timedelta(days=days)
    rows = Decision.objects.filter(reviewer=user, at__gt=since).order_by("-at")
    columns = ("id", "verdict", "looked_seconds", "reading_seconds")
    others = ("standing", "suggestion__rank", "proposal__status", "proposal_id")
    read = list(rows.values_list(*columns, *others)[: MOST + 1])
    said = [_TimedAnswer(TimedDecision(*row[:4]), *row[4:]) for row in read[:MOST]]
    answers = [s for s in said if s.told.verdict != Verdict.ESCALATE and s.standing]
    approvals = [s for s in answers if s.told.verdict == Verdict.APPROVE]
    checks = _checks(user, days)
    return Figures(
        days=days,
        decided=len(said),
        more=len(read) > MOST,
        approved=share(len(approvals), len(answers)),
        first_ranked=share(sum(s.rank == 1 for s in approvals), len(approvals)),
        overturned=share(_overturned(user, answers), len(answers)),
        caught=share(checks["caught"], checks["caught"] + checks["missed"]),
        false_alarms=share(checks["false_alarm"], checks["false_alarm"] + checks["right"]),
        passed_on=checks["passed_on"],
        agreed=_agreed(user, days),
        pace=_pace([s.told for s in said]) if settings.MEASURE_PACE else None,
    )


def _checks(user: User, days: int) -> dict[str, int]:
    answered = Check.objects.filter(reviewer=user, ended_at__gt=Now() - timedelta(days=days))
    return answered.aggregate(**{one.value: Count("pk", filter=Q(result=one)) for one in Result})


def _agreed(user: User, days: int) -> Share:
    """Of what two people decided, this one among them, how much they decided alike."""
    since = Now() - timedelta(days=days)
    both = Q(first=user) | Q(second=user)
    ended = SecondReview.objects.filter(both, ended_at__gt=since, status__in=["agreed", "differed"])
    n = ended.aggregate(agreed=Count("pk", filter=Q(status="agreed")), of=Count("pk"))
    return share(n["agreed"], n["of"])


_LED_TO = {Verdict.APPROVE: {"rejected", "returned"}, Verdict.REJECT: {"approved"}, Verdict.RETURN: set()}


def _overturned(user: User, answers: Sequence[_TimedAnswer]) -> int:
    """What the others decided otherwise, and what somebody else let the agent ask for again."""
    otherwise = sum(s.status in _LED_TO.get(Verdict(s.told.verdict), set()) for s in answers)
    rejected = [s.proposal for s in answers if s.told.verdict == Verdict.REJECT and s.status == "rejected"]
    reopened = RejectedAction.objects.filter(proposal__in=rejected, reopened_at__isnull=False)
    again = reopened.exclude(reopened_by=user).values("proposal").distinct().count() if rejected else 0
    return otherwise + again


def _pace(told: Sequence[TimedDecision]) -> Pace | None:
    known = [one for one in told if one.looked is not None and one.reading is not None]
    if not known:
        return None
    return Pace(
        known=len(known),
        took=round(median(one.looked or 0 for one in known)),
        reading=round(median(one.reading or 0 for one in known)),
        hasty=sum(is_faster_than_reading(one.looked, one.reading) for one in known),
        runs=runs_in(told, least=settings.PACE_RUN),
    )
