"""What a person does about an execution that cannot go on by itself, or should not."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from audit.ground.actors import Actor
from audit.ground.canonical import commitment
from audit.ground.refusals import Invalid, Refusal
from audit.log.record import record
from execution.desk.doubt import in_doubt
from execution.healing import compensation
from execution.holding import attempts, news
from execution.holding.outbox import tell
from execution.holding.steps import REPORT_WITHIN, Task, ahead, complete, skip, tasks_of, worst
from execution.holding.workflow import InvalidWorkflow, label, workflow_of
from execution.models import Attempt, Compensation, Execution, Step
from execution.models.work import work_on
from execution.running.schedule import MARGIN, longest
from governance.models import User
from governance.trust.incidents import moment

STATUS = Execution.Status
LONGEST_TEXT = 2_000
CAN_BE_CANCELLED = (STATUS.NEEDS_ATTENTION, STATUS.SCHEDULED, STATUS.HANDED_BACK, STATUS.RUNNING)
CAN_BE_MARKED_DONE = (STATUS.NEEDS_ATTENTION, STATUS.HANDED_BACK)
CAN_BE_STEERED = (STATUS.NEEDS_ATTENTION, STATUS.SCHEDULED)


class NotWaiting(Refusal):
    """It is not in a state in which a person could do this."""

    detail = "This execution changed meanwhile; look again."


class InTheMiddle(NotWaiting):
    """Somebody holds the lease: whatever is done now could cross with what they are about to send."""


class MayHaveHappened(Refusal):
    detail = (
        "An attempt may have taken effect, and another could do it a second time. "
        "Look there first, and say that you have."
    )


class NoEvidence(Invalid):
    def __init__(self) -> None:
        said = "Say how you know: others will rely on it."
        super().__init__([{"pointer": "/evidence", "detail": said}], said)


class NothingInDoubt(NotWaiting):
    detail = "Of no step it is unknown whether it took effect; look again."


class NotThatStep(Refusal):
    """It does not stand at this step, or no worker carries it out."""


class NoSuchRoute(Invalid):
    """The step has no route of this number."""


@transaction.atomic
def retry(
    execution: Execution,
    *,
    by: User,
    reason: str = "",
    checked: bool = False,
    seen: int | None = None,
    actor: Actor | None = None,
    bulk: UUID | None = None,
) -> None:
    """Try again, with every route's attempts counted anew. Completed steps stay completed.

    An earlier attempt may have taken effect: where the workflow can verify a step, it is asked
    first, and where nothing would keep it from acting twice, a person has to have `checked`. Where the
    agent carries the action out itself, it is asked again by a worker. `seen` is the round that they looked
    at: who sends a form twice, not knowing what became of the first, has not looked at what that led to.
    `bulk` is the bulk retry that it is part of. Raises `NotWaiting`, `MayHaveHappened`.
    """
    locked = _lock(execution, STATUS.NEEDS_ATTENTION)
    if seen not in (None, locked.round):
        raise NotWaiting
    unknown = in_doubt(locked)
    if unknown and not checked:
        raise MayHaveHappened
    actor = actor or by.as_actor()
    facts = {"although_unknown": unknown, **({"bulk_retry": str(bulk)} if bulk else {})}
    _record("execution.retried", locked, actor, _tidy(reason), **facts)
    _go_on(locked, actor)


@transaction.atomic
def settle(
    execution: Execution,
    *,
    by: User,
    happened: bool,
    evidence: str,
    seen: int | None = None,
    actor: Actor | None = None,
) -> None:
    """Say what became of the step of which nobody knows whether it took effect, and by which evidence.

    What happened completes the step, with the evidence in its receipt, and the next one begins; later steps
    do not know what it answered. What did not happen is tried again, as by `retry`. Of what the agent carries
    out as a whole (at stage 1) all steps are meant. What was found out stands with the attempt. `seen` is as
    for `retry`. Raises `NoEvidence`, `NothingInDoubt`, `NotWaiting`.
    """
    evidence = _tidy(evidence)
    if not evidence:
        raise NoEvidence
    locked = _lock(execution, STATUS.NEEDS_ATTENTION)
    if seen not in (None, locked.round):
        raise NotWaiting
    attempt = _in_doubt(locked)
    attempt.found = {
        "happened": happened,
        "by": by.printed_name,
        "evidence": evidence,
        "at": moment().isoformat(),
    }
    attempt.save(update_fields=["found"])
    vouched = {"settled_by": by.printed_name, "evidence": evidence}
    completed = _took_effect(locked, attempt, vouched) if happened else []
    actor = actor or by.as_actor()
    facts = {"step": attempt.step.name, "found_to_be": "done" if happened else "not done"}
    _record("step.settled", locked, actor, evidence, **facts, steps=completed)
    _go_on(locked, actor)


def _in_doubt(execution: Execution) -> Attempt:
    """The attempt of which nobody knows whether it took effect. Raises `NothingInDoubt`."""
    unknown = Attempt.objects.filter(
        step__execution=execution,
        step__name=execution.doubtful_step,
        round=execution.round,
        outcome=Attempt.Outcome.UNKNOWN,
    )
    attempt = unknown.select_related("step").order_by("-number").first()
    if attempt is None:
        raise NothingInDoubt
    return attempt


def _took_effect(execution: Execution, attempt: Attempt, evidence: dict[str, Any]) -> list[str]:
    """Complete the step of an attempt that somebody vouches for. Returns the names of what is now."""
    call = {"route": attempt.route, "http_status": attempt.http_status, "verified": None}
    meant = list(ahead(execution)) if execution.assisted else [attempt.step]
    for step in meant:
        complete(step, {**call, **(step.receipt or {}), **evidence})
    Execution.objects.filter(pk=execution.pk).update(verdict=_verdict(execution))
    return [step.name for step in meant]


@transaction.atomic
def choose_route(
    execution: Execution,
    *,
    by: User,
    step: str,
    route: int,
    reason: str = "",
    checked: bool = False,
    actor: Actor | None = None,
) -> None:
    """Have a step try this route first, counted from 1; where it was tried already it begins anew.

    What is in its grace period waits for that to be over. Raises `NotWaiting`, `NotThatStep`, `NoSuchRoute`,
    and `MayHaveHappened` as `retry` does.
    """
    locked = _lock(execution, *CAN_BE_STEERED)
    task = _task_at(locked, step)
    if locked.assisted or len(task.plan.routes) == 0:
        raise NotThatStep(f"Step {step} has no routes that a worker takes.")
    if task.progress.waits is not None or task.progress.has_succeeded:
        raise NotThatStep(f"Step {step} was called already, and waits for what comes of it.")
    if not 1 <= route <= len(task.plan.routes):
        raise _no_such_route(task)
    unknown = in_doubt(locked)
    if unknown and not checked:
        raise MayHaveHappened
    Execution.objects.filter(pk=locked.pk).update(chosen={**locked.chosen, step: route - 1})
    facts = {"step": step, "route": label(task.plan, route - 1), "although_unknown": unknown}
    actor = actor or by.as_actor()
    _record("execution.route_chosen", locked, actor, _tidy(reason), **facts)
    if locked.started_at:
        _go_on(locked, actor)
    else:
        news.changed(locked)


@transaction.atomic
def skip_step(
    execution: Execution, *, by: User, step: str, evidence: str, actor: Actor | None = None
) -> None:
    """Leave out the step that it stands at, and go on with the next one; `evidence` says why that is right.

    What its attempts did, if anything, stays as it is. Raises `NotWaiting`, `NotThatStep`, `NoEvidence`.
    """
    evidence = _tidy(evidence)
    if not evidence:
        raise NoEvidence
    locked = _lock(execution, *CAN_BE_STEERED)
    if not locked.started_at:
        raise NotThatStep("It has not begun: no step can be skipped yet.")
    found = _task_at(locked, step).step
    receipt = found.receipt or {}
    skip(
        found,
        {**receipt, "skipped": "A person left it out.", "skipped_by": by.printed_name, "evidence": evidence},
    )
    actor = actor or by.as_actor()
    _record("step.skipped", locked, actor, evidence, step=step)
    _go_on(locked, actor)


@transaction.atomic
def mark_done(execution: Execution, *, by: User, evidence: str, actor: Actor | None = None) -> None:
    """State that it took effect, and by which evidence; of one that is being undone, that it is undone.

    Also of what was handed back, where a person carried it out. Raises `NotWaiting`, `NoEvidence`.
    """
    evidence = _tidy(evidence)
    if not evidence:
        raise NoEvidence
    locked = _lock(execution, *CAN_BE_MARKED_DONE)
    left = list(ahead(locked))
    for step in left:
        receipt = step.receipt or {}
        complete(step, {**receipt, "marked_done_by": by.printed_name, "evidence": evidence})
    status = STATUS.CANCELLED if locked.undoing else STATUS.SUCCEEDED
    said = "Undone by hand" if locked.undoing else "Marked done"
    reason = f"{said} by {by.printed_name}."[:500]
    _move(locked, status, finished_at=Now(), reason=reason, verdict=_verdict(locked))
    actor = actor or by.as_actor()
    _record("execution.marked_done", locked, actor, evidence, steps=[step.name for step in left])
    if locked.undoing:
        compensation.ended(locked, Compensation.Status.DONE)
    compensation.lapse(locked, actor=actor)
    news.owe_agent(locked, status, f"{said} by a person.")


@transaction.atomic
def cancel(execution: Execution, *, by: User, reason: str = "", actor: Actor | None = None) -> None:
    """End it: nothing more is carried out. What took effect already stays as it is.

    Also in the grace period, while it is only scheduled, and where whoever was in the middle of it has
    lost the lease: they send nothing any more. Raises `NotWaiting`, `InTheMiddle`.
    """
    locked = _lock(execution, *CAN_BE_CANCELLED)
    actor = actor or by.as_actor()
    attempts.cut_off(locked, actor=actor)
    still = _may_still_happen(locked)
    said = f"Cancelled by {by.printed_name[:300]}.{still}"
    _move(locked, STATUS.CANCELLED, finished_at=Now(), fence=F("fence") + 1, reason=said)
    _record("execution.cancelled", locked, actor, _tidy(reason))
    compensation.lapse(locked, actor=actor)
    news.owe_agent(locked, STATUS.CANCELLED, f"Cancelled by a person.{still}")


def _verdict(execution: Execution) -> str:
    """The worst of what is known of its steps."""
    return worst(execution.steps.filter(kind=Step.Kind.DO).values_list("verdict", flat=True))


def _go_on(execution: Execution, actor: Actor) -> None:
    """Let a worker go on at once, with every route's attempts counted anew."""
    compensation.lapse(execution, actor=actor)
    execution.steps.filter(status=Step.Status.WAITING).update(wait_until=None, probes=0)
    lasts = _lasts(execution)
    _move(
        execution,
        STATUS.SCHEDULED,
        due_at=Now(),
        queued_at=Now(),
        deadline=Now() + timedelta(seconds=REPORT_WITHIN if lasts is None else lasts),
        timed_from=Now(),
        round=F("round") + 1,
    )
    tell(execution)


def _task_at(execution: Execution, step: str) -> Task:
    """The step that it stands at, if that is the one of this name. Raises `NotThatStep`."""
    first = ahead(execution).first()
    if first is None or first.name != step:
        stands = f": it stands at step {first.name}" if first else ""
        raise NotThatStep(f"It does not stand at step {step}{stands}.")
    try:
        workflow = workflow_of(execution.suggestion.action_type)
    except InvalidWorkflow as error:
        raise NotThatStep("Its workflow can no longer be read.") from error
    tasks = tasks_of(workflow, work_on(execution.pk).steps)
    if tasks is None:
        raise NotThatStep("No worker carries it out: the agent does.")
    return next(task for task in tasks if task.step.pk == first.pk)


def _no_such_route(task: Task) -> NoSuchRoute:
    last = len(task.plan.routes)
    said = f"Step {task.step.name} has {last} route{'s' if last > 1 else ''}: choose 1 to {last}."
    return NoSuchRoute([{"pointer": "/route", "detail": said}], said)


def _tidy(text: str) -> str:
    return text.strip()[:LONGEST_TEXT]


def _lock(execution: Execution, *allowed: str) -> Execution:
    locked = at_rest(execution)
    if locked.status not in allowed:
        raise NotWaiting
    return locked


def at_rest(execution: Execution) -> Execution:
    """Lock one that nobody is in the middle of, be it held by a lease that is over.

    Raises `NotWaiting` where it was taken away meanwhile, `InTheMiddle`.
    """
    rows = Execution.objects.select_for_update(of=("self",)).with_doubt()
    locked = rows.select_related("proposal__agent", "suggestion__action_type").filter(pk=execution.pk).first()
    if locked is None:
        raise NotWaiting
    if locked.status == STATUS.RUNNING and locked.lease_until and not _is_over(locked):
        raise InTheMiddle(
            f"Somebody is in the middle of it, until {locked.lease_until:%H:%M:%S} UTC at the latest. "
            "What was sent may still take effect: wait for that."
        )
    return locked


def _is_over(execution: Execution) -> bool:
    """Whether its lease has run out, by the database's clock."""
    return Execution.objects.filter(pk=execution.pk, lease_until__lte=Now()).exists()


def _may_still_happen(execution: Execution) -> str:
    """What cancelling can't take back, as a sentence; empty where nothing was begun."""
    if execution.status == STATUS.HANDED_BACK:
        return " Whoever was asked for it may have carried it out without saying so."
    unknown = Attempt.objects.filter(step__execution=execution, outcome=Attempt.Outcome.UNKNOWN)
    return " The outcome of an attempt is unknown: it may have taken effect." if unknown.exists() else ""


def _lasts(execution: Execution) -> float | None:
    """The seconds that a worker may need; None where the agent carries it out itself."""
    try:
        workflow = workflow_of(execution.suggestion.action_type)
    except InvalidWorkflow:
        return MARGIN
    return longest(workflow) if workflow else None


def _move(execution: Execution, status: str, **changes: Any) -> None:
    Execution.objects.filter(pk=execution.pk).update(
        **{"reason": "", "waits_for": "", **changes},
        status=status,
        lease_until=None,
        version=F("version") + 1,
    )
    news.changed(execution)


def _record(event: str, execution: Execution, actor: Actor, text: str, **facts: Any) -> None:
    """The words stay with the proposal's salt: the log holds a commitment to them."""
    said = commitment(bytes(execution.proposal.salt), text)
    data = {"execution": str(execution.pk), "said": said, **facts}
    record(event, actor=actor, proposal=execution.proposal_id, data=data)
