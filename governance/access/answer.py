"""Answering to one grant of a review: it is kept, or removed at once by the verb that it has."""

from __future__ import annotations

from django.db import transaction
from django.db.models.functions import Now

from audit.ground.actors import Actor
from audit.ground.refusals import Refusal
from audit.log.record import record
from governance.access import grants, removal
from governance.models import AccessReview, ReviewedGrant, User

Answer = ReviewedGrant.Answer


class NotOpen(Refusal):
    detail = "This review is submitted: its answers change only after it was sent back."


class AlreadyAnswered(Refusal):
    """Somebody answered before; the message says who, and what."""


class HasEnded(Refusal):
    detail = "It has ended since the review began: there is nothing left to keep."


class CannotReturn(Refusal):
    detail = "What was revoked opens nothing again: make a new one."


@transaction.atomic
def keep(grant_id: int, *, by: User, actor: Actor) -> ReviewedGrant:
    """Leave somebody what they have. Raises `NotOpen`, `AlreadyAnswered`, `HasEnded`."""
    grant = _unanswered(grant_id)
    if not grants.is_there(grant.holder, grant.kind, grant.target):
        raise HasEnded
    _answer(grant, Answer.KEPT, by=by)
    record("access_review.grant_kept", actor=actor, data=_facts(grant))
    return grant


@transaction.atomic
def remove(grant_id: int, *, by: User, actor: Actor) -> ReviewedGrant:
    """Take it away from them, from the next request on.

    Raises `NotOpen`, `AlreadyAnswered`, and what the removal itself raises: then all is as it was.
    """
    grant = _unanswered(grant_id)
    grant.had_ended = not removal.remove(grant, by=by, actor=actor)
    _answer(grant, Answer.REMOVED, by=by)
    data = {**_facts(grant), "had_ended": grant.had_ended}
    record("access_review.grant_removed", actor=actor, data=data)
    return grant


@transaction.atomic
def withdraw(grant_id: int, *, actor: Actor) -> ReviewedGrant:
    """Take an answer back, and give back what was removed. Does nothing where there is no answer.

    Raises `NotOpen` and `CannotReturn`.
    """
    grant = _locked(grant_id)
    if not grant.answer:
        return grant
    if grant.answer == Answer.REMOVED:
        if not removal.can_return(grant):
            raise CannotReturn
        removal.give_back(grant, actor=actor)
    data = {**_facts(grant), "answer": str(grant.answer)}
    record("access_review.answer_withdrawn", actor=actor, data=data)
    grant.answer, grant.answered_by, grant.answered_at = "", None, None
    grant.save(update_fields=["answer", "answered_by", "answered_at"])
    return grant


def _unanswered(grant_id: int) -> ReviewedGrant:
    grant = _locked(grant_id)
    if grant.answer:
        who = grant.answered_by.printed_name if grant.answered_by else "Somebody"
        raise AlreadyAnswered(f"{who} has answered already: {grant.answer}.")
    return grant


def _locked(grant_id: int) -> ReviewedGrant:
    """With its review, so that nobody submits meanwhile. Raises `NotOpen`."""
    review = AccessReview.objects.select_for_update().get(grants=grant_id)
    if review.status != AccessReview.Status.OPEN:
        raise NotOpen
    return ReviewedGrant.objects.select_related("user", "answered_by").get(pk=grant_id)


def _answer(grant: ReviewedGrant, answer: str, *, by: User) -> None:
    grant.answer, grant.answered_by, grant.answered_at = answer, by, Now()
    grant.save(update_fields=["answer", "answered_by", "answered_at", "had_ended"])
    grant.refresh_from_db(fields=["answered_at"])


def _facts(grant: ReviewedGrant) -> dict[str, str | int]:
    return {
        "access_review": str(grant.review_id),
        "grant": grant.pk,
        "kind": str(grant.kind),
        "holder": grant.holder,
        "what": grant.target,
    }
