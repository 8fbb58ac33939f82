"""What each attempt asked, worked out again from what was approved.

Nothing of a request is kept when it is made: a call stands between two commits, and one more write would
slow every execution. It is not needed either. What an attempt asks is made of the approved arguments, which
the digest vouches for, of what its route says in this version of the workflow, of what earlier steps
answered, and of the look before it began; and none of those changes once it has been made. So the same lines
that filled in the call fill it in again. A secret stands there by its name, and what only the moment of the
call knew (the time of a signature) in words. Where something of it can't be read any more, that is said.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from execution.healing.proof import SEEN
from execution.holding.steps import answers_of, plans_of
from execution.holding.workflow import InvalidWorkflow, Workflow, WorkflowStep, label, workflow_of
from execution.models import Attempt, Execution, Step
from execution.models.work import Progress
from execution.routes import dispatch
from execution.routes.result import NOT_SENT, Unusable, facts, headers_of
from execution.running.approval import computed_digest
from execution.running.first_look import seen
from governance.schemas.covering import Cover
from governance.showing.sentences import wording

NO_WORKFLOW = "It can’t be told for certain: the workflow that it was made from can no longer be read."
NOT_APPROVED = "It can’t be told for certain: the arguments that are there now are not what was approved."


@dataclass(frozen=True)
class Sent:
    """What one attempt asked; `call` is empty where `unsure` says why that can't be told.

    `was_sent` is False where the attempt ended before anything left.
    """

    call: dict[str, Any] = field(default_factory=dict)
    unsure: str = ""
    was_sent: bool = True


class Requests:
    """What the attempts of one execution asked, for one with its proposal, agent, resolution and steps.

    Nothing sensitive of its arguments is told: `cover` takes that out of what was asked, and out of answers.
    """

    def __init__(self, execution: Execution) -> None:
        self.execution = execution
        self.unsure = ""
        self._plans: dict[str, WorkflowStep] = {}
        try:
            self._workflow: Workflow | None = workflow_of(execution.suggestion.action_type)
        except InvalidWorkflow:
            self._workflow, self.unsure = None, NO_WORKFLOW
        if self._workflow:
            self._plans = plans_of(self._workflow)

    @cached_property
    def cover(self) -> Cover:
        action_type = self.execution.suggestion.action_type
        return Cover(wording(action_type).marks, self.execution.proposal.resolution.arguments)

    def of(self, step: Step, attempt: Attempt) -> Sent | None:
        """What this attempt asked; None where no worker made it, but the agent or a person."""
        if self.unsure:
            return Sent(unsure=self.unsure)
        route = self._route(step, attempt)
        if route is None:
            return None
        was_sent = not attempt.detail.startswith(NOT_SENT)
        if not self._is_approved:
            return Sent(unsure=NOT_APPROVED, was_sent=was_sent)
        try:
            call = dispatch.asked(route, self._known(step), headers_of(self.execution, step.name))
        except Unusable as error:
            return Sent(unsure=self.cover.text(f"Nothing could be asked: {error}."), was_sent=was_sent)
        return Sent(self.cover.json(call), was_sent=was_sent)

    def _route(self, step: Step, attempt: Attempt) -> Any:
        """The route that it took, where a worker takes that."""
        plan = self._plans.get(step.name)
        if plan is None:
            return None
        called = {label(plan, index): route for index, route in enumerate(plan.routes) if route.is_called}
        return called.get(attempt.route)

    @cached_property
    def _is_approved(self) -> bool:
        try:
            return computed_digest(self.execution) == self.execution.action_digest
        except ValueError:
            return False

    def _known(self, step: Step) -> dict[str, Any]:
        """What expressions knew when this step was tried: those before it were over, the others not begun."""
        before = [one if one.position < step.position else _not_begun(one) for one in self._steps]
        return facts(self.execution, answers_of(Progress(one, []) for one in before), look=self._look)

    @cached_property
    def _steps(self) -> list[Step]:
        return list(self.execution.steps.all())

    @cached_property
    def _look(self) -> Any:
        return seen(self._workflow, self.execution)


def _not_begun(step: Step) -> Step:
    return Step(execution=step.execution, position=step.position, name=step.name, kind=step.kind)


def receipt_for(receipt: Any, cover: Cover | None) -> Any:
    """A receipt as people see it, under this cover; without one as agents do, who see no answers."""
    if not isinstance(receipt, dict) or SEEN not in receipt:
        return receipt
    rest = {name: value for name, value in receipt.items() if name != SEEN}
    return {**rest, SEEN: cover.text(receipt[SEEN])} if cover and receipt[SEEN] else rest
