"""The steps of an execution: what each answered, when one is over, and what is known of the effect."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any, NamedTuple, cast

from django.db.models import QuerySet
from django.db.models.functions import Now

from execution.holding.workflow import HandBack, Workflow, WorkflowStep, label
from execution.models import Execution, Step, Verdict
from execution.models.work import Progress, Work
from governance.actions.workflow import Undo

LARGEST_ANSWER = 64 * 1024  # bytes of JSON that later steps may use
REPORT = "report"  # the one step where the agent carries it out itself
REPORT_WITHIN = 4 * 3600  # seconds that it has for it
UNDO = "undo."  # before the name of the step that it takes back


class Task(NamedTuple):
    """A step as far as it is, and what its workflow says of it."""

    progress: Progress
    plan: WorkflowStep

    @property
    def step(self) -> Step:
        return self.progress.step


def tasks_of(workflow: Workflow | None, steps: Sequence[Progress]) -> list[Task] | None:
    """Each step with its plan, in order; None where the steps are not those of the workflow."""
    names = [plan.name for plan in workflow.steps] if workflow else []
    doing = [one.step.name for one in steps if one.step.kind == Step.Kind.DO]
    if workflow is None or doing != names:
        return None
    plans = plans_of(workflow)
    if any(one.step.name not in plans for one in steps):
        return None
    return [Task(one, plans[one.step.name]) for one in steps]


def plans_of(workflow: Workflow) -> dict[str, WorkflowStep]:
    """What the workflow says of each step, by its name; of those too that take one back."""
    undo = {UNDO + plan.name: undoing(plan) for plan in workflow.steps if plan.undo}
    return {**{plan.name: plan for plan in workflow.steps}, **undo}


def undoing(plan: WorkflowStep) -> WorkflowStep:
    """What takes a step back, as a step."""
    undo = cast(Undo, plan.undo)  # asked only of those that have it
    return WorkflowStep.model_construct(
        name=UNDO + plan.name,
        if_=None,
        routes=undo.routes,
        retry=undo.retry,
        success_when=undo.success_when,
        verify=None,
        await_=None,
        undo=None,
    )


def answers_of(steps: Iterable[Progress]) -> dict[str, Any]:
    """What the steps answered, as expressions see it: `steps.refund.json.id`, `steps.refund.done`."""
    return {
        one.step.name: {"done": one.step.status == Step.Status.COMPLETED, **(one.step.answer or {})}
        for one in steps
    }


def kept_answer(status: int | None, content: Any) -> dict[str, Any]:
    """What of an answer later steps may use; JSON that is too long for that is left out."""
    kept: dict[str, Any] = {"status": status}
    if content is not None and len(json.dumps(content, ensure_ascii=False).encode()) <= LARGEST_ANSWER:
        kept["json"] = content
    return kept


def spent(workflow: Workflow, work: Work) -> Decimal:
    """What the attempts of all steps and rounds have cost, in the currency of the workflow."""
    cost = {
        label(step, index): route.cost
        for plan in workflow.steps
        for step in ([plan, undoing(plan)] if plan.undo else [plan])
        for index, route in enumerate(step.routes)
        if not isinstance(route, HandBack)
    }
    return sum(
        (cost.get(tried.route, Decimal(0)) for one in work.steps for tried in one.attempts), Decimal(0)
    )


_FROM_GOOD_TO_BAD = list(Verdict.values)


def worst(verdicts: Iterable[str]) -> str:
    """The worst of these verdicts; empty where there is none."""
    return max(filter(None, verdicts), key=_FROM_GOOD_TO_BAD.index, default="")


def ahead(execution: Execution) -> QuerySet[Step]:
    """The steps that are still to be taken, in order; of an execution that is undone those that undo."""
    kind = Step.Kind.UNDO if execution.undoing else Step.Kind.DO
    return execution.steps.filter(status=Step.Status.WAITING, kind=kind)


def complete(step: Step, receipt: dict[str, Any], verdict: str = Verdict.UNVERIFIED) -> None:
    """Make a step a checkpoint: it is never repeated."""
    _end(step, Step.Status.COMPLETED, receipt, verdict)


def skip(step: Step, receipt: dict[str, Any]) -> None:
    """Leave a step out for good; `receipt` says why."""
    _end(step, Step.Status.SKIPPED, receipt, "")


def _end(step: Step, status: str, receipt: dict[str, Any], verdict: str) -> None:
    step.status, step.receipt, step.verdict = status, receipt, verdict
    step.completed_at = Now()
    step.save(update_fields=["status", "completed_at", "receipt", "verdict"])
