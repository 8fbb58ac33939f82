"""What people do with a step that their team was handed: take it on, tell that it is done, or can't be.

Each is a transaction with its event. Four eyes are not asked: the action was approved, this is its carrying
out. A report is taken also while a kill switch is on: it tells of what has happened.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Coalesce, Now

from audit.ground.actors import Actor
from audit.ground.canonical import commitment
from audit.ground.refusals import Invalid, Refusal
from audit.log.record import record
from execution.holding import news
from execution.holding.outbox import tell
from execution.holding.steps import kept_answer
from execution.holding.workflow import InvalidWorkflow, workflow_of
from execution.manual.forms import mistakes
from execution.models import Attempt, Execution, ManualTask
from execution.running.schedule import MARGIN, longest
from governance.door.teams import teams_of
from governance.models import User

LONGEST_COMMENT = 2_000


class NotOfTheTeam(Refusal):
    detail = "Somebody of the team that was asked does this, and you are not in it."


class TaskIsOver(Refusal):
    detail = "There is nothing to do any more: this was done, ended, or its time is over."


class SaysNothing(Refusal):
    """Others will rely on what was written."""


@transaction.atomic
def claim(task: ManualTask, *, by: User, actor: Actor | None = None) -> ManualTask:
    """Tell others that one is on it, also in somebody's place. Raises `NotOfTheTeam`, `TaskIsOver`."""
    locked = _lock(task, by)
    before = locked.claimed_by_id
    if before == by.pk:
        return locked
    locked.claimed_by, locked.claimed_at = by, Now()
    locked.save(update_fields=["claimed_by", "claimed_at"])
    taken = {"taken_over_from": str(before)} if before else {}
    _record("manual_task.claimed", locked, actor or by.as_actor(), **taken)
    return locked


@transaction.atomic
def release(task: ManualTask, *, by: User, actor: Actor | None = None) -> None:
    """Let go of it; nothing where one is not on it. Raises `NotOfTheTeam`, `TaskIsOver`."""
    locked = _lock(task, by)
    if locked.claimed_by_id != by.pk:
        return
    locked.claimed_by, locked.claimed_at = None, None
    locked.save(update_fields=["claimed_by", "claimed_at"])
    _record("manual_task.released", locked, actor or by.as_actor())


@transaction.atomic
def report_done(
    task: ManualTask,
    *,
    by: User,
    answer: dict[str, Any] | None,
    comment: str = "",
    actor: Actor | None = None,
) -> None:
    """State that it was done. What was filled in is what later steps may use; the receipt says who did it.

    Where the workflow verifies the step, a worker asks for the proof next. Raises `NotOfTheTeam`,
    `TaskIsOver`, `SaysNothing` where there is neither form nor comment, and `Invalid` for what does not
    fit the form.
    """
    locked = _lock(task, by)
    comment = _tidy(comment)
    if errors := mistakes(locked, answer):
        raise Invalid(errors)
    if locked.form is None and not comment:
        raise SaysNothing("Say what was done, and how one can see it: others will rely on it.")
    step = locked.step
    said = f"Done by {by.printed_name}. {comment}".strip()
    attempt = _close(locked, by, Attempt.Outcome.SUCCEEDED, said)
    step.answer = kept_answer(None, answer)
    # Without the words, which stand with the task: the log tells of receipts.
    known = {"route": attempt.route, "done_by": by.printed_name, "task": str(locked.pk)}
    step.receipt = {**known, "verified": None}
    step.save(update_fields=["answer", "receipt"])
    _end(locked, ManualTask.Status.DONE, by, comment, answer)
    salt = bytes(locked.execution.proposal.salt)
    words = {"answer": commitment(salt, answer), "said": commitment(salt, comment)}
    facts = {"step": step.name, "attempt": attempt.number, **words}
    _record("manual_task.done", locked, actor or by.as_actor(), **facts)


@transaction.atomic
def give_up(task: ManualTask, *, by: User, reason: str, actor: Actor | None = None) -> None:
    """State that it could not be done, and nothing of it was.

    Raises `NotOfTheTeam`, `TaskIsOver`, `SaysNothing`.
    """
    locked = _lock(task, by)
    reason = _tidy(reason)
    if not reason:
        raise SaysNothing("Say why it could not be done: somebody else has to go on with it.")
    said = f"{locked.team.name} could not do it ({by.printed_name}): {reason}"
    attempt = _close(locked, by, Attempt.Outcome.REFUSED, said)
    _end(locked, ManualTask.Status.NOT_DONE, by, reason, None)
    said = commitment(bytes(locked.execution.proposal.salt), reason)
    facts = {"step": locked.step.name, "attempt": attempt.number, "said": said}
    _record("manual_task.given_up", locked, actor or by.as_actor(), **facts)


def may_do(task: ManualTask, user: User) -> bool:
    """Whether this person is of the team, or stands in for somebody who is."""
    return teams_of(user).filter(pk=task.team_id).exists()


def _tidy(text: str) -> str:
    return text.strip()[:LONGEST_COMMENT]


def _lock(task: ManualTask, by: User) -> ManualTask:
    """The task, after its execution, as all who change either lock them."""
    execution = (
        Execution.objects.select_for_update(of=("self",))
        .select_related("proposal", "suggestion__action_type")
        .filter(pk=task.execution_id)
        .first()
    )
    if execution is None:  # taken away meanwhile
        raise TaskIsOver
    if not may_do(task, by):
        raise NotOfTheTeam
    locked = (
        ManualTask.objects.open()
        .select_for_update(of=("self",))
        .select_related("step", "team")
        .filter(pk=task.pk, execution__deadline__gt=Now())
        .first()
    )
    if locked is None:
        raise TaskIsOver
    locked.execution = execution
    return locked


def _close(task: ManualTask, by: User, outcome: str, detail: str) -> Attempt:
    """What they did is an attempt like any other."""
    execution = task.execution
    return Attempt.objects.create(
        step=task.step,
        number=task.step.attempts.count() + 1,
        route=task.route,
        fence=execution.fence,
        round=execution.round,
        outcome=outcome,
        detail=detail[:500],
        begun_by=by.printed_name[:300],
        started_at=task.claimed_at or task.opened_at,
        finished_at=Now(),
    )


def _end(task: ManualTask, status: str, by: User, comment: str, answer: dict[str, Any] | None) -> None:
    """The task is over, and a worker goes on with the execution."""
    task.status, task.ended_by, task.ended_at = status, by, Now()
    task.comment, task.answer = comment, answer
    task.save(update_fields=["status", "ended_by", "ended_at", "comment", "answer"])
    execution = task.execution
    Execution.objects.filter(pk=execution.pk).update(
        status=Execution.Status.SCHEDULED,
        version=F("version") + 1,
        due_at=Now(),
        queued_at=Now(),
        deadline=Now() + timedelta(seconds=_lasts(execution)),
        timed_from=Now(),
        started_at=Coalesce("started_at", Now()),
        reason="",
    )
    tell(execution)


def _lasts(execution: Execution) -> float:
    try:
        workflow = workflow_of(execution.suggestion.action_type)
    except InvalidWorkflow:
        return MARGIN
    return longest(workflow) if workflow else MARGIN


def _record(event: str, task: ManualTask, actor: Actor, **facts: Any) -> None:
    data = {"execution": str(task.execution_id), "task": str(task.pk), "team": task.team_id, **facts}
    record(event, actor=actor, proposal=task.execution.proposal_id, data=data)
    news.changed(task.execution)
