"""One worker's turn at one execution: what is done next, and how each thing is begun and ended."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from typing import Any

from django.conf import settings
from django.db import transaction

from audit.ground import stopping
from audit.ground.actors import WORKER
from audit.log.record import record
from audit.outbox.insist import insist
from audit.statements.writes import as_one
from execution.healing import breakers, compensation
from execution.healing.endings import (
    ask_person,
    give_back,
    hand_to_team,
    hold,
    put_off,
    refuse,
    succeed,
    undone,
)
from execution.holding import attempts, news
from execution.holding.lease import Lease, take
from execution.holding.steps import (
    REPORT,
    REPORT_WITHIN,
    Task,
    answers_of,
    complete,
    kept_answer,
    skip,
    spent,
    tasks_of,
    worst,
)
from execution.holding.workflow import InvalidWorkflow, Workflow, workflow_of
from execution.incidents import incidents
from execution.looking.asking import LONGEST
from execution.models import Attempt, Compensation, Execution, Step, Verdict
from execution.models.work import Progress, Work, work_on
from execution.routes import dispatch
from execution.routes.result import FAILED, SUCCEEDED, UNKNOWN, How, Result, facts, headers_of
from execution.running import first_look, moves
from execution.running.approval import broken
from execution.running.moves import Around, Ask, Call, Doubt, GiveBack, Prove, Wait, next_move
from execution.running.waiting import Waiting
from governance.actions.route_kinds import LONGEST_CALL, HandBack
from governance.actions.templates import KNOWN
from governance.expressions.cel import BadExpression, Expression, NoAnswer

TOO_LATE = "The deadline passed before it was finished."
ASKED_LESS = (409, 425, 429)  # the service works: it wants fewer calls, or not this one yet

Take = Callable[[], Lease | None]
Found = Callable[[Execution, str], object]  # opens an incident of it, with the reason
Act = Callable[[], bool]  # what is done outside of any transaction; False when the turn is over


def go_on() -> bool:
    """Nothing is to be done outside: look at everything anew."""
    return True


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
        self.looked = False
        self.workflow: Workflow | None = None
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
            self.workflow = workflow_of(self.execution.suggestion.action_type)
        except InvalidWorkflow as error:
            return self.ask(f"The workflow cannot be run: {error}")
        if self.work.is_cut_off:
            self._close_what_was_cut_off()
        steps = self.work.steps
        if self.workflow is None and [one.step.name for one in steps] == [REPORT]:
            return self._report(steps[0])
        tasks = tasks_of(self.workflow, steps)
        if tasks is None:
            return self.ask("Its steps are not those of its workflow.")
        return self._next_of(tasks)

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

    def _next_of(self, tasks: list[Task]) -> Act | None:
        """Go on with the first step that is not over; of one that is being undone with what undoes it."""
        wanted = Step.Kind.UNDO if self.execution.undoing else Step.Kind.DO
        if self.execution.undoing and not compensation.is_still_meant(self.execution, tasks):
            return self.ask("What would be undone is not what was approved.")
        for task in tasks:
            if task.step.kind == wanted and not task.progress.is_over:
                return self._next(task)
        (undone if self.execution.undoing else succeed)(self.lease, self.execution)
        return None

    def _next(self, task: Task) -> Act | None:
        if self._looks_first():
            return self.in_time(partial(self._look_first, task), LONGEST) if self._may_begin() else None
        if task.plan.if_ and not task.progress.attempts:
            try:
                if not Expression(task.plan.if_, KNOWN).holds(self.known()):
                    return self._skip(task)
            except (NoAnswer, BadExpression) as error:
                return self.ask(f"Step {task.step.name}: whether to take it cannot be told: {error}.")
        if not task.plan.routes or (task.plan.await_ and task.progress.has_succeeded):
            return self._waiting(task).after_call()
        if task.plan.verify and self._may_be_proved_already(task.progress):
            return self.in_time(partial(self._prove_earlier, task))
        return self._make(task, self._move(task))

    def _make(self, task: Task, move: moves.Move) -> Act | None:
        match move:
            case Call() if self.execution.assisted:
                return self._give_back(task.step, REPORT_WITHIN)
            case Call():
                return self._open(task, move)
            case Prove():
                return self._waiting(task).after_call()
            case Doubt(reason):
                return self._waiting(task).in_doubt(reason)
            case GiveBack(route, name):
                return self._hand_back(task.step, route, name)
            case Wait():
                return self._wait(move)
            case Ask(reason) if moves.agent_fell_silent(task.progress.attempts):
                return self.ask(reason, incidents.never_reported)
            case Ask(reason):
                return self._heal_or_ask(reason)

    def _move(self, task: Task, *, shut: str = "") -> moves.Move:
        """What the step does next; a route that is `shut` besides is not asked."""
        closed_off = breakers.closed_off(self.work.troubled)
        if shut:
            closed_off[shut] = breakers.TRIAL
        workflow = self.workflow
        around = Around(
            acts_once=self.execution.suggestion.action_type.idempotent_hint,
            closed_off=closed_off,
            left=workflow.budget - spent(workflow, self.work) if workflow and workflow.budget else None,
            chosen=self.execution.chosen.get(task.step.name),
        )
        return next_move(task.plan, task.progress.of_round(self.execution.round), around)

    def known(self) -> dict[str, Any]:
        """What expressions know at this moment."""
        return facts(
            self.execution, answers_of(self.work.steps), look=first_look.seen(self.workflow, self.execution)
        )

    def _skip(self, task: Task) -> Act:
        skip(task.step, {"skipped": "Its condition does not hold.", "if": task.plan.if_})
        data = {"execution": str(self.execution.pk), "step": task.step.name}
        record("step.skipped", actor=WORKER, proposal=self.execution.proposal_id, data=data)
        news.changed(self.execution)
        return go_on

    def _report(self, progress: Progress) -> Act | None:
        """Ask the agent to carry it out, unless it has begun and fallen silent, or a person knows that it has
        happened."""
        if progress.is_over:
            succeed(self.lease, self.execution)
            return None
        acts_once = self.execution.suggestion.action_type.idempotent_hint
        tried = progress.of_round(self.execution.round)
        if reason := moves.begun_in_vain(progress.step.name, tried, acts_once=acts_once):
            return self.ask(reason, incidents.never_reported)
        return self._give_back(progress.step, REPORT_WITHIN)

    def _waiting(self, task: Task) -> Waiting:
        return Waiting(self, task)

    def _heal_or_ask(self, reason: str) -> Act | None:
        """Every route is spent: undo what was done, where nobody has to be asked for that."""
        offered = self._asked(reason)
        if offered and self.workflow and compensation.is_automatic(self.workflow, self.execution):
            compensation.begin_by_itself(self.execution, offered)
        return None

    def ask(self, reason: str, found: Found | None = None) -> Act | None:
        """Ask a person, and offer to undo what was done. What was `found` is an incident."""
        self._asked(reason, found)
        return None

    def _asked(self, reason: str, found: Found | None = None) -> Compensation | None:
        """The offer; None where nothing can be undone, or it is being undone already."""
        ask_person(self.lease, self.execution, reason)
        if found:
            found(self.execution, reason)
        return compensation.offer_if_any(self.workflow, self.work)

    def _wait(self, move: Wait) -> Act | None:
        if not self._may_begin():
            return None
        if not breakers.is_shut(move.route):  # any more
            return go_on
        put_off(self.lease, self.execution, move.seconds, breakers.WAITS, waits_for=move.route)
        return None

    def _give_back(self, step: Step, within: float) -> Act | None:
        if self._may_begin():
            give_back(self.lease, self.execution, step, within)
        return None

    def _hand_back(self, step: Step, route: HandBack, name: str) -> Act | None:
        if route.to == "agent":
            return self._give_back(step, route.within)
        if self._may_begin():
            hand_to_team(self.lease, self.execution, step, route.to, within=route.within, route=name)
        return None

    def _may_begin(self) -> bool:
        """Whether something may be begun now; else it is written down what the execution waits for."""
        if self.lease.is_halted:
            hold(self.lease, self.execution)
        elif self.lease.is_late:
            self.ask(TOO_LATE, incidents.past_deadline)
        return not self.lease.is_halted and not self.lease.is_late

    def in_time(self, probe: Act, longest: float = 4.0) -> Act | None:
        """A probe, which begins nothing: also where a kill switch is on."""
        if not self._has_time_for(longest):
            return None
        return self.ask(TOO_LATE, incidents.past_deadline) if self.lease.is_late else probe

    def _has_time_for(self, seconds: float) -> bool:
        """Whether a call fits into what is left of this task; if not, another task goes on at once.

        None does where the worker stops: another worker goes on.
        """
        gone = time.monotonic() - self.began
        fits = gone < 1 or gone + seconds < settings.CELERY_TASK_SOFT_TIME_LIMIT - 2
        if fits and not stopping.is_asked():
            return True
        put_off(self.lease, self.execution, 0)
        return False

    # --- The world as it is ---------------------------------------------------------------

    def _looks_first(self) -> bool:
        return not self.looked and first_look.is_due(self.workflow, self.work)

    def _look_first(self, task: Task) -> bool:
        self.looked = True
        return first_look.look_first(self.lease, self.work, task.plan)

    # --- One attempt ----------------------------------------------------------------------

    def _open(self, task: Task, move: Call) -> Act | None:
        if not self._has_time_for(move.route.timeout) or not self._may_begin():
            return None
        name = moves.breaker_of(move.route)
        if not self._may_ask(name):
            return self._make(task, self._move(task, shut=name))
        number = len(task.progress.attempts) + 1
        attempt = attempts.begin(self.lease, self.execution, task.step, number=number, route=move.name)
        return partial(self._try, task, move.route, attempt)

    def _may_ask(self, breaker: str) -> bool:
        """Whether its breaker is closed, or this is the one call that tries it."""
        if all(one.route != breaker or one.state == "closed" for one in self.work.troubled):
            return True
        return breakers.try_once(breaker, self.execution.pk, self.execution.proposal_id)

    def _try(self, task: Task, route: Any, attempt: Attempt) -> bool:
        """Make the attempt that is written down. False when it has to wait, or nothing is left to do."""
        execution = self.execution
        how = How(
            success_when=task.plan.success_when,
            headers=headers_of(execution, attempt.step.name),
            timeout=min(route.timeout, LONGEST_CALL, settings.LEASE_SECONDS * 0.8),
            began=self.held_from,
            may_send=self.lease.is_held,
            repeatable=execution.suggestion.action_type.idempotent_hint or route.idempotent,
        )
        result = dispatch.call(route, self.known(), how)
        # It has taken effect perhaps: a database that is away for a moment must not leave that unknown.
        return insist(lambda: self._close(task, route, attempt, result))

    def _close(self, task: Task, route: Any, attempt: Attempt, result: Result) -> bool:
        """Write down what came of an attempt; safe to call twice, where a commit went unheard."""
        if result.outcome == SUCCEEDED:
            return self._close_well(task, route, attempt, result)
        return self._close_badly(task, route, attempt, result)

    @transaction.atomic
    def _close_badly(self, task: Task, route: Any, attempt: Attempt, result: Result) -> bool:
        attempts.end(self.lease, self.execution, attempt, result)
        self._count(route, result)
        # Together with the attempt, so that a restarted worker waits as long.
        self.work = work_on(self.execution.pk)
        now = Task(self.work.progress_of(attempt.step), task.plan)
        again = self._move(now)
        if isinstance(again, Call) and again.tried:
            wait = max(
                moves.wait_before(task.plan, again.tried), min(result.retry_after, task.plan.retry.within)
            )
            put_off(self.lease, self.execution, wait)
            return False
        return True

    def _count(self, route: Any, result: Result) -> None:
        """Tell the route's breaker how it went; what we could not send, or let go of, says nothing of it."""
        name = moves.breaker_of(route)
        answered = result.outcome == SUCCEEDED or result.status is not None
        if result.outcome in (FAILED, UNKNOWN) and result.status not in ASKED_LESS:
            if not stopping.is_asked():
                breakers.failed(name, result.detail, proposal_id=self.execution.proposal_id)
        elif answered and any(one.route == name for one in self.work.troubled):
            breakers.worked(name, proposal_id=self.execution.proposal_id)

    def _close_well(self, task: Task, route: Any, attempt: Attempt, result: Result) -> bool:
        """The attempt with its receipt; with the step and the execution, where nothing is left to do."""
        receipt = {
            "route": attempt.route,
            "http_status": result.status,
            "response_digest": result.digest,
            "verified": None,
        }
        completes = task.plan.verify is None and task.plan.await_ is None
        succeeds = completes and task.step.kind == Step.Kind.DO and self.work.ends_with(attempt.step)
        outcome: dict[str, Any] = {"receipt": receipt, "completes": completes, "succeeds": succeeds}
        if not succeeds or self._is_used_later(task):
            outcome["answer"] = kept_answer(result.status, result.answer)
        if completes:
            outcome["verdict"] = self.verdict_with(task.step, Verdict.UNVERIFIED)
        owes = succeeds and self.execution.proposal.callback_url
        tells_breaker = any(one.route == moves.breaker_of(route) for one in self.work.troubled)
        # One statement is a transaction by itself.
        with transaction.atomic() if owes or tells_breaker else nullcontext():
            attempts.end(self.lease, self.execution, attempt, result, **outcome)
            if tells_breaker:
                self._count(route, result)
            if owes:
                news.owe_agent(self.execution, Execution.Status.SUCCEEDED)
        return not succeeds

    def verdict_with(self, step: Step, verdict: str) -> str:
        """The worst of what the steps came to, this one with what it comes to now: proved late is proved.

        Of what undoes a step it is no matter: what was done was seen, or was not.
        """
        done = {one.step.pk: one.step.verdict for one in self.work.steps if one.step.kind == Step.Kind.DO}
        now = {step.pk: verdict} if step.kind == Step.Kind.DO else {}
        return worst({**done, **now}.values())

    def _is_used_later(self, task: Task) -> bool:
        """Whether what the last step answered may still be asked for."""
        return task.plan.undo is not None

    # --- The end of a step ----------------------------------------------------------------

    def _may_be_proved_already(self, progress: Progress) -> bool:
        """When a person asked for another try: whether an earlier one may have taken effect after all."""
        if progress.step.pk in self.probed or progress.of_round(self.execution.round):
            return False
        return any(tried.outcome in (SUCCEEDED, UNKNOWN) for tried in progress.attempts)

    def _prove_earlier(self, task: Task) -> bool:
        self.probed.add(task.step.pk)
        return self._waiting(task).prove_earlier()

    @transaction.atomic
    def end_step(self, step: Step, evidence: dict[str, Any], verdict: str) -> bool:
        """Complete a step. False where that was the last one, and the execution has succeeded."""
        self.lease.write(verdict=self.verdict_with(step, verdict))
        receipt = {**(step.receipt or {}), **evidence}
        complete(step, receipt, verdict)
        data = {"step": step.name, "receipt": receipt, "execution": str(self.execution.pk)}
        record("step.completed", actor=WORKER, proposal=self.execution.proposal_id, data=data)
        news.changed(self.execution)
        if step.kind == Step.Kind.UNDO or not self.work.ends_with(step):
            return True
        succeed(self.lease, self.execution)
        return False
