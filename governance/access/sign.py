"""Handing a review of access in, and the second person's signature under it."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction
from django.db.models import Count, Q
from django.db.models.functions import Now

from audit.ground.actors import Actor
from audit.ground.canonical import digest
from audit.ground.refusals import Invalid, Refusal
from audit.log.record import record
from governance.models import AccessReview, ReviewedGrant, User

Status = AccessReview.Status


class WrongState(Refusal):
    """The review is not where this step begins; the message says where it is."""


class NotEveryGrantAnswered(Refusal):
    """Some are still to be answered; the message says how many."""


class NoSecondPerson(Refusal):
    detail = "You answered in this review. Somebody signs who did not, so that two people have looked."


@transaction.atomic
def submit(review_id: UUID, *, by: User, actor: Actor) -> AccessReview:
    """Hand it to a second person. Raises `WrongState` and `NotEveryGrantAnswered`."""
    review = _locked(review_id, Status.OPEN)
    counted = review.grants.aggregate(
        kept=Count("pk", filter=Q(answer=ReviewedGrant.Answer.KEPT)),
        removed=Count("pk", filter=Q(answer=ReviewedGrant.Answer.REMOVED)),
    )
    left = review.grants_count - counted["kept"] - counted["removed"]
    if left:
        raise NotEveryGrantAnswered(f"{left} {'grants are' if left > 1 else 'grant is'} not answered yet.")
    review.status, review.submitted_by, review.submitted_at = Status.SUBMITTED, by, Now()
    review.kept, review.removed = counted["kept"], counted["removed"]
    review.save()
    record("access_review.submitted", actor=actor, data=_facts(review))
    review.refresh_from_db()
    return review


@transaction.atomic
def send_back(review_id: UUID, *, actor: Actor) -> AccessReview:
    """Let the answers be changed again, instead of signing. Raises `WrongState`."""
    review = _locked(review_id, Status.SUBMITTED)
    review.status, review.submitted_by, review.submitted_at = Status.OPEN, None, None
    review.kept = review.removed = None
    review.save()
    record("access_review.returned", actor=actor, data={"access_review": str(review.pk)})
    return review


@transaction.atomic
def sign(review_id: UUID, *, by: User, meaning: str, actor: Actor) -> AccessReview:
    """Sign for it as the second person; from then on nothing of it can change.

    Raises `Invalid` without a meaning, `WrongState`, and `NoSecondPerson` for whoever answered or submitted.
    """
    if meaning not in AccessReview.Meaning.values:
        raise Invalid.field("/meaning", "Choose what your signature says.")
    review = _locked(review_id, Status.SUBMITTED)
    if not may_sign(review, by):
        raise NoSecondPerson
    review.status, review.signed_by, review.signed_at = Status.SIGNED, by, Now()
    review.signed_name, review.meaning = by.printed_name, meaning
    review.save()
    data = {**_facts(review), "printed_name": review.signed_name, "meaning": meaning}
    record("access_review.signed", actor=actor, data=data)
    review.refresh_from_db()
    return review


def may_sign(review: AccessReview, person: User) -> bool:
    """Whether they are a second person: they neither answered to a grant nor submitted it.

    What they hold themselves was answered by another then, and nobody signs for their own grants alone.
    """
    return review.submitted_by_id != person.pk and not review.grants.filter(answered_by=person).exists()


def grants_digest(review: AccessReview) -> str:
    """The digest of the canonical JSON of every grant, a list in the order of the pages: number, kind,
    holder, target, answer, and the id of who answered. The log has it as submitted and as signed."""
    rows = review.grants.order_by("pk").values_list(
        "pk", "kind", "holder", "target", "answer", "answered_by_id"
    )
    return digest([list(row) for row in rows])


def _locked(review_id: UUID, status: str) -> AccessReview:
    review = AccessReview.objects.select_for_update().get(pk=review_id)
    if review.status != status:
        raise WrongState(f"This review is {review.get_status_display().lower()} by now.")
    return review


def _facts(review: AccessReview) -> dict[str, str | int | None]:
    return {
        "access_review": str(review.pk),
        "kept": review.kept,
        "removed": review.removed,
        "grants_digest": grants_digest(review),
    }
