"""Whether another try could act a second time: what a person has to look at before they ask for one."""

from __future__ import annotations

from django.urls import reverse

from audit.ground.unseen import shown
from execution.holding.workflow import InvalidWorkflow, workflow_of
from execution.models import Execution
from governance.models import ActionType


def in_doubt(execution: Execution) -> bool:
    """Whether an attempt of the present round may have taken effect, and nothing would keep the next
    one from doing it again: no idempotence, no key that is honoured, no proof that is asked for first.

    For an execution out of `with_doubt()`.
    """
    return could_act_twice(
        execution.suggestion.action_type, execution.doubtful_step, assisted=execution.assisted
    )


def could_act_twice(action_type: ActionType, doubtful_step: str | None, *, assisted: bool) -> bool:
    """The same, of what is known of one: the step whose outcome is unknown, if there is such a step."""
    if not doubtful_step or action_type.idempotent_hint:
        return False
    try:
        workflow = workflow_of(action_type)
    except InvalidWorkflow:
        return True
    plans = workflow.steps if workflow else []
    plan = next((plan for plan in plans if plan.name == doubtful_step), None)
    if plan is None or assisted or not plan.routes:
        return True
    [first, *others] = plan.routes
    honours_key = first.idempotent and not others
    return plan.verify is None and not honours_key


def settling(execution: Execution, *, attends: bool) -> dict[str, str]:
    """The step of which nobody knows whether it took effect, and where who attends says what they found.

    Empty where there is none. For an execution out of `with_doubt()`.
    """
    if execution.status != Execution.Status.NEEDS_ATTENTION or not execution.doubtful_step:
        return {"doubtful_step": "", "settle_url": ""}
    url = reverse("execution:settle", args=[execution.pk]) if attends else ""
    return {"doubtful_step": shown(execution.doubtful_step), "settle_url": url}
