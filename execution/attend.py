"""What a person does about an execution that cannot go on by itself, or should not."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from audit.actors import Actor
from audit.canonical import commitment
from audit.record import record
from audit.refusals import Refusal
from execution import news
from execution.models import Execution, Step
from execution.run import REPORT_WITHIN, complete
from execution.schedule import MARGIN, is_halted, longest
from execution.workflow import InvalidWorkflow, workflow_of
from governance.models import User
from suggestions.tell_worker import tell_worker

STATUS = Execution.Status
LONGEST_TEXT = 2_000
CAN_BE_CANCELLED = (STATUS.NEEDS_ATTENTION, STATUS.SCHEDULED, STATUS.HANDED_BACK)
CAN_BE_MARKED_DONE = (STATUS.NEEDS_ATTENTION, STATUS.HANDED_BACK)


class NotWaiting(Refusal):
    """It is not in a state in which a person could do this."""

    detail = "This execution changed meanwhile; look again."


class NoEvidence(Refusal):
    detail = "Say how you know that it is done: others will rely on it."


@transaction.atomic
def retry(execution: Execution, *, by: User, reason: str = "", actor: Actor | None = None) -> None:
    """Try again, with every route's attempts counted anew. Completed steps stay completed.

    An earlier attempt may have taken effect: where the workflow can verify a step, it is asked
    first. Where the agent carries the action out itself, it is asked again. Raises `NotWaiting`.
    """
    halted = is_halted(execution.proposal, execution.suggestion)  # first, as `halts.keep_out` wants it
    locked = _lock(execution, STATUS.NEEDS_ATTENTION)
    lasts = _lasts(locked)
    hands_back = lasts is None and not halted
    _move(
        locked,
        STATUS.HANDED_BACK if hands_back else STATUS.SCHEDULED,
        due_at=Now(),
        queued_at=Now(),
        deadline=Now() + timedelta(seconds=REPORT_WITHIN if lasts is None else lasts),
        timed_from=Now(),
        round=F("round") + 1,
    )
    _record("execution.retried", locked, actor or by.as_actor(), _tidy(reason))
    if hands_back:
        news.owe_agent(locked, STATUS.HANDED_BACK)
        return
    from execution.tasks import execute

    tell_worker(execute, locked.pk)


@transaction.atomic
def mark_done(execution: Execution, *, by: User, evidence: str, actor: Actor | None = None) -> None:
    """State that it took effect, and by which evidence.

    Also of what was handed back, where a person carried it out. Raises `NotWaiting`, `NoEvidence`.
    """
    evidence = _tidy(evidence)
    if not evidence:
        raise NoEvidence
    locked = _lock(execution, *CAN_BE_MARKED_DONE)
    for step in locked.steps.exclude(status=Step.Status.COMPLETED):
        receipt = step.receipt or {}
        complete(step, {**receipt, "marked_done_by": by.printed_name, "evidence": evidence})
    _move(locked, STATUS.SUCCEEDED, finished_at=Now(), reason=f"Marked done by {by.printed_name}."[:500])
    _record("execution.marked_done", locked, actor or by.as_actor(), evidence)
    news.owe_agent(locked, STATUS.SUCCEEDED, "Marked done by a person.")


@transaction.atomic
def cancel(execution: Execution, *, by: User, reason: str = "", actor: Actor | None = None) -> None:
    """End it: nothing more is carried out. What took effect already stays as it is.

    Also in the grace period, while it is only scheduled. Raises `NotWaiting`.
    """
    locked = _lock(execution, *CAN_BE_CANCELLED)
    _move(locked, STATUS.CANCELLED, finished_at=Now(), reason=f"Cancelled by {by.printed_name}."[:500])
    _record("execution.cancelled", locked, actor or by.as_actor(), _tidy(reason))
    news.owe_agent(locked, STATUS.CANCELLED, "Cancelled by a person.")


def _tidy(text: str) -> str:
    return text.replace("\x00", "").strip()[:LONGEST_TEXT]


def _lock(execution: Execution, *allowed: str) -> Execution:
    locked = (
        Execution.objects.select_for_update(of=("self",))
        .select_related("proposal__agent", "suggestion__action_type")
        .get(pk=execution.pk)
    )
    if locked.status not in allowed:
        raise NotWaiting
    return locked


def _lasts(execution: Execution) -> float | None:
    """The seconds that a worker may need; None where the agent carries it out itself."""
    try:
        workflow = workflow_of(execution.suggestion.action_type)
    except InvalidWorkflow:
        return MARGIN
    return longest(workflow) if workflow else None


def _move(execution: Execution, status: str, **changes: Any) -> None:
    Execution.objects.filter(pk=execution.pk).update(
        **{"reason": "", **changes}, status=status, lease_until=None, version=F("version") + 1
    )
    news.changed(execution)


def _record(event: str, execution: Execution, actor: Actor, text: str) -> None:
    """The words stay with the proposal's salt: the log holds a commitment to them."""
    data = {"execution": str(execution.pk), "said": commitment(bytes(execution.proposal.salt), text)}
    record(event, actor=actor, proposal=execution.proposal_id, data=data)
