"""Taking back what was done, where a later step failed for good.

What would be called is worked out and shown; a person approves exactly that, as many people as the action
itself asked for. Each call is a step of the execution, carried out like any other. Only where the workflow
asks for it and the policy allows it nobody is asked.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, Max
from django.db.models.functions import Now

from audit.ground.actors import WORKER, Actor
from audit.ground.canonical import commitment, digest
from audit.ground.refusals import Refusal
from audit.log.record import record
from execution.holding import news
from execution.holding.outbox import tell
from execution.holding.steps import Task, answers_of, tasks_of, undoing
from execution.holding.workflow import Workflow, WorkflowStep, workflow_of
from execution.models import Compensation, Execution, Step
from execution.models.work import Work
from execution.routes.filling import told
from execution.routes.result import facts
from governance.door.deciders import who_could_decide
from governance.models import User
from suggestions.answering.obligations import obligations_of

POLICY = Actor("policy", "policy", "Policy")
ATTENDS = "execution.attend_execution"
STATUS, OFFER = Execution.Status, Compensation.Status
MARGIN = 600  # seconds beyond what every route may use up
UNDONE = "What was done has been undone."


class NotOffered(Refusal):
    detail = "This offer is no longer open; look again."


class AnotherUndo(Refusal):
    detail = "What would be called has changed since you looked; look again."


class ApprovedAlready(Refusal):
    detail = "You have approved it; somebody else has to."


class NotAskedToUndo(Refusal):
    detail = "Whether to undo it is for those who could decide on the action, and for operators."


class OwnAgentsWork(Refusal):
    """The owner of an agent answers for it, and no more approves undoing than doing."""

    detail = "You own this agent, so somebody else has to approve undoing what it proposed."


def calls_to_undo(workflow: Workflow | None, work: Work) -> list[dict[str, Any]]:
    """What would be called to take back every completed step that can be, the last one first."""
    known = facts(work.execution, answers_of(work.steps))
    done = tasks_of(workflow, [one for one in work.steps if one.step.kind == Step.Kind.DO]) or []
    undone = {one.step.name for one in work.steps if one.step.kind == Step.Kind.UNDO and one.is_over}
    plans = [
        undoing(task.plan)
        for task in reversed(done)
        if task.plan.undo and task.step.status == Step.Status.COMPLETED
    ]
    return [_call(plan, known) for plan in plans if plan.name not in undone]


def _call(plan: WorkflowStep, known: dict[str, Any]) -> dict[str, Any]:
    """What would be called to take one step back; the digest that people approve is over these."""
    return {"step": plan.name, "routes": [told(route, known) for route in plan.routes]}


def is_automatic(workflow: Workflow, execution: Execution) -> bool:
    """Whether nobody is asked: the workflow says so, and the policy that judged the action allows it."""
    verdict = execution.proposal.verdict or {}
    return workflow.compensate == "automatic" and verdict.get("compensate") == "automatic"


@transaction.atomic
def offer(execution: Execution, calls: list[dict[str, Any]], *, actor: Actor = WORKER) -> Compensation:
    """Offer to make these calls, which undo what was done, or tell the offer that is open already."""
    open_one = Compensation.objects.filter(execution=execution.pk, status__in=[OFFER.OFFERED, OFFER.APPROVED])
    found = open_one.first()
    if found is not None and found.digest == digest(calls):
        return found
    made = found or Compensation(execution_id=execution.pk)
    made.calls, made.digest, made.approvals = calls, digest(calls), []
    made.approvals_needed = execution.proposal.approvals_needed
    made.save()
    _record("compensation.offered", made, execution, actor, approvals=made.approvals_needed)
    news.changed(execution)
    return made


def offer_if_any(workflow: Workflow | None, work: Work, *, actor: Actor = WORKER) -> Compensation | None:
    """Offer to undo what was done; None where nothing can be undone, or it is being undone already."""
    if work.execution.undoing:
        return None
    calls = calls_to_undo(workflow, work)
    return offer(work.execution, calls, actor=actor) if calls else None


@transaction.atomic
def approve(
    compensation: Compensation, *, by: User, digest: str, reason: str = "", actor: Actor | None = None
) -> Compensation:
    """Agree to exactly these calls; with enough people the undoing begins.

    Raises `NotAskedToUndo`, `OwnAgentsWork`, `NotOffered`, `ApprovedAlready`, and `AnotherUndo` where the
    digest is not that of the calls.
    """
    locked, execution = _lock(compensation, by)
    if is_own_agents(execution, by):
        raise OwnAgentsWork
    if digest != locked.digest:
        raise AnotherUndo
    if any(one["user"] == str(by.pk) for one in locked.approvals):
        raise ApprovedAlready
    salt = bytes(execution.proposal.salt)
    locked.approvals = [
        *locked.approvals,
        {"user": str(by.pk), "name": by.printed_name, "reason": reason[:500]},
    ]
    enough = len(locked.approvals) >= locked.approvals_needed
    locked.status = OFFER.APPROVED if enough else OFFER.OFFERED
    locked.save(update_fields=["approvals", "status"])
    who, said = actor or by.as_actor(), commitment(salt, reason)
    _record("compensation.approved", locked, execution, who, said=said)
    if enough:
        begin(execution, locked)
    news.changed(execution)
    return locked


@transaction.atomic
def decline(
    compensation: Compensation, *, by: User, reason: str = "", actor: Actor | None = None
) -> Compensation:
    """Leave what was done as it is. Raises `NotAskedToUndo`, `NotOffered`."""
    locked, execution = _lock(compensation, by)
    locked.status, locked.reason, locked.ended_at = OFFER.DECLINED, reason[:500], Now()
    locked.save(update_fields=["status", "reason", "ended_at"])
    said = commitment(bytes(execution.proposal.salt), reason)
    _record("compensation.declined", locked, execution, actor or by.as_actor(), said=said)
    news.changed(execution)
    return locked


def lapse(execution: Execution, *, actor: Actor) -> None:
    """End the offer that is open, if one is: it was made where nothing went on, and something does.

    In the transaction of whoever lets it go on, or ends it, which locks the execution first.
    """
    made = Compensation.objects.filter(execution=execution.pk, status=OFFER.OFFERED).first()
    if made is None:
        return
    made.status, made.ended_at = OFFER.LAPSED, Now()
    made.save(update_fields=["status", "ended_at"])
    _record("compensation.lapsed", made, execution, actor)


def begin_by_itself(execution: Execution, offered: Compensation) -> None:
    """Undo what was done without asking anybody, in the transaction that gives it up."""
    offered.status = OFFER.APPROVED
    offered.save(update_fields=["status"])
    _record("compensation.approved", offered, execution, POLICY)
    begin(execution, offered)


def begin(execution: Execution, compensation: Compensation) -> None:
    """Let workers undo it, in the transaction that allowed it."""
    last = Step.objects.filter(execution=execution).aggregate(last=Max("position"))["last"]
    there = set(Step.objects.filter(execution=execution).values_list("name", flat=True))
    calls = [call["step"] for call in compensation.calls if call["step"] not in there]
    for position, name in enumerate(calls, last + 1):
        Step.objects.create(execution=execution, position=position, name=name, kind=Step.Kind.UNDO)
    workflow = workflow_of(execution.suggestion.action_type)
    plans = [undoing(plan) for plan in (workflow.steps if workflow else []) if plan.undo]
    lasts = sum(plan.longest for plan in plans) + MARGIN
    Execution.objects.filter(pk=execution.pk).update(
        status=STATUS.SCHEDULED,
        undoing=True,
        lease_until=None,
        due_at=Now(),
        queued_at=Now(),
        deadline=Now() + timedelta(seconds=lasts),
        timed_from=Now(),
        round=F("round") + 1,
        version=F("version") + 1,
        reason="What was done is being undone.",
    )
    tell(execution)


def is_still_meant(execution: Execution, tasks: list[Task]) -> bool:
    """Whether what would be undone now is to the letter what was approved."""
    approved = Compensation.objects.filter(execution=execution.pk, status=OFFER.APPROVED).first()
    if approved is None:
        return False
    known = facts(execution, answers_of(task.progress for task in tasks))
    plans = {task.step.name: task.plan for task in tasks}
    calls = [_call(plans[call["step"]], known) for call in approved.calls if call["step"] in plans]
    return digest(calls) == approved.digest


def ended(execution: Execution, status: str) -> None:
    """Write down what became of the undoing; in the transaction that ends it."""
    approved = Compensation.objects.filter(execution=execution.pk, status=OFFER.APPROVED).first()
    if approved is not None:
        approved.status, approved.ended_at = status, Now()
        approved.save(update_fields=["status", "ended_at"])
        _record(f"compensation.{status}", approved, execution, WORKER)


def may_answer(execution: Execution, person: User) -> bool:
    """Whether this person is asked: as of the action itself, and operators besides."""
    if person.has_perm(ATTENDS):
        return True
    return who_could_decide(execution.proposal.teams).filter(pk=person.pk).exists()


def is_own_agents(execution: Execution, person: User) -> bool:
    """Whether somebody else has to approve, as of the action itself."""
    proposal = execution.proposal
    return proposal.agent.owner_id == person.pk and not obligations_of(proposal).owner_may_approve


def _lock(compensation: Compensation, by: User) -> tuple[Compensation, Execution]:
    execution = (
        Execution.objects.select_for_update(of=("self",))
        .select_related("proposal__agent", "suggestion__action_type")
        .get(pk=compensation.execution_id)
    )
    if not may_answer(execution, by):
        raise NotAskedToUndo
    locked = Compensation.objects.select_for_update().get(pk=compensation.pk)
    if locked.status != OFFER.OFFERED or execution.status != STATUS.NEEDS_ATTENTION:
        raise NotOffered
    return locked, execution


def _record(event: str, compensation: Compensation, execution: Execution, actor: Actor, **more: Any) -> None:
    data = {"execution": str(execution.pk), "action_digest": compensation.digest, **more}
    record(event, actor=actor, proposal=execution.proposal_id, data=data)
