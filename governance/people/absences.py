"""Out of office: a deputy is asked what the teams of an absent person are asked.

The deputy sees and decides it in addition; the log says for whom. Chains are not followed: who stands in
for somebody does not stand in for those that somebody stands in for.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from audit.ground.actors import Actor
from audit.ground.canonical import commitment
from audit.ground.refusals import Invalid, Refusal
from audit.log.record import record
from audit.statements.prepared import execute
from governance.door.deciders import DECIDES, who_may_decide
from governance.models import Absence, User

CHANGE = "governance.change_absence"
LONGEST = timedelta(days=366)
LONGEST_REASON = 200


class NotYourAbsence(Refusal):
    detail = "You can say this of yourself; of others an operator can."


class NothingToEnd(Refusal):
    detail = "This absence is over already."


@transaction.atomic
def set_out(
    person: User,
    *,
    deputy: User,
    until: datetime,
    since: datetime | None = None,
    reason: str = "",
    by: User,
    actor: Actor,
) -> Absence:
    """Let a deputy stand in for somebody, from now or later.

    Raises `NotYourAbsence`; `Invalid` where the times make no sense, the person is away then already, or
    the deputy may not decide or is away themselves.
    """
    _check_by(person, by)
    # Locked in one order, so that no two absences can overlap, nor deputies be away, by a race.
    list(User.objects.select_for_update().filter(pk__in=[person.pk, deputy.pk]).order_by("pk"))
    [(now,)] = execute("SELECT statement_timestamp()", [])
    since = max(since or now, now)
    _check_times(person, since, until, reason)
    _check_deputy(person, deputy, since, until)
    found = Absence.objects.create(
        person=person, deputy=deputy, since=since, until=until, reason=reason, by=by
    )
    data = {
        "absence": str(found.pk),
        "person": str(person.pk),
        "deputy": str(deputy.pk),
        "since": since.isoformat(),
        "until": until.isoformat(),
    }
    if reason:
        data["reason"] = commitment(bytes(found.salt), reason)
    record("absence.set", actor=actor, data=data)
    return found


@transaction.atomic
def end(absence: Absence, *, by: User, actor: Actor) -> None:
    """End it now, or before it began. Raises `NotYourAbsence`, `NothingToEnd`."""
    _check_by(absence.person, by)
    if not Absence.objects.coming_or_running().filter(pk=absence.pk).update(ended_at=Now()):
        raise NothingToEnd
    record("absence.ended", actor=actor, data={"absence": str(absence.pk), "person": str(absence.person_id)})


def possible_deputies(besides: User | None = None) -> QuerySet[User]:
    """Everybody who may decide, by name."""
    may = who_may_decide()
    return (may.exclude(pk=besides.pk) if besides else may).order_by("first_name", "username")


def _check_by(person: User, by: User) -> None:
    if not (by == person and by.has_perm(DECIDES)) and not by.has_perm(CHANGE):
        raise NotYourAbsence


def _check_times(person: User, since: datetime, until: datetime, reason: str) -> None:
    if until <= since:
        raise Invalid.field("/until", "It has to end after it begins, and not in the past.")
    if until - since > LONGEST:
        raise Invalid.field("/until", "It can last a year at most.")
    if len(reason) > LONGEST_REASON:
        raise Invalid.field("/reason", f"Say it in at most {LONGEST_REASON} characters.")
    if _away(person, since, until).exists():
        raise Invalid.field("/since", f"{person.printed_name} is out of office then already.")


def _check_deputy(person: User, deputy: User, since: datetime, until: datetime) -> None:
    if deputy == person:
        raise Invalid.field("/deputy", "Somebody else has to stand in.")
    if not deputy.is_active or not deputy.has_perm(DECIDES):
        raise Invalid.field("/deputy", f"{deputy.printed_name} may not decide: the role reviewer is missing.")
    if _away(deputy, since, until).exists():
        raise Invalid.field("/deputy", f"{deputy.printed_name} is out of office then, too.")


def _away(person: User, since: datetime, until: datetime) -> QuerySet[Absence]:
    planned = Absence.objects.coming_or_running().filter(person=person)
    return planned.filter(since__lt=until, until__gt=since)
