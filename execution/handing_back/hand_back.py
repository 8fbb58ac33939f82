"""What an agent reports about an action that it carried out itself."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Now

from audit.ground.canonical import commitment
from audit.ground.refusals import Refusal
from audit.log.record import record
from execution.handing_back.begin import NotHandedBack, already_begun, attempt_of, begun, lock
from execution.healing import compensation
from execution.holding import news
from execution.holding.outbox import tell
from execution.holding.steps import ahead, complete
from execution.holding.workflow import Workflow, workflow_of
from execution.incidents import failures
from execution.models import Attempt, Execution, ManualTask, Step
from execution.running.moves import BY_AGENT, WITHOUT_BEGIN
from execution.running.schedule import longest
from governance.models import Agent
from suggestions.intake.submit import StillInFlight
from suggestions.models import Proposal

STATUS = Execution.Status
REPORTED = (Attempt.Outcome.SUCCEEDED, Attempt.Outcome.FAILED)


class AnotherOutcome(Refusal):
    """It was reported before, and otherwise."""


class ReportedTooLate(Refusal):
    """Somebody else has ended it, or begun it again. What was reported is kept for people to see."""


def report_result(
    proposal: Proposal, *, agent: Agent, outcome: str, detail: str = "", token: str = ""
) -> Execution:
    """Take the agent's word for what came of it, and go on from there; the same word again changes nothing.

    `outcome` is `succeeded` or `failed`; `token` is what `begin` gave. Where the workflow verifies the
    step, the word is not enough: a worker asks for the proof. At stage 1 the word is about all steps. A
    report that comes after its lease still counts while nobody has gone on. Raises `NotHandedBack`,
    `AlreadyBegun` where the token is missing, `AnotherOutcome`, `ReportedTooLate`, `Invalid` for a token
    that is none, and `Execution.DoesNotExist` for another agent's proposal too.
    """
    told = _take(proposal, agent, outcome, detail, token)
    if isinstance(told, Refusal):
        raise told
    told.refresh_from_db()
    return told


@transaction.atomic
def _take(proposal: Proposal, agent: Agent, outcome: str, detail: str, token: str) -> Execution | Refusal:
    """What it led to, or a refusal that was written down."""
    execution = lock(proposal, agent)
    attempt = attempt_of(execution, token) if token else _without_begin(execution)
    if attempt is not None and attempt.outcome in REPORTED:
        return _again(execution, attempt, outcome)
    if attempt is not None and (why := _too_late(execution, attempt, outcome)):
        _keep(execution, attempt, agent, outcome, detail)
        return ReportedTooLate(why)
    step = attempt.step if attempt else ahead(execution).first()
    if step is None:
        raise NotHandedBack
    if execution.status == STATUS.NEEDS_ATTENTION:
        compensation.lapse(execution, actor=agent.as_actor())
    if outcome == "succeeded":
        _succeeded(execution, step, attempt, agent, detail)
    else:
        _failed(execution, step, attempt, agent, detail)
    news.changed(execution)
    return execution


def _without_begin(execution: Execution) -> Attempt | None:
    """Who never began reports what was handed back, or says again what it has said."""
    if (attempt := begun(execution)) is not None:
        raise already_begun(execution, attempt)
    if execution.status == STATUS.HANDED_BACK:
        if ManualTask.objects.open().filter(execution=execution).exists():
            raise NotHandedBack("People carry it out by hand, and tell what came of it.")
        return None
    last = Attempt.objects.filter(step__execution=execution).order_by("-step__position", "-number").first()
    if last is None or last.route != WITHOUT_BEGIN:
        raise NotHandedBack
    return last


def _again(execution: Execution, attempt: Attempt, outcome: str) -> Execution | Refusal:
    if attempt.outcome == outcome:
        return execution
    return AnotherOutcome(
        f"It was reported before that it {attempt.outcome}; only a person can change that.",
        reported=attempt.outcome,
    )


def _too_late(execution: Execution, attempt: Attempt, outcome: str) -> str:
    """Why this word changes nothing any more; empty while nobody has gone on with it."""
    later = Attempt.objects.filter(step__execution=execution).filter(
        Q(step=attempt.step, number__gt=attempt.number) | Q(fence__gt=attempt.fence)
    )
    if later.exists() or attempt.step.status != Step.Status.WAITING:
        return "It was begun again since, or done by somebody else. A person can see what was reported."
    if execution.status == STATUS.RUNNING and execution.fence != attempt.fence:
        raise StillInFlight("A worker looks after it at this moment. Try again shortly.", retry_after=1)
    if outcome == "failed" and attempt.round < execution.round:
        return "Somebody has asked for another try since."
    if execution.status in (STATUS.RUNNING, STATUS.SCHEDULED, STATUS.HANDED_BACK, STATUS.NEEDS_ATTENTION):
        return ""
    return f"The execution is {execution.get_status_display().lower()}. A person can see what was reported."


def _keep(execution: Execution, attempt: Attempt, agent: Agent, outcome: str, detail: str) -> None:
    """Let people see what came of something that they had taken for unknown."""
    _close(attempt, outcome, f"Reported late. {detail}".strip())
    _record("execution.result_came_late", execution, [attempt], agent, outcome, detail)
    news.changed(execution)


def _succeeded(execution: Execution, step: Step, attempt: Attempt | None, agent: Agent, detail: str) -> None:
    route = BY_AGENT if attempt else WITHOUT_BEGIN
    receipt = {"route": route, "reported_by": agent.name, "begun": attempt is not None, "verified": None}
    workflow = workflow_of(execution.suggestion.action_type)
    closed = []
    for done in ahead(execution) if execution.assisted else [step]:
        begun_here = attempt if done == step else None
        closed.append(_told(execution, done, begun_here, Attempt.Outcome.SUCCEEDED, detail, route))
        done.receipt = receipt
        done.save(update_fields=["receipt"])
    becomes = STATUS.SUCCEEDED if workflow is None else STATUS.SCHEDULED
    _record("execution.result_reported", execution, closed, agent, "succeeded", detail, becomes=becomes)
    if workflow is None:
        complete(step, receipt)
        _move(execution, STATUS.SUCCEEDED, finished_at=Now(), reason="")
        news.owe_agent(execution, STATUS.SUCCEEDED)
        return
    _let_workers_go_on(execution, workflow)


def _failed(execution: Execution, step: Step, attempt: Attempt | None, agent: Agent, detail: str) -> None:
    """Nothing was done, and that is the end of it; where earlier steps were done a person is asked."""
    route = BY_AGENT if attempt else WITHOUT_BEGIN
    closed = [_told(execution, step, attempt, Attempt.Outcome.FAILED, detail, route)]
    workflow = workflow_of(execution.suggestion.action_type)
    done = Step.objects.filter(execution=execution, kind=Step.Kind.DO, status=Step.Status.COMPLETED)
    if workflow is not None and done.exists():
        becomes = STATUS.SCHEDULED
        _record("execution.result_reported", execution, closed, agent, "failed", detail, becomes=becomes)
        _let_workers_go_on(execution, workflow)
        return
    _record("execution.failed", execution, closed, agent, "failed", detail)
    _move(execution, STATUS.FAILED, finished_at=Now(), reason="The agent reported that it failed.")
    failures.count_against(execution)
    news.owe_agent(execution, STATUS.FAILED)


def _let_workers_go_on(execution: Execution, workflow: Workflow) -> None:
    deadline = Now() + timedelta(seconds=longest(workflow))
    times = {"due_at": Now(), "queued_at": Now(), "deadline": deadline, "timed_from": Now()}
    _move(execution, STATUS.SCHEDULED, **times, reason="")
    tell(execution)


def _told(
    execution: Execution, step: Step, attempt: Attempt | None, outcome: str, detail: str, route: str
) -> Attempt:
    """Close what was begun; what was not gets an attempt of its own. Returns which it was."""
    attempt = attempt or Attempt(
        step=step,
        number=step.attempts.count() + 1,
        route=route,
        fence=execution.fence,
        round=execution.round,
    )
    _close(attempt, outcome, detail)
    return attempt


def _close(attempt: Attempt, outcome: str, detail: str) -> None:
    attempt.outcome = outcome
    attempt.detail = detail[:500]
    attempt.finished_at = Now()
    attempt.save()


def _move(execution: Execution, status: str, **changes: Any) -> None:
    Execution.objects.filter(pk=execution.pk).update(
        **changes, status=status, lease_until=None, version=F("version") + 1
    )


def _record(
    event: str,
    execution: Execution,
    closed: list[Attempt],
    agent: Agent,
    outcome: str,
    detail: str,
    **more: str,
) -> None:
    """`closed` are the attempts of which it tells what came of them, of the steps in order."""
    data = {
        "execution": str(execution.pk),
        "step": closed[0].step.name,
        "outcome": outcome,
        "detail": commitment(bytes(execution.proposal.salt), detail),
        "closed": [{"step": one.step.name, "attempt": one.number} for one in closed],
        **more,
    }
    record(event, actor=agent.as_actor(), proposal=execution.proposal_id, data=data)
