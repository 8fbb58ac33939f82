"""Work whose time is over."""

from __future__ import annotations

from contextlib import suppress
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now

from audit.ground.actors import TIMER
from audit.log.record import record
from execution.healing import compensation
from execution.holding import attempts, news
from execution.holding.workflow import InvalidWorkflow, workflow_of
from execution.incidents import attention, failures, incidents
from execution.models import Execution, ManualTask
from execution.models.work import work_on

AT_ONCE = 500
STATUS = Execution.Status


def end_what_is_overdue() -> int:
    """Ask a person about everything whose deadline has passed; returns how much that was.

    Who is in the middle of a call is left to finish it: it begins nothing more, and its lease
    runs out soon. What a kill switch holds has time: its clock stands still.
    """
    overdue = _overdue().order_by("deadline").values_list("pk", flat=True)[:AT_ONCE]
    return sum(_end(execution_id) for execution_id in overdue)


def _overdue() -> QuerySet[Execution]:
    resting = Q(status__in=[STATUS.SCHEDULED, STATUS.HANDED_BACK])
    cut_off = Q(status=STATUS.RUNNING, lease_until__lte=Now())
    return Execution.objects.not_held().filter(resting | cut_off, deadline__lte=Now())


@transaction.atomic
def _end(execution_id: UUID) -> bool:
    execution = (
        _overdue()
        .select_for_update(of=("self",), skip_locked=True)
        .select_related("proposal")
        .filter(pk=execution_id)
        .first()
    )
    if execution is None:
        return False
    reasons = {
        STATUS.HANDED_BACK: _nobody_reported(execution),
        STATUS.RUNNING: "The deadline passed in the middle of an attempt: its outcome is unknown.",
    }
    reason = reasons.get(STATUS(execution.status), "The deadline passed before it was finished.")
    Execution.objects.filter(pk=execution_id).update(
        status=STATUS.NEEDS_ATTENTION, lease_until=None, reason=reason, version=F("version") + 1
    )
    by_agent = execution.status == STATUS.HANDED_BACK or execution.is_with_agent()
    attempts.cut_off(execution, actor=TIMER)
    data = {"execution": str(execution_id), "reason": reason, "was": execution.status}
    record("execution.needs_attention", actor=TIMER, proposal=execution.proposal_id, data=data)
    news.changed(execution)
    news.owe_agent(execution, STATUS.NEEDS_ATTENTION, reason)
    attention.ask_team(execution)
    failures.count_against(execution)
    if by_agent:
        incidents.never_reported(execution, reason)
    else:
        incidents.past_deadline(execution, reason)
    with suppress(InvalidWorkflow):
        workflow = workflow_of(execution.suggestion.action_type)
        compensation.offer_if_any(workflow, work_on(execution.pk), actor=TIMER)
    return True


def _nobody_reported(execution: Execution) -> str:
    task = ManualTask.objects.open().select_related("team").filter(execution=execution).first()
    return f"{f'The team {task.team.name}' if task else 'The agent'} did not report a result in time."
