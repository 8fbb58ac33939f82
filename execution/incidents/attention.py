"""What waits for people because nothing more can be done without them: whose it is, and until when."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now

from audit.ground.actors import TIMER
from audit.log.record import record
from execution.holding import news
from execution.holding.workflow import InvalidWorkflow, workflow_of
from execution.models import Attention, Execution
from governance.actions.by_hand import team_named
from governance.actions.workflow import Attend
from governance.trust.incidents import first_page, moment, next_page


def ask_team(execution: Execution) -> None:
    """Give it to the team that sees to it, in the transaction in which it comes to need attention."""
    attend, now = _attend(execution), moment()
    within = timedelta(seconds=attend.within or settings.ATTEND_WITHIN_SECONDS)
    team = team_named(attend.team) if attend.team else None  # which may be gone meanwhile
    Attention.objects.update_or_create(
        execution_id=execution.pk,
        defaults={
            "team_id": team.pk if team else execution.proposal.team_id,
            "since": now,
            "deadline": now + within,
            "escalated_at": None,
            **first_page(now, within),
        },
    )


def _attend(execution: Execution) -> Attend:
    """As its workflow says; of one that can't be read as any other."""
    try:
        plan = workflow_of(execution.suggestion.action_type)
    except InvalidWorkflow:
        plan = None
    return plan.attend if plan else Attend()


@transaction.atomic
def page_again(execution_id: UUID) -> bool:
    """Remind its team, or ask operators where its time is over; False where that is not due.

    Of one that somebody has seen to meanwhile nobody is told any more.
    """
    rows = Attention.objects.select_for_update(of=("self",), skip_locked=True).select_related("execution")
    found = rows.filter(pk=execution_id, remind_at__lte=Now()).first()
    if found is None:
        return False
    if found.execution.status != Execution.Status.NEEDS_ATTENTION:
        Attention.objects.filter(pk=execution_id).update(remind_at=None, escalate_at=None)
        return False
    changes = next_page(found, moment())
    data = {"execution": str(execution_id), "team": found.team_id}
    if "escalated_at" in changes:
        event, data = "attention.escalated", {**data, "since": found.since.isoformat()}
        news.changed(found.execution)
    else:
        facts = {"reminders": changes["reminders"], "deadline": found.deadline.isoformat()}
        event, data = "attention.reminded", {**data, **facts}
    record(event, actor=TIMER, proposal=found.execution.proposal_id, data=data)
    Attention.objects.filter(pk=execution_id).update(**changes)
    return True
