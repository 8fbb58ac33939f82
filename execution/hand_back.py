"""What an agent reports about an action that it carried out itself."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from audit.canonical import commitment
from audit.record import record
from audit.refusals import Refusal
from execution import failures, news
from execution.models import Attempt, Execution, Step
from execution.run import complete
from execution.schedule import longest
from execution.workflow import workflow_of
from governance.models import Agent
from suggestions.models import Proposal
from suggestions.tell_worker import tell_worker

ROUTE = "reported by the agent"
STATUS = Execution.Status


class NotHandedBack(Refusal):
    detail = "Nothing of this proposal was handed back to the agent, or its result is known already."


@transaction.atomic
def report_result(proposal: Proposal, *, agent: Agent, outcome: str, detail: str = "") -> Execution:
    """Take the agent's word for what came of it, and go on from there.

    `outcome` is `succeeded` or `failed`. Where the workflow verifies the step, the word is not
    enough: a worker asks for the proof. At stage 1 the word is about all steps. Raises
    `NotHandedBack`, and `Execution.DoesNotExist` for another agent's proposal too.
    """
    execution = (
        Execution.objects.select_for_update(of=("self",))
        .select_related("proposal__agent", "suggestion__action_type")
        .get(proposal=proposal, proposal__agent=agent)
    )
    step = execution.steps.exclude(status=Step.Status.COMPLETED).first()
    if execution.status != STATUS.HANDED_BACK or step is None:
        raise NotHandedBack
    if outcome == "succeeded":
        _succeeded(execution, step, agent, detail)
    else:
        _failed(execution, step, agent, detail)
    news.changed(execution)
    execution.refresh_from_db()
    return execution


def _succeeded(execution: Execution, step: Step, agent: Agent, detail: str) -> None:
    receipt = {"route": ROUTE, "reported_by": agent.name, "verified": None}
    _record("execution.result_reported", execution, step, agent, "succeeded", detail)
    workflow = workflow_of(execution.suggestion.action_type)
    for done in execution.steps.exclude(status=Step.Status.COMPLETED) if execution.assisted else [step]:
        _attempt(execution, done, Attempt.Outcome.SUCCEEDED, detail)
        done.receipt = receipt
        done.save(update_fields=["receipt"])
    if workflow is None:
        complete(step, receipt)
        _move(execution, STATUS.SUCCEEDED, finished_at=Now(), reason="")
        news.owe_agent(execution, STATUS.SUCCEEDED)
        return
    deadline = Now() + timedelta(seconds=longest(workflow))
    times = {"due_at": Now(), "queued_at": Now(), "deadline": deadline, "timed_from": Now()}
    _move(execution, STATUS.SCHEDULED, **times, reason="")
    from execution.tasks import execute

    tell_worker(execute, execution.pk)


def _failed(execution: Execution, step: Step, agent: Agent, detail: str) -> None:
    _attempt(execution, step, Attempt.Outcome.FAILED, detail)
    _record("execution.failed", execution, step, agent, "failed", detail)
    _move(execution, STATUS.FAILED, finished_at=Now(), reason="The agent reported that it failed.")
    failures.count_against(execution)
    news.owe_agent(execution, STATUS.FAILED)


def _attempt(execution: Execution, step: Step, outcome: str, detail: str) -> Attempt:
    return Attempt.objects.create(
        step=step,
        number=step.attempts.count() + 1,
        route=ROUTE,
        fence=execution.fence,
        round=execution.round,
        outcome=outcome,
        detail=detail[:500],
        finished_at=Now(),
    )


def _move(execution: Execution, status: str, **changes: object) -> None:
    Execution.objects.filter(pk=execution.pk).update(
        **changes, status=status, lease_until=None, version=F("version") + 1
    )


def _record(event: str, execution: Execution, step: Step, agent: Agent, outcome: str, detail: str) -> None:
    data = {
        "execution": str(execution.pk),
        "step": step.name,
        "outcome": outcome,
        "detail": commitment(bytes(execution.proposal.salt), detail),
    }
    record(event, actor=agent.as_actor(), proposal=execution.proposal_id, data=data)
