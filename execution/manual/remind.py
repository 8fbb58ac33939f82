"""Reminding a team, once, that the time for what it does by hand is nearly over."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.db.models import DateTimeField, ExpressionWrapper, F, Value
from django.db.models.functions import Now

from audit.ground.actors import TIMER
from audit.log.record import record
from execution.models import ManualTask

AT_ONCE = 200
# The deadline is the execution's, which kill switches move.
_NEARLY_OVER = ExpressionWrapper(
    Now() + F("remind_before") * Value(timedelta(seconds=1)), output_field=DateTimeField()
)


def remind_due() -> int:
    """Remind of all whose time is nearly over; returns how many that were."""
    waiting = ManualTask.objects.open().filter(reminded_at=None, execution__deadline__lte=_NEARLY_OVER)
    return sum(_remind(task) for task in waiting.select_related("execution").order_by("pk")[:AT_ONCE])


@transaction.atomic
def _remind(task: ManualTask) -> bool:
    """One of several at once does it."""
    if not ManualTask.objects.filter(pk=task.pk, reminded_at=None).update(reminded_at=Now()):
        return False
    data = {"execution": str(task.execution_id), "task": str(task.pk), "team": task.team_id}
    record("manual_task.reminded", actor=TIMER, proposal=task.execution.proposal_id, data=data)
    return True
