"""Where a worker's turn at an execution ends, each in the transaction that holds the lease."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models.functions import Now

from audit.ground.actors import WORKER
from audit.log.record import record
from execution.healing import compensation
from execution.holding import news
from execution.holding.lease import Lease
from execution.holding.outbox import tell
from execution.incidents import attention, failures
from execution.models import Compensation, Execution, ManualTask, Step
from governance.actions.by_hand import team_named
from governance.actions.route_kinds import ToTeam

STATUS = Execution.Status
REMIND_AT = 0.25  # of the time that a team has, before it is over
LONGEST_REMIND = 86400.0  # seconds


@transaction.atomic(savepoint=False)
def succeed(lease: Lease, execution: Execution) -> None:
    lease.write(status=STATUS.SUCCEEDED, lease_until=None, finished_at=Now(), reason="")
    _tell(execution, "execution.succeeded", {"action_digest": execution.action_digest})
    news.owe_agent(execution, STATUS.SUCCEEDED)


@transaction.atomic(savepoint=False)
def undone(lease: Lease, execution: Execution) -> None:
    """Every step that was done, and can be, is taken back."""
    lease.write(status=STATUS.CANCELLED, lease_until=None, finished_at=Now(), reason=compensation.UNDONE)
    compensation.ended(execution, Compensation.Status.DONE)
    news.owe_agent(execution, STATUS.CANCELLED, compensation.UNDONE)
    news.changed(execution)


@transaction.atomic(savepoint=False)
def ask_person(
    lease: Lease, execution: Execution, reason: str, *, event: str = "execution.needs_attention"
) -> None:
    """Stop here and let a person decide what becomes of it."""
    reason = reason[:500]
    lease.write(status=STATUS.NEEDS_ATTENTION, lease_until=None, reason=reason)
    _tell(execution, event, {"reason": reason})
    news.owe_agent(execution, STATUS.NEEDS_ATTENTION, reason)
    attention.ask_team(execution)
    if event == "execution.needs_attention":
        failures.count_against(execution)


@transaction.atomic(savepoint=False)
def refuse(lease: Lease, execution: Execution, reason: str) -> None:
    """Carry nothing out: what stands behind it is not what people decided, so somebody has to look."""
    ask_person(lease, execution, reason, event="execution.refused")
    failures.open_incident(execution, reason)


@transaction.atomic(savepoint=False)
def give_back(lease: Lease, execution: Execution, step: Step, within: float) -> None:
    """Hand the rest of a step to the agent, which reports what came of it."""
    lease.write(
        status=STATUS.HANDED_BACK,
        lease_until=None,
        deadline=Now() + timedelta(seconds=within),
        timed_from=Now(),
        reason="The agent carries it out and reports the result.",
    )
    _tell(execution, "execution.handed_back", {"step": step.name, "within_seconds": within})
    news.owe_agent(execution, STATUS.HANDED_BACK)


@transaction.atomic(savepoint=False)
def hand_to_team(
    lease: Lease, execution: Execution, step: Step, asked: ToTeam, *, within: float, route: str
) -> None:
    """Let people do it, who tell what came of it. The agent is asked for nothing, so it gets no callback."""
    team = team_named(asked.team)
    if team is None:
        ask_person(lease, execution, f"Step {step.name}: there is no team {asked.team} to hand it to.")
        return
    lease.write(
        status=STATUS.HANDED_BACK,
        lease_until=None,
        deadline=Now() + timedelta(seconds=within),
        timed_from=Now(),
        reason=f"The team {team.name} carries it out by hand.",
    )
    task = ManualTask.objects.create(
        execution=execution,
        step=step,
        round=execution.round,
        route=route,
        team=team,
        title=asked.title,
        form=asked.form,
        remind_before=min(within * REMIND_AT, LONGEST_REMIND),
    )
    facts = {"task": str(task.pk), "team": team.pk, "step": step.name, "within_seconds": within}
    _tell(execution, "manual_task.opened", facts)


@transaction.atomic(savepoint=False)
def put_off(
    lease: Lease, execution: Execution, seconds: float, reason: str = "", *, waits_for: str = ""
) -> None:
    """Go on later: the time stands in PostgreSQL, where a restarted worker finds it.

    What `waits_for` a route goes on earlier, once that may be asked again.
    """
    lease.write(
        status=STATUS.SCHEDULED,
        lease_until=None,
        due_at=Now() + timedelta(seconds=seconds),
        queued_at=Now() if seconds <= 0 else None,
        timed_from=Now(),
        reason=reason[:500],
        waits_for=waits_for,
    )
    _tell(execution, "execution.put_off", {"wait_ms": round(seconds * 1000)})
    if seconds <= 0:
        tell(execution)


@transaction.atomic(savepoint=False)
def hold(lease: Lease, execution: Execution) -> None:
    """Wait until the kill switch is lifted."""
    due_now = {"due_at": Now(), "queued_at": None, "timed_from": Now()}
    lease.write(status=STATUS.SCHEDULED, lease_until=None, **due_now)
    _tell(execution, "execution.held", {})


def _tell(execution: Execution, event: str, data: dict[str, Any]) -> None:
    facts = {"execution": str(execution.pk), **data}
    record(event, actor=WORKER, proposal=execution.proposal_id, data=facts)
    news.changed(execution)
