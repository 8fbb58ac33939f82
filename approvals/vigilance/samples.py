"""Checking afterwards what passed by itself: "already carried out: was this right?"."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now

from approvals.deciding.may_decide import NotInTeam
from audit.ground.actors import TIMER, Actor
from audit.ground.announce import announce
from audit.ground.canonical import commitment
from audit.ground.ids import read_uuid
from audit.ground.refusals import Invalid, Refusal
from audit.log.record import record
from audit.statements.prepared import execute
from governance.door.deciders import DECIDES
from governance.door.teams import slugs_of, teams_of
from governance.models import Incident, User
from governance.trust import autonomy
from suggestions.answering import callbacks
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


# --- Who is asked ---------------------------------------------------------------------------------


def asked_of(user: User) -> QuerySet[Sample]:
    """The samples that this person may know about: never before they are asked."""
    shown = Sample.objects.exclude(status=Status.CHOSEN).filter(
        proposal__in=Proposal.objects.visible_to(user)
    )
    return shown.select_related("agent", "proposal", "reviewer")


MOST_COUNTED = 99
PAGE = 50


WAITING = f"""
SELECT count(*) FROM (
    SELECT FROM suggestions_sample
     WHERE status = 'open' AND team_id = ANY(%(teams)s::varchar[]) LIMIT {MOST_COUNTED + 1}) waiting
"""


def how_many_wait(teams: Sequence[str]) -> str:
    """How many checks are asked of these teams, counted up to a limit: "3", "99+", or nothing."""
    [(waiting,)] = execute(WAITING, {"teams": list(teams)})
    return in_words(waiting)


def in_words(waiting: int) -> str:
    """The same of what `WAITING` counted."""
    return f"{MOST_COUNTED}+" if waiting > MOST_COUNTED else str(waiting or "")


def page(teams: Sequence[str], *, ended: bool, cursor: str = "") -> tuple[list[Sample], str]:
    """What is asked of these teams, the most pressing first, or what ended, the newest first.

    With the cursor of the next page; empty at the end. A cursor that means nothing is the first page.
    """
    rows = Sample.objects.filter(team__in=teams).select_related("agent", "proposal", "reviewer")
    if ended:
        rows = rows.filter(status__in=[Status.RIGHT, Status.WRONG, Status.EXPIRED]).order_by("-id")
        if after := read_uuid(cursor):
            rows = rows.filter(pk__lt=after)
    else:
        rows = rows.filter(status=Status.OPEN).order_by("deadline", "id")
        last = Sample.objects.filter(pk__in=[read_uuid(cursor)]).values_list("deadline", "id").first()
        if last and last[0]:
            rows = rows.filter(Q(deadline__gt=last[0]) | Q(deadline=last[0], id__gt=last[1]))
    found = list(rows[: PAGE + 1])
    return found[:PAGE], str(found[PAGE - 1].pk) if len(found) > PAGE else ""


def first_for(reviewer: User) -> Sample | None:
    """What this person is to check next: the one whose time is over first."""
    mine = Sample.objects.open().filter(team__in=teams_of(reviewer), deadline__gt=Now())
    return mine.exclude(agent__owner=reviewer).order_by("deadline", "id").first()


def why_not(sample: Sample, reader: User) -> str:
    """Why this person can't answer now; empty when they can."""
    if sample.status != Status.OPEN:
        return "It has been answered." if sample.status != Status.EXPIRED else "Nobody answered in time."
    if not reader.has_perm(DECIDES):
        return "Reviewers say whether this was right."
    if sample.team_id not in slugs_of(reader):
        return "This is asked of another team."
    if sample.agent.owner_id == reader.pk:
        return "You own this agent, so somebody else has to say whether this was right."
    return ""


# --- Answers --------------------------------------------------------------------------------------


@transaction.atomic
def answer(sample: Sample, *, right: bool, reviewer: User, actor: Actor, reason: str = "") -> Sample:
    """Say whether it was right that this passed. Once; "wrong" says why and demotes the agent at once.

    Raises `NotAsked`, `NotInTeam`, `OwnSample`, `Invalid`.
    """
    reason = reason.strip()
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
    if not teams_of(reviewer).filter(pk=sample.team_id).exists():
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
