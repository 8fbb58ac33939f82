"""Carrying out what was approved."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog
from django.conf import settings
from django.db import Error, transaction
from django.db.models import ExpressionWrapper, F, fields
from django.db.models.functions import Now

from audit.ground.actors import WORKER
from audit.log.record import record
from audit.outbox.insist import insist
from execution.models import Attempt, Execution, Step
from execution.routes import dispatch, http
from execution.routes.result import How, Result, facts
from execution.running import cut_off, failures, moves, news
from execution.running.approval import broken
from execution.running.lease import DeadlinePassed, Halted, Lease, LeaseLost, take
from execution.running.moves import Ask, Call, GiveBack, Prove, next_move
from execution.running.outbox import EXECUTIONS
from execution.running.workflow import InvalidWorkflow, WorkflowStep, workflow_of
from governance.actions.route_kinds import LONGEST_CALL
from governance.actions.workflow import Verify

REPORT = "report"  # the one step where the agent carries it out itself
REPORT_WITHIN = 4 * 3600  # seconds that it has for it
PROBES = (0.0, 0.3, 1.0)  # seconds before each: an effect may take a moment to be seen
PROBE_TIMEOUT = 4.0
_log = structlog.get_logger(__name__)


def run(execution_id: UUID) -> None:
    """Carry out an approved suggestion, once, as far as it goes now.

    Safe to call twice and at the same time: one call holds the lease, the others find nothing to
    take. Everything that must survive a kill is in rows: completed steps and successful attempts
    are not repeated, waits are due times, an attempt that was cut off counts as unknown. A worker
    that lost its lease stops without writing anything. Where a kill switch is on nothing begins:
    what was in the middle of an attempt finishes that and waits.
    """
    lease = take(execution_id)
    if lease is None:
        return
    try:
        Run(lease).go()
    except LeaseLost:
        _log.warning("lease lost", execution=str(execution_id), fence=lease.fence)
    except Halted:
        _hold(lease)
    except DeadlinePassed:
        _quietly(lease, "The deadline passed before it was finished.")
    except Error:
        raise  # the database is away: the lease runs out, and whoever takes it next goes on
    except Exception as error:
        _quietly(lease, f"The worker failed: {type(error).__name__}.")
        raise


class Run:
    """One worker's turn at one execution."""

    def __init__(self, lease: Lease) -> None:
        self.lease = lease
        self.began = time.monotonic()
        self.execution = Execution.objects.to_carry_out(lease.execution_id)
        self.tried = False

    def go(self) -> None:
        if not self._may_go_on():
            return
        try:
            workflow = workflow_of(self.execution.suggestion.action_type)
        except InvalidWorkflow as error:
            ask_person(self.lease, self.execution, f"The workflow cannot be run: {error}")
            return
        if self.lease.fence > 1:
            self._close_what_was_cut_off()
        self.known = facts(self.execution)
        steps = list(self.execution.steps.all())
        if workflow is None and [step.name for step in steps] == [REPORT]:
            self._report(steps[0])
            return
        plans = workflow.steps if workflow else []
        if not plans or [step.name for step in steps] != [plan.name for plan in plans]:
            ask_person(self.lease, self.execution, "Its steps are not those of its workflow.")
            return
        for step, plan in zip(steps, plans, strict=True):
            if step.status != Step.Status.COMPLETED and not self._finish(step, plan):
                return
        succeed(self.lease, self.execution)

    def _may_go_on(self) -> bool:
        """Whether what people decided still stands behind it, asked before every attempt."""
        if reason := broken(self.execution):
            refuse(self.lease, self.execution, reason)
            return False
        if not self.execution.proposal.agent.enabled:
            ask_person(self.lease, self.execution, "The agent is disabled.", event="execution.refused")
            return False
        return True

    def _may_try(self) -> bool:
        """As `_may_go_on`; the first attempt of a turn has been looked at just now."""
        if self.tried:
            self.execution = Execution.objects.to_carry_out(self.execution.pk)
            return self._may_go_on()
        self.tried = True
        return True

    def _finish(self, step: Step, plan: WorkflowStep) -> bool:
        """Work on one step until it is completed (True) or nothing more can be done now (False)."""
        if self._is_proved_already(step, plan):
            return True
        while True:
            match self._next(step, plan):
                case Call() if self.execution.assisted:
                    give_back(self.lease, self.execution, step, REPORT_WITHIN)
                    return False
                case Call() as move:
                    if not self._has_time_for(move.route.timeout) or not self._may_try():
                        return False
                    if not self._try(step, plan, move):
                        return False
                case Prove():
                    return self._prove(step, plan)
                case GiveBack(within):
                    give_back(self.lease, self.execution, step, within)
                    return False
                case Ask(reason):
                    ask_person(self.lease, self.execution, reason)
                    return False

    def _report(self, step: Step) -> None:
        """Ask the agent to carry it out, unless it has begun and fallen silent."""
        acts_once = self.execution.suggestion.action_type.idempotent_hint
        if reason := moves.begun_in_vain(step.name, self._attempts(step), acts_once=acts_once):
            ask_person(self.lease, self.execution, reason)
            return
        give_back(self.lease, self.execution, step, REPORT_WITHIN)

    def _next(self, step: Step, plan: WorkflowStep) -> moves.Move:
        acts_once = self.execution.suggestion.action_type.idempotent_hint
        return next_move(plan, self._attempts(step), acts_once=acts_once)

    def _attempts(self, step: Step) -> list[moves.Tried]:
        """Those of the present round, oldest first."""
        age = ExpressionWrapper(Now() - F("started_at"), output_field=fields.DurationField())
        rows = (
            step.attempts.filter(round=self.execution.round)
            .order_by("number")
            .values_list("route", "outcome", age, "detail")
        )
        return [moves.Tried(*row) for row in rows]

    def _has_time_for(self, seconds: float) -> bool:
        """Whether a call fits into what is left of this task; if not, another task goes on at once."""
        gone = time.monotonic() - self.began
        if gone < 1 or gone + seconds < settings.CELERY_TASK_SOFT_TIME_LIMIT - 2:
            return True
        put_off(self.lease, self.execution, 0)
        return False

    # --- One attempt ----------------------------------------------------------------------

    def _try(self, step: Step, plan: WorkflowStep, move: Call) -> bool:
        """Make one attempt. False when this turn is over: it has to wait, or somebody else decides."""
        route = move.route
        began = time.monotonic()  # before the lease: the call is over while that still runs
        repeatable = self.execution.suggestion.action_type.idempotent_hint or route.idempotent
        attempt = self._open(step, move)
        headers = {"idempotency-key": f"{self.execution.pk}/{step.name}"}
        if self.execution.proposal.traceparent:
            headers["traceparent"] = self.execution.proposal.traceparent
        how = How(
            success_when=plan.success_when,
            headers=headers,
            timeout=min(route.timeout, LONGEST_CALL, settings.LEASE_SECONDS * 0.8),
            began=began,
            may_send=self.lease.is_held,
            repeatable=repeatable,
        )
        result = dispatch.call(route, self.known, how)
        # It has taken effect perhaps: a database that is away for a moment must not leave that unknown.
        return insist(lambda: self._close(step, plan, attempt, result))

    @transaction.atomic
    def _open(self, step: Step, move: Call) -> Attempt:
        """Write the attempt down before it is made: if we are killed, its row is found open."""
        self.lease.begin()
        attempt = Attempt.objects.create(
            step=step,
            number=step.attempts.count() + 1,
            route=move.name,
            fence=self.lease.fence,
            round=self.execution.round,
        )
        self._record("attempt.started", step, attempt)
        news.changed(self.execution)
        return attempt

    @transaction.atomic
    def _close(self, step: Step, plan: WorkflowStep, attempt: Attempt, result: Result) -> bool:
        """Write down what came of an attempt, once: a second call, after one whose commit went unheard,
        finds it written, and ends the turn unless the step is done."""
        self.lease.write()
        is_second = attempt.finished_at is not None
        if is_second and Attempt.objects.filter(pk=attempt.pk, finished_at__isnull=False).exists():
            return result.outcome == Attempt.Outcome.SUCCEEDED
        attempt.outcome = result.outcome
        attempt.detail = result.detail[:500]
        attempt.http_status, attempt.response = result.status, result.kept
        attempt.finished_at = Now()
        attempt.save()
        self._record(
            "attempt.finished",
            step,
            attempt,
            outcome=result.outcome,
            http_status=attempt.http_status,
            response_digest=result.digest,
        )
        news.changed(self.execution)
        if result.outcome == Attempt.Outcome.SUCCEEDED:
            self._note_receipt(step, attempt, result.digest)
            return True
        # Together with the attempt, so that a restarted worker waits as long.
        again = self._next(step, plan)
        if isinstance(again, Call) and again.tried:
            wait = max(moves.wait_before(plan, again.tried), min(result.retry_after, plan.retry.within))
            put_off(self.lease, self.execution, wait)
            return False
        return True

    @transaction.atomic
    def _close_what_was_cut_off(self) -> None:
        """An attempt that a killed worker or a silent agent left open may or may not have taken effect."""
        self.lease.write()
        if cut_off.close(self.execution, actor=WORKER):
            news.changed(self.execution)

    # --- Proof ----------------------------------------------------------------------------

    def _note_receipt(self, step: Step, attempt: Attempt, response_digest: str | None) -> None:
        step.receipt = {
            "route": attempt.route,
            "http_status": attempt.http_status,
            "response_digest": response_digest,
            "verified": None,
        }
        step.save(update_fields=["receipt"])

    def _prove(self, step: Step, plan: WorkflowStep) -> bool:
        if plan.verify is None:
            self._complete(step, {})
            return True
        if not self._has_time_for(len(PROBES) * PROBE_TIMEOUT + sum(PROBES)):
            return False
        proved, why = self._probe(plan.verify, PROBES)
        evidence = {"verified": proved, "expect": plan.verify.expect}
        if proved:
            self._complete(step, evidence)
            return True
        with transaction.atomic():
            self.lease.write()
            Step.objects.filter(pk=step.pk).update(receipt={**(step.receipt or {}), **evidence})
            reason = f"Step {step.name}: the call succeeded, but its effect is not proved: {why}."
            ask_person(self.lease, self.execution, reason)
        return False

    def _is_proved_already(self, step: Step, plan: WorkflowStep) -> bool:
        """When a person asked for another try: whether an earlier one took effect after all."""
        if plan.verify is None or self.execution.round == 1:
            return False
        earlier = step.attempts.filter(
            round__lt=self.execution.round, outcome__in=[Attempt.Outcome.SUCCEEDED, Attempt.Outcome.UNKNOWN]
        )
        begun = step.attempts.filter(round=self.execution.round).exists()
        if begun or not earlier.exists():
            return False
        proved, _why = self._probe(plan.verify, PROBES[:1])
        if proved:
            last = earlier.order_by("-number")[0]
            known = step.receipt or {"route": last.route, "http_status": last.http_status}
            self._complete(step, {**known, "verified": True, "expect": plan.verify.expect})
        return proved

    def _probe(self, verify: Verify, waits: tuple[float, ...]) -> tuple[bool, str]:
        proved, why = False, ""
        with transaction.atomic():
            self.lease.renew()
        for wait in waits:
            time.sleep(wait)
            proved, why = http.probe(verify, self.known, timeout=PROBE_TIMEOUT)
            if proved:
                break
        return proved, why

    @transaction.atomic
    def _complete(self, step: Step, evidence: dict[str, Any]) -> None:
        self.lease.write()
        receipt = {**(step.receipt or {}), **evidence}
        complete(step, receipt)
        data = {"step": step.name, "receipt": receipt, "execution": str(self.execution.pk)}
        record("step.completed", actor=WORKER, proposal=self.execution.proposal_id, data=data)
        news.changed(self.execution)

    def _record(self, event: str, step: Step, attempt: Attempt, **facts: Any) -> None:
        data = {
            "execution": str(self.execution.pk),
            "step": step.name,
            "attempt": attempt.number,
            "route": attempt.route,
            "fence": self.lease.fence,
            **facts,
        }
        record(event, actor=WORKER, proposal=self.execution.proposal_id, data=data)


def complete(step: Step, receipt: dict[str, Any]) -> None:
    """Make a step a checkpoint: it is never repeated."""
    step.status = Step.Status.COMPLETED
    step.completed_at = Now()
    step.receipt = receipt
    step.save(update_fields=["status", "completed_at", "receipt"])


# --- Where a turn ends ------------------------------------------------------------------------


@transaction.atomic
def succeed(lease: Lease, execution: Execution) -> None:
    lease.write(status=Execution.Status.SUCCEEDED, lease_until=None, finished_at=Now(), reason="")
    _tell(execution, "execution.succeeded", {"action_digest": execution.action_digest})
    news.owe_agent(execution, Execution.Status.SUCCEEDED)


@transaction.atomic
def ask_person(
    lease: Lease, execution: Execution, reason: str, *, event: str = "execution.needs_attention"
) -> None:
    """Stop here and let a person decide what becomes of it."""
    reason = reason[:500]
    lease.write(status=Execution.Status.NEEDS_ATTENTION, lease_until=None, reason=reason)
    _tell(execution, event, {"reason": reason})
    news.owe_agent(execution, Execution.Status.NEEDS_ATTENTION, reason)
    if event == "execution.needs_attention":
        failures.count_against(execution)


@transaction.atomic
def refuse(lease: Lease, execution: Execution, reason: str) -> None:
    """Carry nothing out: what stands behind it is not what people decided, so somebody has to look."""
    ask_person(lease, execution, reason, event="execution.refused")
    failures.open_incident(execution, reason)


@transaction.atomic
def give_back(lease: Lease, execution: Execution, step: Step, within: float) -> None:
    """Hand the rest of a step to the agent, which reports what came of it. Raises `Halted`."""
    lease.begin()
    lease.write(
        status=Execution.Status.HANDED_BACK,
        lease_until=None,
        deadline=Now() + timedelta(seconds=within),
        timed_from=Now(),
        reason="The agent carries it out and reports the result.",
    )
    _tell(execution, "execution.handed_back", {"step": step.name, "within_seconds": within})
    news.owe_agent(execution, Execution.Status.HANDED_BACK)


@transaction.atomic
def put_off(lease: Lease, execution: Execution, seconds: float) -> None:
    """Go on later: the time stands in PostgreSQL, where a restarted worker finds it."""
    lease.write(
        status=Execution.Status.SCHEDULED,
        lease_until=None,
        due_at=Now() + timedelta(seconds=seconds),
        queued_at=Now() if seconds <= 0 else None,
        timed_from=Now(),
    )
    data = {"wait_ms": round(seconds * 1000)}
    _tell(execution, "execution.put_off", data)
    if seconds <= 0:
        EXECUTIONS.tell(execution.pk)


@transaction.atomic
def _hold(lease: Lease) -> None:
    """Wait until the kill switch is lifted, unless somebody else has taken over meanwhile."""
    execution = Execution.objects.select_related("proposal").get(pk=lease.execution_id)
    try:
        due_now = {"due_at": Now(), "queued_at": None, "timed_from": Now()}
        lease.write(status=Execution.Status.SCHEDULED, lease_until=None, **due_now)
    except LeaseLost:
        _log.warning("lease lost", execution=str(lease.execution_id), fence=lease.fence)
    else:
        _tell(execution, "execution.held", {})


def _tell(execution: Execution, event: str, data: dict[str, Any]) -> None:
    facts = {"execution": str(execution.pk), **data}
    record(event, actor=WORKER, proposal=execution.proposal_id, data=facts)
    news.changed(execution)


def _quietly(lease: Lease, reason: str) -> None:
    """Ask a person, unless somebody else has taken over meanwhile."""
    execution = Execution.objects.select_related("proposal").get(pk=lease.execution_id)
    try:
        ask_person(lease, execution, reason)
    except LeaseLost:
        _log.warning("lease lost", execution=str(lease.execution_id), fence=lease.fence)
