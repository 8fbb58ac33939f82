"""What pages tell of reviews: which there were, how far one is, and its grants by pages."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Count, F, Q, QuerySet

from audit.ground.unseen import shown
from governance.access import removal
from governance.access.grants import UNUSED_DAYS, Grant, Kind
from governance.models import AccessReview, ReviewedGrant

PAGE = 50
# Which grants of a review are looked at; the first is what one begins with.
PARTS = {
    "unanswered": ("To be answered", Q(answer="")),
    "all": ("All", Q()),
    "kept": ("Kept", Q(answer=ReviewedGrant.Answer.KEPT)),
    "removed": ("Removed", Q(answer=ReviewedGrant.Answer.REMOVED)),
    "own": ("Answered by their holders", Q(answered_by=F("user"))),
}
_PEOPLE = ("opened_by", "submitted_by", "signed_by")


@dataclass(frozen=True)
class Progress:
    """How many grants of a review are answered. `own` were answered by whoever holds them."""

    of: int
    kept: int
    removed: int
    own: int

    @property
    def answered(self) -> int:
        return self.kept + self.removed

    @property
    def left(self) -> int:
        return self.of - self.answered


def newest(*, before: UUID | None = None, size: int = PAGE) -> tuple[list[AccessReview], bool]:
    """So many reviews, newest first, and whether older ones follow."""
    found = AccessReview.objects.select_related(*_PEOPLE).order_by("-pk")
    if before:
        found = found.filter(pk__lt=before)
    rows = list(found[: size + 1])
    return rows[:size], len(rows) > size


def unfinished() -> AccessReview | None:
    """The one that is not signed yet."""
    return AccessReview.objects.unfinished().first()


def one(review_id: UUID) -> AccessReview | None:
    return AccessReview.objects.select_related(*_PEOPLE).filter(pk=review_id).first()


def progress_of(review: AccessReview) -> Progress:
    answers = ReviewedGrant.Answer
    counted = review.grants.aggregate(
        kept=Count("pk", filter=Q(answer=answers.KEPT)),
        removed=Count("pk", filter=Q(answer=answers.REMOVED)),
        own=Count("pk", filter=Q(answered_by=F("user"))),
    )
    return Progress(of=review.grants_count, **counted)


def grants_of(review: AccessReview) -> QuerySet[ReviewedGrant]:
    """All of a review, in the order in which they were written down: by holder."""
    return review.grants.select_related("answered_by", "user", "review").order_by("pk")


def page(
    review: AccessReview, *, part: str, after: int | None = None, size: int = PAGE
) -> tuple[list[ReviewedGrant], bool]:
    """So many of its grants, and whether more follow."""
    found = grants_of(review).filter(PARTS[part][1])
    if after:
        found = found.filter(pk__gt=after)
    rows = list(found[: size + 1])
    return rows[:size], len(rows) > size


def row_of(grant: ReviewedGrant, *, reader: int | None = None) -> dict[str, Any]:
    """One grant as a page tells of it to the person with this id; on paper to anybody."""
    review = grant.review
    asked = review.opened_at - timedelta(days=UNUSED_DAYS)
    used = grant.last_used_at or grant.since or datetime.min.replace(tzinfo=UTC)
    return {
        **_told(grant),
        "id": grant.pk,
        "is_unused": grant.kind != Kind.STANDING and used < asked,
        "is_own": reader is not None and grant.user_id == reader,
        "answer": grant.answer,
        "answered_by": shown(grant.answered_by.printed_name) if grant.answered_by else "",
        "answered_at": grant.answered_at,
        "answered_by_holder": grant.user_id is not None and grant.answered_by_id == grant.user_id,
        "had_ended": grant.had_ended,
        "may_return": grant.answer == ReviewedGrant.Answer.KEPT or removal.can_return(grant),
        "is_for_good": grant.kind not in removal.RETURNED,
        "is_open": review.status == AccessReview.Status.OPEN,
    }


def rows_of(grants: Iterable[Grant]) -> list[dict[str, Any]]:
    """Grants of now, as a page tells of them."""
    return [{**_told(grant), "is_unused": grant.is_unused} for grant in grants]


def _told(grant: Grant | ReviewedGrant) -> dict[str, Any]:
    return {
        "holder": grant.holder,
        "holder_name": shown(grant.holder_name),
        "kind": grant.kind,
        "kind_label": Kind(grant.kind).label,
        "what": shown(grant.what),
        "since": grant.since,
        "given_by": shown(grant.given_by),
        "last_used_at": grant.last_used_at,
        "keeps_last_use": grant.kind != Kind.STANDING,
        "second_factor": grant.second_factor,
    }
