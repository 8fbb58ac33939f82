"""Deciding a second time: a share of what people decide is put before one other person, blind.

The one who is asked does not see what was decided, by whom or why, on any page or over the API, until
they have answered: `Proposal.objects.visible_to` leaves it out for them. What they say changes
nothing of what was decided.
"""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from secrets import SystemRandom
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Count, F, Q, QuerySet
from django.db.models.functions import Now

from approvals.models import Decision, Look
from audit.ground.actors import TIMER, Actor
from audit.ground.announce import announce
from audit.ground.canonical import commitment
from audit.ground.refusals import Invalid, Refusal
from audit.log.record import record
from audit.statements.prepared import execute
from governance.door.deciders import who_may_decide
from governance.models import Absence, User
from suggestions.models import Proposal, Resolution, SecondReview, Suggestion

ANSWER_WITHIN = timedelta(hours=72)  # over a weekend
AT_ONCE = 500
MOST_WAITING = 10  # that one person is asked at once; more would be answered without a look
LONGEST_REASON = 2_000
Status = SecondReview.Status
Verdict = Decision.Verdict
SAYS = {"approved": Verdict.APPROVE, "rejected": Verdict.REJECT, "returned": Verdict.RETURN}
_chance = SystemRandom()


class NotAskedOfYou(Refusal):
    """Answered, over, or never asked of this person."""

    detail = "This is not asked of you, or not any more."


# --- Chosen, in the transaction of the answer -----------------------------------------------------


def choose(resolution: Resolution, *, actor: Actor) -> SecondReview | None:
    """Throw the dice for what people just decided, and choose who looks at it again.

    The verdict holds the share. Whoever had a part in it, looks at it now, owns the agent or is asked
    much already is left out; where nobody remains, nothing is chosen.
    """
    proposal = resolution.proposal
    share = proposal.verdict.get("second_review") or 0
    if resolution.by != Resolution.By.HUMAN or resolution.user is None or _chance.random() >= share:
        return None
    if SecondReview.objects.filter(proposal=proposal).exists():
        return None
    people = _others(proposal)
    if not people:
        return None
    chosen = SecondReview.objects.create(
        proposal=proposal,
        team_id=proposal.team_id,
        first=resolution.user,
        second=_chance.choice(people),
        share=share,
        deadline=Now() + ANSWER_WITHIN,
    )
    data = {"second_review": str(chosen.pk), "share": share, "of": len(people)}
    record("second_review.chosen", actor=actor, proposal=proposal.pk, data=data)
    return chosen


def _others(proposal: Proposal) -> list[User]:
    there = Look.objects.now().filter(proposal=proposal).values("user")
    decided = Decision.objects.filter(proposal=proposal).values("reviewer")
    waiting = Count("second_reviews", filter=Q(second_reviews__status=Status.OPEN))
    members = who_may_decide().filter(teams__in=proposal.teams)
    members = members.exclude(pk=proposal.agent.owner_id).exclude(pk__in=decided).exclude(pk__in=there)
    members = members.exclude(pk__in=Absence.objects.running().values("person"))
    return list(members.annotate(waiting=waiting).filter(waiting__lt=MOST_WAITING).distinct())


def let_go(proposal: Proposal, *, actor: Actor) -> None:
    """What was decided is undone: nobody has to look at it again."""
    found = SecondReview.objects.filter(proposal=proposal).first()
    if found is not None:
        data = {"second_review": str(found.pk)}
        found.delete()
        record("second_review.dropped", actor=actor, proposal=proposal.pk, data=data)


# --- Asked ----------------------------------------------------------------------------------------


def asked_of(user: User) -> QuerySet[SecondReview]:
    """What this person is to look at, the most pressing first."""
    open_now = SecondReview.objects.asked_of(user).filter(deadline__gt=Now())
    return open_now.select_related("proposal__agent", "proposal__team").order_by("deadline", "id")


WAITING = """
SELECT count(*) FROM suggestions_secondreview
 WHERE status = 'open' AND second_id = %(reader)s AND deadline > statement_timestamp()
"""


def how_many_wait(user: User) -> int:
    """How much is asked of this person; never more than `MOST_WAITING`."""
    [(waiting,)] = execute(WAITING, {"reader": user.pk})
    return int(waiting)


def ended_for(user: User) -> QuerySet[SecondReview]:
    """What this person answered, and what of theirs others answered, the newest first."""
    answered = SecondReview.objects.filter(status__in=[Status.AGREED, Status.DIFFERED])
    rows = answered.filter(Q(first=user) | Q(second=user))
    return rows.select_related("proposal__resolution", "first", "second", "suggestion").order_by("-ended_at")


# --- Answered -------------------------------------------------------------------------------------


@transaction.atomic
def answer(
    review_id: UUID,
    *,
    verdict: str,
    reviewer: User,
    actor: Actor,
    suggestion: Suggestion | None = None,
    reason: str = "",
) -> SecondReview:
    """Say what one would have decided. Nothing of what was decided changes.

    Agreeing is to have said the same, an approval of the same suggestion. Raises `NotAskedOfYou`,
    `Invalid`.
    """
    found = SecondReview.objects.asked_of(reviewer).filter(pk=review_id, deadline__gt=Now())
    review = found.select_for_update(of=("self",)).first()
    if review is None:
        raise NotAskedOfYou
    reason = reason.strip()
    _check(review, verdict, suggestion, reason)
    agrees = _agrees(review.proposal.resolution, verdict, suggestion)
    review.status = Status.AGREED if agrees else Status.DIFFERED
    review.verdict, review.suggestion, review.reason, review.ended_at = verdict, suggestion, reason, Now()
    review.save()
    data: dict[str, Any] = {"second_review": str(review.pk), "verdict": verdict, "agrees": agrees}
    if suggestion:
        data["rank"] = suggestion.rank
    if reason:
        data["reason"] = commitment(bytes(review.salt), reason)
    record("second_review.answered", actor=actor, proposal=review.proposal_id, data=data)
    _shown_again(review.proposal_id)
    review.refresh_from_db()
    return review


def _check(review: SecondReview, verdict: str, suggestion: Suggestion | None, reason: str) -> None:
    if verdict not in SAYS.values():
        raise Invalid.field("/verdict", "Approve, reject or return.")
    if (verdict == Verdict.APPROVE) != (suggestion is not None):
        raise Invalid.field("/suggestion", "Choose one of the suggestions to approve.")
    if suggestion is not None and suggestion.proposal_id != review.proposal_id:
        raise Invalid.field("/suggestion", "Choose one of the suggestions to approve.")
    if verdict != Verdict.APPROVE and not reason:
        raise Invalid.field("/reason", "Say why: it is what the two of you will talk about.")
    if len(reason) > LONGEST_REASON:
        raise Invalid.field("/reason", f"Say it in at most {LONGEST_REASON:,} characters.")


def _agrees(resolution: Resolution, verdict: str, suggestion: Suggestion | None) -> bool:
    if SAYS.get(resolution.status) != verdict:
        return False
    return suggestion is None or resolution.suggestion_id == suggestion.pk


def expire_unanswered() -> int:
    """End what nobody answered in time, and whose people may no longer; returns how many that were."""
    over = Q(deadline__lte=Now()) | Q(second__is_active=False)
    overdue = SecondReview.objects.open().filter(over).order_by("deadline")
    return sum(_expire(review_id) for review_id in overdue.values_list("pk", flat=True)[:AT_ONCE])


@transaction.atomic
def _expire(review_id: UUID) -> bool:
    review = SecondReview.objects.open().filter(pk=review_id).select_for_update(skip_locked=True).first()
    if review is None:
        return False
    review.status, review.ended_at = Status.EXPIRED, Now()
    review.save(update_fields=["status", "ended_at"])
    data = {"second_review": str(review.pk)}
    record("second_review.expired", actor=TIMER, proposal=review.proposal_id, data=data)
    _shown_again(review.proposal_id)
    return True


def _shown_again(proposal_id: UUID) -> None:
    """The list tells how it ended only from now on, and the one who was asked sees all of it."""
    Proposal.objects.filter(pk=proposal_id).update(version=F("version") + 1)
    transaction.on_commit(partial(announce, proposal_id), robust=True)


# --- Where two people said different things -------------------------------------------------------


def unsettled() -> QuerySet[SecondReview]:
    """What operators have not looked at yet, the newest first."""
    rows = SecondReview.objects.filter(status=Status.DIFFERED, settled_at=None)
    return rows.select_related("proposal__agent", "proposal__resolution", "team").order_by("-ended_at")


@transaction.atomic
def settle(review: SecondReview, *, actor: Actor) -> SecondReview:
    """An operator has looked at it. Safe to do twice."""
    if SecondReview.objects.filter(pk=review.pk, status=Status.DIFFERED, settled_at=None).update(
        settled_at=Now()
    ):
        data = {"second_review": str(review.pk)}
        record("second_review.settled", actor=actor, proposal=review.proposal_id, data=data)
    review.refresh_from_db()
    return review
