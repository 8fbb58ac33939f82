"""Letting go of what is kept about people only for a while: times, checks and second looks.

The audit log is for ever, and keeps that these things happened.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import ProtectedError, QuerySet
from django.db.models.functions import Now

from approvals.models import Check, Decision, Look
from audit.ground.actors import TIMER
from audit.log.record import record
from suggestions.models import Proposal, SecondReview
from suggestions.trying.rejudge import least_id

AT_ONCE = 1_000
LATE = timedelta(days=30)  # so far back it looks for what it was too late for, when it did not run


@transaction.atomic
def forget_figures() -> dict[str, int]:
    """Forget what is older than `KEEP_FIGURES_DAYS`; returns how much of what. Safe to run twice."""
    kept = timedelta(days=settings.KEEP_FIGURES_DAYS)
    forgotten = {
        "looks": _delete(Look.objects.filter(until__lt=Now() - kept)),
        "times": _forget_times(datetime.now(UTC) - kept),
        "second_reviews": _delete(SecondReview.objects.filter(ended_at__lt=Now() - kept)),
        "checks": _forget_checks(kept),
    }
    if any(forgotten.values()):
        record("figures.forgotten", actor=TIMER, data={**forgotten, "days": settings.KEEP_FIGURES_DAYS})
    return forgotten


def _delete(rows: QuerySet[Look] | QuerySet[SecondReview]) -> int:
    ids = list(rows.order_by("pk").values_list("pk", flat=True)[:AT_ONCE])
    return rows.model._default_manager.filter(pk__in=ids).delete()[0] if ids else 0


def _forget_times(before: datetime) -> int:
    """Of decisions: by their identifiers, which are in the order of time."""
    old = Decision.objects.filter(pk__lt=least_id(before), pk__gte=least_id(before - LATE))
    return old.filter(reading_seconds__isnull=False).update(looked_seconds=None, reading_seconds=None)


def _forget_checks(kept: timedelta) -> int:
    """With all that was copied from a past proposal, and how somebody answered."""
    over = Check.objects.filter(ended_at__lt=Now() - kept).order_by("ended_at")
    gone = 0
    for proposal_id in list(over.values_list("pk", flat=True)[:AT_ONCE]):
        try:
            with transaction.atomic():
                Proposal.objects.filter(pk=proposal_id, is_check=True).delete()
        except ProtectedError:  # something else speaks of it, a batch for example
            Check.objects.filter(pk=proposal_id).update(looked_seconds=None, reading_seconds=None, reason="")
            continue
        gone += 1
    return gone
