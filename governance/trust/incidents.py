"""Incidents: opened once for a cause, taken on, noted and closed by people.

One of a team's pages it: who is told, and where, is for `approvals.telling`, which follows the log. Here
stands when they are told again, and when others are asked, until somebody takes it on.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from audit.ground.actors import TIMER, Actor
from audit.ground.canonical import commitment
from audit.ground.refusals import Invalid, Refusal
from audit.log.record import record
from audit.statements.prepared import execute
from governance.models import Agent, Incident, IncidentNote, Paged, Team, User

LONGEST_REASON = 500
LONGEST_NOTE = 2_000
FIRST_REMINDER = timedelta(minutes=15)
LATER_REMINDERS = timedelta(hours=1)
MOST_REMINDERS = 12  # who did not come after half a day has other reasons than not to know of it
FoundToBe = Incident.FoundToBe


class IncidentIsClosed(Refusal):
    detail = "This incident is closed already."


class AlreadyTakenOn(Refusal):
    """Somebody else has taken it on."""


class OwnersWord(Refusal):
    """The owner of an agent answers for it: nobody vouches for their own."""

    detail = "You own this agent, so somebody else has to say that it may be trusted further."


class Opened(NamedTuple):
    """An incident, and whether it is a new one."""

    incident: Incident
    is_new: bool


# --- Opened ---------------------------------------------------------------------------------------


@transaction.atomic
def open_incident(
    kind: Incident.Kind,
    detail: str,
    *,
    actor: Actor,
    cause: str = "",
    agent: Agent | None = None,
    action: str = "",
    team: Team | None = None,
    proposal: UUID | None = None,
    by: User | None = None,
    demoted: Collection[str] = (),
) -> Opened:
    """Say that something went wrong, in the transaction of what says so.

    While one of the same `cause` is open that one counts it; without a cause each is its own. With a `team`
    that team is paged.
    """
    if cause and (again := _again(cause, actor, proposal)):
        return Opened(again, is_new=False)
    now = moment()
    incident = Incident.objects.create(
        kind=kind,
        cause=cause,
        agent=agent,
        action=action,
        team=team,
        detail=detail.strip()[:LONGEST_REASON],
        proposal=proposal,
        opened_by=by,
        **(first_page(now, timedelta(seconds=settings.ACKNOWLEDGE_WITHIN_SECONDS)) if team else {}),
    )
    data = {**_facts(incident), "detail": commitment(bytes(incident.salt), incident.detail)}
    record("incident.opened", actor=actor, proposal=proposal, data={**data, "demoted": list(demoted)})
    return Opened(incident, is_new=True)


_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('incident of ' || %s, 0))"


def _again(cause: str, actor: Actor, proposal: UUID | None) -> Incident | None:
    """The open one of this cause, counted once more. Of two that come first at one moment, one opens it."""
    execute(_LOCK, [cause])
    incident = Incident.objects.open().filter(cause=cause).select_related("agent").first()
    if incident is None:
        return None
    Incident.objects.filter(pk=incident.pk).update(count=F("count") + 1, last_at=Now())
    incident.refresh_from_db(fields=["count", "last_at"])
    record(
        "incident.repeated",
        actor=actor,
        proposal=proposal,
        data={**_facts(incident), "count": incident.count},
    )
    return incident


# --- When people are told -------------------------------------------------------------------------


def first_page(now: datetime, within: timedelta) -> dict[str, Any]:
    """The columns of `Paged` for something of which people are told now, and others after a while."""
    escalate_at = now + within
    return {"escalate_at": escalate_at, "remind_at": min(now + FIRST_REMINDER, escalate_at), "reminders": 0}


def next_page(paged: Paged, now: datetime) -> dict[str, Any]:
    """The same columns after they were told at `now`: others are asked, or the same people reminded."""
    escalates = paged.escalate_at is not None and paged.escalate_at <= now
    reminders = paged.reminders + (not escalates)
    escalate_at = None if escalates else paged.escalate_at
    at = now + LATER_REMINDERS if reminders < MOST_REMINDERS else None
    moments = [moment for moment in (at, escalate_at) if moment]
    changes = {"reminders": reminders, "escalate_at": escalate_at, "remind_at": min(moments, default=None)}
    return {**changes, "escalated_at": now} if escalates else changes


@transaction.atomic
def page_again(incident_id: UUID, *, escalate_to: Team | None) -> bool:
    """Remind people of an incident that nobody has taken on, or ask others where its time is over.

    `escalate_to` is the team that is asked then; without one operators are. False where that is not due.
    """
    due = Incident.objects.untaken().filter(pk=incident_id, remind_at__lte=Now())
    incident = due.select_for_update(of=("self",), skip_locked=True).select_related("agent").first()
    if incident is None:
        return False
    changes = next_page(incident, moment())
    if "escalated_at" in changes:
        changes["escalated_to"] = escalate_to
        to = {"to": escalate_to.pk} if escalate_to else {}
        record("incident.escalated", actor=TIMER, proposal=incident.proposal, data=_facts(incident) | to)
    else:
        facts = {**_facts(incident), "reminders": changes["reminders"]}
        record("incident.reminded", actor=TIMER, proposal=incident.proposal, data=facts)
    Incident.objects.filter(pk=incident.pk).update(**changes)
    return True


# --- What people do about it ----------------------------------------------------------------------


@transaction.atomic
def acknowledge(incident: Incident, *, by: User, actor: Actor) -> Incident:
    """Take it on: nobody is reminded any more. Once more by the same person changes nothing.

    Raises `IncidentIsClosed`, `AlreadyTakenOn`.
    """
    locked = _lock(incident)
    if locked.acknowledged_by == by:
        return locked
    if locked.acknowledged_by:
        raise AlreadyTakenOn(f"{locked.acknowledged_by.printed_name} has taken it on already.")
    _take(locked, by)
    record("incident.acknowledged", actor=actor, proposal=locked.proposal, data=_facts(locked))
    return _fresh(locked)


@transaction.atomic
def note(incident: Incident, *, by: User, actor: Actor, text: str) -> IncidentNote:
    """Write down what was found out or done; also afterwards. Raises `Invalid`."""
    text = text.strip()
    if not text:
        raise Invalid.field("/text", "Write what you found out or did.")
    if len(text) > LONGEST_NOTE:
        raise Invalid.field("/text", f"Say it in at most {LONGEST_NOTE} characters.")
    written = IncidentNote.objects.create(incident=incident, by=by, text=text)
    data = {
        **_facts(incident),
        "note": str(written.pk),
        "text": commitment(bytes(written.salt), text),
    }
    record("incident.noted", actor=actor, proposal=incident.proposal, data=data)
    return written


@transaction.atomic
def close_incident(
    incident: Incident, *, by: User, actor: Actor, reason: str, found_to_be: str = FoundToBe.OTHER
) -> Incident:
    """Say that it is dealt with, and what it was. It raises nothing: trust is earned again, or granted.

    Raises `IncidentIsClosed`, `OwnersWord`, `Invalid`.
    """
    reason = tidy(reason)
    if found_to_be not in FoundToBe.values:
        raise Invalid.field("/found_to_be", f"Say which of these it was: {', '.join(FoundToBe.values)}.")
    if incident.agent and incident.agent.owner_id == by.pk:
        raise OwnersWord("You own this agent, so somebody else has to close its incidents.")
    locked = _lock(incident)
    if locked.acknowledged_at is None:
        _take(locked, by)
    Incident.objects.filter(pk=locked.pk).update(
        closed_at=Now(), closed_by=by, closing_reason=reason, found_to_be=found_to_be
    )
    data = {**_facts(locked), "reason": commitment(bytes(locked.salt), reason), "found_to_be": found_to_be}
    record("incident.closed", actor=actor, proposal=locked.proposal, data=data)
    return _fresh(locked)


def tidy(reason: str, pointer: str = "/reason") -> str:
    """What a person wrote, as it is kept. Raises `Invalid` where that is nothing or too much."""
    reason = reason.strip()
    if not reason:
        raise Invalid.field(pointer, "Say why: others will ask.")
    if len(reason) > LONGEST_REASON:
        raise Invalid.field(pointer, f"Say it in at most {LONGEST_REASON} characters.")
    return reason


def _lock(incident: Incident) -> Incident:
    """Its row as it is now, until the transaction ends. Raises `IncidentIsClosed`."""
    rows = Incident.objects.select_for_update(of=("self",)).select_related("agent", "acknowledged_by")
    locked = rows.get(pk=incident.pk)
    if locked.closed_at:
        raise IncidentIsClosed
    return locked


def _take(incident: Incident, by: User) -> None:
    Incident.objects.filter(pk=incident.pk).update(
        acknowledged_at=Now(), acknowledged_by=by, remind_at=None, escalate_at=None
    )


def _fresh(incident: Incident) -> Incident:
    rows = Incident.objects.select_related("agent", "team", "opened_by", "acknowledged_by", "closed_by")
    return rows.get(pk=incident.pk)


def _facts(incident: Incident) -> dict[str, Any]:
    """What every event of an incident holds."""
    facts = {"incident": str(incident.pk), "action": incident.action, "kind": incident.kind}
    if incident.agent:
        facts |= {"agent": str(incident.agent.pk), "agent_name": incident.agent.name}
    return facts | ({"team": incident.team_id} if incident.team_id else {})


def moment() -> datetime:
    """The database’s time."""
    [(now,)] = execute("SELECT statement_timestamp()", [])
    return now
