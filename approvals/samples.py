"""Checking afterwards what passed by itself: "already carried out: was this right?"."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import F
from django.db.models.functions import Now

from approvals.decide import NotInTeam
from audit.actors import TIMER, Actor
from audit.announce import announce
from audit.canonical import commitment
from audit.record import record
from audit.refusals import Invalid, Refusal
from governance import autonomy
from governance.models import Incident, User
from suggestions import callbacks
from suggestions.models import Proposal, Sample

ANSWER_WITHIN = timedelta(hours=72)  # over a weekend
AT_ONCE = 500
Status = Sample.Status


class OwnSample(Refusal):
    """Four eyes: the owner of an agent answers for it."""

    detail = "You own this agent, so somebody else has to say whether this was right."


class NotAsked(Refusal):
    """It is not open: not carried out yet, answered, or its time is over."""

    detail = "This is not asked, or not any more."


# --- In and out of the queue ----------------------------------------------------------------------


def open_carried_out() -> int:
    """Put what was chosen and has come to rest before people; returns how much that was."""
    with connection.cursor() as cursor:
        cursor.execute(_AT_REST, [AT_ONCE])
        found = [row[0] for row in cursor.fetchall()]
    return sum(_open(sample_id) for sample_id in found)


# One that needs a person is asked about as well: nobody knows how long it will wait for one.
_AT_REST = """
SELECT s.id FROM suggestions_sample s JOIN execution_execution e ON e.proposal_id = s.proposal_id
 WHERE s.status = 'chosen' AND e.status IN ('succeeded', 'failed', 'cancelled', 'needs_attention')
 ORDER BY s.id LIMIT %s
"""


@transaction.atomic
def _open(sample_id: UUID) -> bool:
    chosen = Sample.objects.filter(pk=sample_id, status=Status.CHOSEN)
    if not chosen.update(status=Status.OPEN, opened_at=Now(), deadline=Now() + ANSWER_WITHIN):
        return False
    sample = Sample.objects.get(pk=sample_id)
    _tell(sample, "sample.opened", TIMER, {"team": sample.team_id})
    return True


def expire_unanswered() -> int:
    """End what nobody answered in time. It never counts as right; that it happened is counted."""
    overdue = Sample.objects.open().filter(deadline__lte=Now()).order_by("deadline")
    return sum(_expire(sample_id) for sample_id in overdue.values_list("pk", flat=True)[:AT_ONCE])


@transaction.atomic
def _expire(sample_id: UUID) -> bool:
    overdue = Sample.objects.open().filter(pk=sample_id, deadline__lte=Now())
    if not overdue.update(status=Status.EXPIRED, ended_at=Now()):
        return False
    _tell(Sample.objects.get(pk=sample_id), "sample.expired", TIMER, {})
    return True


# --- Answers --------------------------------------------------------------------------------------


@transaction.atomic
def answer(sample: Sample, *, right: bool, reviewer: User, actor: Actor, reason: str = "") -> Sample:
    """Say whether it was right that this passed. Once; "wrong" says why and demotes the agent at once.

    Raises `NotAsked`, `NotInTeam`, `OwnSample`, `Invalid`.
    """
    reason = reason.replace("\0", "").strip()
    if not right and not reason:
        raise Invalid.field("/reason", "Say what was wrong: it costs the agent its stage.")
    # The proposal before all else: everything that demotes locks in this order.
    Proposal.objects.select_for_update(no_key=True).get(pk=sample.proposal_id)
    locked = (
        Sample.objects.select_for_update(of=("self",), no_key=True)
        .select_related("agent", "proposal")
        .get(pk=sample.pk)
    )
    _check(locked, reviewer)
    locked.status = Status.RIGHT if right else Status.WRONG
    locked.reviewer, locked.reason, locked.ended_at = reviewer, reason, Now()
    locked.save(update_fields=["status", "reviewer", "reason", "ended_at"])
    said = {"reason": commitment(bytes(locked.salt), reason)} if reason else {}
    _tell(locked, "sample.answered", actor, {"answer": locked.status, "action": locked.action, **said})
    if not right:
        _lose_trust(locked, reviewer, actor, reason)
    locked.refresh_from_db()
    return locked


def _check(sample: Sample, reviewer: User) -> None:
    open_now = Sample.objects.open().filter(pk=sample.pk, deadline__gt=Now())
    if not open_now.exists():
        raise NotAsked
    if not reviewer.teams.filter(pk=sample.team_id).exists():
        raise NotInTeam("This is asked of a team that you are not in.")
    if sample.agent.owner_id == reviewer.pk:
        raise OwnSample


def _lose_trust(sample: Sample, reviewer: User, actor: Actor, reason: str) -> None:
    autonomy.demote(
        sample.agent,
        sample.action,
        Incident.Kind.SAMPLE,
        reason,
        actor,
        proposal=sample.proposal_id,
        by=reviewer,
        measures={"sample": str(sample.pk), "answer": sample.status},
    )
    callbacks.owe(sample.proposal, "sample.answered", {"answer": sample.status, "reason": reason})


def _tell(sample: Sample, event: str, actor: Actor, data: dict[str, Any]) -> None:
    """The event, and open pages draw the proposal again."""
    record(event, actor=actor, proposal=sample.proposal_id, data={"sample": str(sample.pk), **data})
    Proposal.objects.filter(pk=sample.proposal_id).update(version=F("version") + 1)
    transaction.on_commit(partial(announce, sample.proposal_id), robust=True)
