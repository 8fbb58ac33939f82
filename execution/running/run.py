"""Carrying out what was approved."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from typing import Any
from uuid import UUID

import structlog
from celery.exceptions import SoftTimeLimitExceeded
from django.conf import settings
from django.db import Error, transaction
from django.db.models.functions import Now

from audit.ground.actors import WORKER
from audit.log.record import record
from audit.outbox.insist import insist
from audit.statements.writes import as_one
from execution.models import Attempt, Execution, Step
from execution.models.work import Progress, Work, work_on
from execution.routes import dispatch, http
from execution.routes.result import SUCCEEDED, UNKNOWN, How, Result, facts
from execution.running import attempts, moves, news
from execution.running.approval import broken
from execution.running.endings import ask_person, give_back, hold, put_off, refuse, succeed
from execution.running.lease import Lease, LeaseLost, take
from execution.running.moves import Ask, Call, GiveBack, Prove, next_move
from execution.running.outbox import EXECUTIONS
from execution.running.workflow import InvalidWorkflow, WorkflowStep, workflow_of
from governance.actions.route_kinds import LONGEST_CALL
from governance.actions.workflow import Verify

REPORT = "report"  # the one step where the agent carries it out itself
REPORT_WITHIN = 4 * 3600  # seconds that it has for it
PROBES = (0.0, 0.3, 1.0)  # seconds before each: an effect may take a moment to be seen
PROBE_TIMEOUT = 4.0
LONGEST_PROOF = len(PROBES) * PROBE_TIMEOUT + sum(PROBES)
SECONDS = 0.2  # of going on, after which what waits in other queues has its turn
TOO_LATE = "The deadline passed before it was finished."
_log = structlog.get_logger(__name__)

Take = Callable[[], Lease | None]
Act = Callable[[], bool]  # what is done outside of any transaction; False when the turn is over


def run(execution_id: UUID) -> None:
    """Carry out an approved suggestion, once, as far as it goes now.

    Safe to call twice and at the same time: one call holds the lease, the others find nothing to
    take. Everything that must survive a kill is in rows: completed steps and successful attempts
    are not repeated, waits are due times, an attempt that was cut off counts as unknown. A worker
    that lost its lease stops without writing anything. Where a kill switch is on nothing begins:
    what was in the middle of an attempt finishes that and waits.
    """
    _run(partial(take, execution_id))


def run_what_is_due(execution_id: UUID) -> None:
    """Carry this one out, and go on with what has been due longest, until nothing is or others have waited
    long enough. So a backlog needs few messages."""
    until = time.monotonic() + SECONDS
    run(execution_id)
    while time.monotonic() < until:
        if not run_next():
            return
    EXECUTIONS.tell(execution_id)


def run_next() -> bool:
    """`run` for the one that has been due longest; False where none is."""
    return _run(take)


def _run(take: Take) -> bool:
    turn = Turn(take)
    try:
        turn.go()
    except LeaseLost:
        _log.warning("lease lost", execution=str(turn.lease.execution_id), fence=turn.lease.fence)
    except (Error, SoftTimeLimitExceeded):
        # The database is away or silent: the lease runs out, and whoever takes it next goes on. An attempt
        # that was cut off counts as unknown there, and nothing else needs a person.
        raise
    except Exception as error:
        turn.give_up(f"The worker failed: {type(error).__name__}.")
        raise
    return turn.has_taken


class Turn:
    """One worker's turn at one execution: a transaction, what is done outside of any, and again.

    The transaction holds the lease, looks at everything anew and writes down what begins. What is done
    outside is a call or a probe, for a slow service must not hold rows locked.
    """

    lease: Lease  # once it is taken
    work: Work  # as the present transaction has found it

    def __init__(self, take: Take) -> None:
        self._hold, self.has_taken = take, False
        self.began = self.held_from = time.monotonic()
        self.probed: set[int] = set()  # steps of which it is known that no earlier round took effect

    @property
    def execution(self) -> Execution:
        return self.work.execution

    def go(self) -> None:
        while (act := self._begin()) and act():
            pass

    def give_up(self, reason: str) -> None:
        """Ask a person, unless somebody else has taken over meanwhile."""
        if not self.has_taken:
            return
        execution_id = self.lease.execution_id
        lease = self.lease if self.lease.is_held() else take(execution_id)
        if lease is not None:
            ask_person(lease, work_on(execution_id).execution, reason)

    @transaction.atomic
    @as_one()
    def _begin(self) -> Act | None:
        """What is done next, and is written down as begun; None when the turn is over."""
        self.held_from = time.monotonic()  # before the lease: a call is over while that still runs
        lease = self._hold()
        if lease is None:
            return None
        self.lease, self._hold, self.has_taken = lease, lease.renew, True
        self.work = work_on(lease.execution_id)
        if not self._may_go_on():
            return None
        try:
            workflow = workflow_of(self.execution.suggestion.action_type)
        except InvalidWorkflow as error:
            return self._ask(f"The workflow cannot be run: {error}")
        if self.work.is_cut_off:
            self._close_what_was_cut_off()
        names = [one.step.name for one in self.work.steps]
        if workflow is None and names == [REPORT]:
            return self._report(self.work.steps[0])
        plans = workflow.steps if workflow else []
        if not plans or names != [plan.name for plan in plans]:
            return self._ask("Its steps are not those of its workflow.")
        for progress, plan in zip(self.work.steps, plans, strict=True):
            if not progress.is_completed:
                return self._next(progress, plan)
        succeed(self.lease, self.execution)
        return None

    def _may_go_on(self) -> bool:
        """Whether what people decided still stands behind it, asked before every attempt."""
        if reason := broken(self.execution):
            refuse(self.lease, self.execution, reason)
            return False
        if not self.execution.proposal.agent.enabled:
            ask_person(self.lease, self.execution, "The agent is disabled.", event="execution.refused")
            return False
        return True

    def _close_what_was_cut_off(self) -> None:
        """An attempt that a killed worker or a silent agent left open may or may not have taken effect."""
        attempts.cut_off(self.execution, actor=WORKER)
        news.changed(self.execution)
        self.work = work_on(self.lease.execution_id)

    # --- What comes next ------------------------------------------------------------------

    def _next(self, progress: Progress, plan: WorkflowStep) -> Act | None:
        """Go on with the first step that is not completed."""
        verify = plan.verify
        if verify and self._may_be_proved_already(progress):
            return self._in_time(partial(self._prove_earlier, progress, verify))
        match self._move(progress, plan):
            case Call() if self.execution.assisted:
                return self._give_back(progress.step, REPORT_WITHIN)
            case Call() as move:
                return self._open(progress, plan, move)
            case Prove() if verify:
                return self._in_time(partial(self._prove, progress.step, verify), LONGEST_PROOF)
            case Prove():
                return partial(self._complete, progress.step, {})
            case GiveBack(within):
                return self._give_back(progress.step, within)
            case Ask(reason):
                return self._ask(reason)

    def _move(self, progress: Progress, plan: WorkflowStep) -> moves.Move:
        acts_once = self.execution.suggestion.action_type.idempotent_hint
        return next_move(plan, progress.of_round(self.execution.round), acts_once=acts_once)

    def _report(self, progress: Progress) -> Act | None:
        """Ask the agent to carry it out, unless it has begun and fallen silent."""
        acts_once = self.execution.suggestion.action_type.idempotent_hint
        tried = progress.of_round(self.execution.round)
        if reason := moves.begun_in_vain(progress.step.name, tried, acts_once=acts_once):
            return self._ask(reason)
        return self._give_back(progress.step, REPORT_WITHIN)

    def _ask(self, reason: str) -> Act | None:
        ask_person(self.lease, self.execution, reason)
        return None

    def _give_back(self, step: Step, within: float) -> Act | None:
        if self._may_begin():
            give_back(self.lease, self.execution, step, within)
        return None

    def _may_begin(self) -> bool:
        """Whether something may be begun now; else it is written down what the execution waits for."""
        if self.lease.is_halted:
            hold(self.lease, self.execution)
        elif self.lease.is_late:
            self._ask(TOO_LATE)
        return not self.lease.is_halted and not self.lease.is_late

    def _in_time(self, probe: Act, longest: float = PROBE_TIMEOUT) -> Act | None:
        """A probe, which begins nothing: also where a kill switch is on."""
        if not self._has_time_for(longest):
            return None
        return self._ask(TOO_LATE) if self.lease.is_late else probe

    def _has_time_for(self, seconds: float) -> bool:
        """Whether a call fits into what is left of this task; if not, another task goes on at once."""
        gone = time.monotonic() - self.began
        if gone < 1 or gone + seconds < settings.CELERY_TASK_SOFT_TIME_LIMIT - 2:
            return True
        put_off(self.lease, self.execution, 0)
        return False

    # --- One attempt ----------------------------------------------------------------------

    def _open(self, progress: Progress, plan: WorkflowStep, move: Call) -> Act | None:
        if not self._has_time_for(move.route.timeout) or not self._may_begin():
            return None
        number = len(progress.attempts) + 1
        attempt = attempts.begin(self.lease, self.execution, progress.step, number=number, route=move.name)
        return partial(self._try, plan, move.route, attempt)

    def _try(self, plan: WorkflowStep, route: Any, attempt: Attempt) -> bool:
        """Make the attempt that is written down. False when it has to wait, or nothing is left to do."""
        execution = self.execution
        headers = {"idempotency-key": f"{execution.pk}/{attempt.step.name}"}
        if execution.proposal.traceparent:
            headers["traceparent"] = execution.proposal.traceparent
        how = How(
            success_when=plan.success_when,
            headers=headers,
            timeout=min(route.timeout, LONGEST_CALL, settings.LEASE_SECONDS * 0.8),
            began=self.held_from,
            may_send=self.lease.is_held,
            repeatable=execution.suggestion.action_type.idempotent_hint or route.idempotent,
        )
        result = dispatch.call(route, facts(execution), how)
        # It has taken effect perhaps: a database that is away for a moment must not leave that unknown.
        return insist(lambda: self._close(plan, attempt, result))

    def _close(self, plan: WorkflowStep, attempt: Attempt, result: Result) -> bool:
        """Write down what came of an attempt; safe to call twice, where a commit went unheard."""
        if result.outcome == SUCCEEDED:
            return self._close_well(plan, attempt, result)
        return self._close_badly(plan, attempt, result)

    @transaction.atomic
    def _close_badly(self, plan: WorkflowStep, attempt: Attempt, result: Result) -> bool:
        attempts.end(self.lease, self.execution, attempt, result)
        # Together with the attempt, so that a restarted worker waits as long.
        now = work_on(self.execution.pk).progress_of(attempt.step)
        again = self._move(now, plan)
        if isinstance(again, Call) and again.tried:
            wait = max(moves.wait_before(plan, again.tried), min(result.retry_after, plan.retry.within))
            put_off(self.lease, self.execution, wait)
            return False
        return True

    def _close_well(self, plan: WorkflowStep, attempt: Attempt, result: Result) -> bool:
        """The attempt with its receipt; with the step and the execution, where nothing is left to do."""
        receipt = {
            "route": attempt.route,
            "http_status": result.status,
            "response_digest": result.digest,
            "verified": None,
        }
        completes = plan.verify is None
        succeeds = completes and self.work.ends_with(attempt.step)
        outcome: dict[str, Any] = {"receipt": receipt, "completes": completes, "succeeds": succeeds}
        owes = succeeds and self.execution.proposal.callback_url
        with transaction.atomic() if owes else nullcontext():  # one statement is a transaction by itself
            attempts.end(self.lease, self.execution, attempt, result, **outcome)
            if owes:
                news.owe_agent(self.execution, Execution.Status.SUCCEEDED)
        return not succeeds

    # --- Proof ----------------------------------------------------------------------------

    def _prove(self, step: Step, verify: Verify) -> bool:
        proved, why = self._probe(verify, PROBES)
        evidence = {"verified": proved, "expect": verify.expect}
        if proved:
            return self._complete(step, evidence)
        with transaction.atomic():
            self.lease.write()
            Step.objects.filter(pk=step.pk).update(receipt={**(step.receipt or {}), **evidence})
            self._ask(f"Step {step.name}: the call succeeded, but its effect is not proved: {why}.")
        return False

    def _may_be_proved_already(self, progress: Progress) -> bool:
        """When a person asked for another try: whether an earlier one may have taken effect after all."""
        if progress.step.pk in self.probed or progress.of_round(self.execution.round):
            return False
        return any(tried.outcome in (SUCCEEDED, UNKNOWN) for tried in progress.attempts)

    def _prove_earlier(self, progress: Progress, verify: Verify) -> bool:
        step = progress.step
        self.probed.add(step.pk)
        proved, _why = self._probe(verify, PROBES[:1])
        if not proved:
            return True
        took_effect = Attempt.objects.filter(step=step, outcome__in=[SUCCEEDED, UNKNOWN])
        last = took_effect.order_by("-number")[0]
        known = step.receipt or {"route": last.route, "http_status": last.http_status}
        return self._complete(step, {**known, "verified": True, "expect": verify.expect})

    def _probe(self, verify: Verify, waits: tuple[float, ...]) -> tuple[bool, str]:
        proved, why = False, ""
        for wait in waits:
            time.sleep(wait)
            proved, why = http.probe(verify, facts(self.execution), timeout=PROBE_TIMEOUT)
            if proved:
                break
        return proved, why

    @transaction.atomic
    def _complete(self, step: Step, evidence: dict[str, Any]) -> bool:
        """False where that was the last step, and the execution has succeeded."""
        self.lease.write()
        receipt = {**(step.receipt or {}), **evidence}
        complete(step, receipt)
        data = {"step": step.name, "receipt": receipt, "execution": str(self.execution.pk)}
        record("step.completed", actor=WORKER, proposal=self.execution.proposal_id, data=data)
        news.changed(self.execution)
        if not self.work.ends_with(step):
            return True
        succeed(self.lease, self.execution)
        return False


def complete(step: Step, receipt: dict[str, Any]) -> None:
    """Make a step a checkpoint: it is never repeated."""
    step.status = Step.Status.COMPLETED
    step.completed_at = Now()
    step.receipt = receipt
    step.save(update_fields=["status", "completed_at", "receipt"])
