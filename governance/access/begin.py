"""Beginning a review of access: every grant of this moment is written down, to be answered one by one."""

from __future__ import annotations

from django.conf import settings
from django.db import IntegrityError, transaction

from audit.ground.actors import TIMER, Actor
from audit.ground.refusals import Refusal
from audit.log.record import record
from audit.statements.prepared import execute
from governance.access import grants
from governance.models import AccessReview, ReviewedGrant, User

AT_ONCE = 1_000  # rows of one statement


class AnotherIsUnfinished(Refusal):
    detail = "Another review is not signed yet. There is one at a time."


@transaction.atomic
def begin(*, by: User | None, actor: Actor) -> AccessReview:
    """Begin a review of everything that counts now; `by` nobody where it was time.

    Raises `AnotherIsUnfinished`.
    """
    found = grants.everything()
    [(now, due)] = execute(_DUE, [settings.ACCESS_REVIEW_DAYS])
    try:
        with transaction.atomic():
            review = AccessReview.objects.create(
                opened_by=by, opened_at=now, due_at=due, grants_count=len(found)
            )
    except IntegrityError as error:
        raise AnotherIsUnfinished from error
    rows = [_row(review, grant) for grant in found]
    ReviewedGrant.objects.bulk_create(rows, batch_size=AT_ONCE)
    data = {"access_review": str(review.pk), "grants": len(rows), "due": review.due_at.isoformat()}
    record("access_review.opened", actor=actor, data=data)
    return review


def begin_if_due() -> AccessReview | None:
    """Begin one where ACCESS_REVIEW_MONTHS says that it is time; None where it does not, or one is open."""
    if not is_due():
        return None
    try:
        return begin(by=None, actor=TIMER)
    except AnotherIsUnfinished:
        return None


def is_due() -> bool:
    """Whether the last one began long enough ago; of the first, whether the first account is so old."""
    if settings.ACCESS_REVIEW_MONTHS < 1 or AccessReview.objects.unfinished().exists():
        return False
    [(is_due,)] = execute(_IS_DUE, [settings.ACCESS_REVIEW_MONTHS])
    return bool(is_due)


_IS_DUE = """
SELECT coalesce((SELECT max(opened_at) FROM governance_accessreview), min(date_joined))
       <= statement_timestamp() - make_interval(months => %s)
  FROM governance_user
"""
_DUE = "SELECT statement_timestamp(), statement_timestamp() + make_interval(days => %s)"


def _row(review: AccessReview, grant: grants.Grant) -> ReviewedGrant:
    return ReviewedGrant(
        review=review,
        kind=grant.kind,
        holder=grant.holder,
        holder_name=grant.holder_name,
        user_id=grant.user,
        target=grant.target,
        what=grant.what[:300],
        since=grant.since,
        given_by=grant.given_by,
        last_used_at=grant.last_used_at,
        second_factor=grant.second_factor,
    )
