"""Outside events that end a step: a slow service tells when it is done, and nobody has to ask."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from audit.ground.actors import Actor
from audit.ground.canonical import commitment
from audit.ground.refusals import Invalid, Refusal
from audit.log.record import record
from execution.holding import news
from execution.holding.outbox import tell
from execution.holding.workflow import InvalidWorkflow, workflow_of
from execution.models import Execution, Signal

STATUS = Execution.Status
OVER = (STATUS.SUCCEEDED, STATUS.FAILED, STATUS.CANCELLED)


class UnknownSignal(Invalid):
    """No step of this execution waits for an event of this name."""


class AnotherSignal(Refusal):
    """This event was told before, with other data: the first one counts."""


class TooLateForSignal(Refusal):
    detail = "The execution is over: nothing waits for an event any more."


@transaction.atomic
def receive(execution: Execution, name: str, data: dict[str, Any], *, actor: Actor) -> Signal:
    """Note an event, and go on with what waited for it; the same event again changes nothing.

    It may come before its step has begun to wait. Raises `UnknownSignal`, `AnotherSignal`,
    `TooLateForSignal`.
    """
    found = Execution.objects.select_for_update(of=("self",)).select_related("suggestion__action_type")
    locked = found.select_related("proposal").filter(pk=execution.pk).first()
    if locked is None:  # taken away meanwhile
        raise TooLateForSignal
    known = Signal.objects.filter(execution=locked, name=name).first()
    if known is not None:
        if known.data != data:
            raise AnotherSignal("It was told before, with other data: the first one counts.")
        return known
    _check(locked, name)
    signal = Signal.objects.create(execution=locked, name=name, data=data, by=actor.name[:300])
    told = {
        "execution": str(locked.pk),
        "signal": name,
        "content": commitment(bytes(locked.proposal.salt), data),
    }
    record("execution.signalled", actor=actor, proposal=locked.proposal_id, data=told)
    waits = locked.steps.filter(status="waiting", wait_until__isnull=False)
    if locked.status == STATUS.SCHEDULED and waits.exists():
        Execution.objects.filter(pk=locked.pk).update(due_at=Now(), queued_at=Now(), version=F("version") + 1)
        tell(locked)
    news.changed(locked)
    return signal


def _check(execution: Execution, name: str) -> None:
    names = _awaited(execution)
    if name not in names:
        known = f"; it waits for {', '.join(names)}" if names else ""
        said = f"No step of this execution waits for {name}{known}."
        raise UnknownSignal([{"pointer": "/signal", "detail": said}], said)
    if execution.status in OVER:
        raise TooLateForSignal


def _awaited(execution: Execution) -> list[str]:
    """The names of the events that its steps wait for, or will."""
    try:
        workflow = workflow_of(execution.suggestion.action_type)
    except InvalidWorkflow:
        return []
    return [plan.await_.signal for plan in (workflow.steps if workflow else []) if plan.await_]
