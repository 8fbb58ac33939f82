"""Claims: who is on a proposal, for how long; taken, given up, or assigned to somebody."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models.functions import Least, Now

from approvals.deciding.may_decide import NotInTeam, TooLate
from approvals.models import Claim
from audit.ground.actors import Actor
from audit.ground.refusals import Invalid, Refusal
from audit.log.record import record
from governance.door.deciders import DECIDES
from governance.door.teams import teams_of
from governance.models import Absence, User
from suggestions.answering import news
from suggestions.answering.resolve import lock_pending
from suggestions.models import Proposal

LEASE = timedelta(minutes=10)
ASSIGNED = timedelta(hours=24)


class ClaimedByAnother(Refusal):
    """Somebody is on it; taking over says so to them."""


class NotYours(Refusal):
    detail = "You have no claim on this proposal."


@transaction.atomic
def claim(proposal_id: UUID, *, user: User, actor: Actor, take_over: bool = False) -> Claim:
    """Take a lease of ten minutes, or begin one's own anew.

    Raises `AlreadyResolved`, `NotInTeam`, `TooLate`; `ClaimedByAnother` while somebody else's runs,
    unless one takes over.
    """
    proposal = lock_pending(proposal_id)
    _check_asked(proposal, user)
    running = Claim.objects.live().select_related("user").filter(proposal=proposal).first()
    if running and running.user_id != user.pk and not take_over:
        raise ClaimedByAnother(
            f"{running.user.printed_name} is on this until {running.until:%H:%M} UTC.",
            claimed_by=running.user.printed_name,
            until=running.until.isoformat(),
        )
    # What somebody was given and takes on is their own from then on, which is news.
    is_own = running is not None and running.user_id == running.by_id == user.pk
    found = _write(proposal, user=user, by=user, lasts=LEASE)
    if not is_own:
        before = running.user_id if running else user.pk
        told = {"taken_over_from": str(before)} if before != user.pk else {}
        _tell(proposal, "claim.taken", actor, until=found.until.isoformat(), **told)
    return found


@transaction.atomic
def release(proposal_id: UUID, *, user: User, actor: Actor) -> None:
    """Give up one's own claim. Raises `AlreadyResolved`, `NotYours`."""
    proposal = lock_pending(proposal_id)
    gone, _ = Claim.objects.live().filter(proposal=proposal, user=user).delete()
    if not gone:
        raise NotYours
    _tell(proposal, "claim.released", actor)


@transaction.atomic
def assign(proposal_id: UUID, *, to: User, by: User, actor: Actor) -> Claim:
    """Put somebody on it who may decide on it, for a day or until its deadline.

    Raises `AlreadyResolved`, `NotInTeam`, `TooLate`; `Invalid` where that person could not decide.
    """
    proposal = lock_pending(proposal_id)
    _check_asked(proposal, by)
    return _assign(proposal, to, by=by, actor=actor)


@transaction.atomic
def pass_on(claim: Claim, *, to: User, actor: Actor) -> Claim:
    """Put somebody else on what was assigned, in the name of whoever had assigned it. Raises as `assign`."""
    return _assign(lock_pending(claim.proposal_id), to, by=claim.by, actor=actor)


def _assign(proposal: Proposal, to: User, *, by: User, actor: Actor) -> Claim:
    if not to.is_active or not to.has_perm(DECIDES):
        raise Invalid.field("/to", f"{to.printed_name} may not decide.")
    if Absence.objects.running().filter(person=to).exists():
        raise Invalid.field("/to", f"{to.printed_name} is out of office.")
    if not teams_of(to).filter(pk__in=proposal.teams).exists():
        raise Invalid.field("/to", f"{to.printed_name} is in none of the teams that decide on this.")
    found = _write(proposal, user=to, by=by, lasts=ASSIGNED)
    _tell(proposal, "claim.assigned", actor, to=str(to.pk), until=found.until.isoformat())
    return found


def _check_asked(proposal: Proposal, user: User) -> None:
    if not teams_of(user).filter(pk__in=proposal.teams).exists():
        raise NotInTeam


def _write(proposal: Proposal, *, user: User, by: User, lasts: timedelta) -> Claim:
    until = Least(Now() + lasts, proposal.deadline)
    found, _ = Claim.objects.update_or_create(
        proposal=proposal, defaults={"user": user, "by": by, "at": Now(), "until": until}
    )
    if not Claim.objects.live().filter(pk=found.pk).exists():
        raise TooLate  # it would be over before it begins
    found.refresh_from_db()
    return found


def _tell(proposal: Proposal, event: str, actor: Actor, **data: Any) -> None:
    news.changed(proposal)
    record(event, actor=actor, proposal=proposal.pk, data=data)
