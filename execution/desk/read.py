"""Reading executions: the list, and the story of one."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID

from django.db.models import (
    Case,
    Count,
    DurationField,
    Exists,
    ExpressionWrapper,
    F,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
    When,
)
from django.db.models.functions import Coalesce, Now

from execution.desk import former
from execution.desk.answers import (
    AttemptAnswer,
    BegunAnswer,
    ExecutionAnswer,
    FormerStoryAnswer,
    RequestAnswer,
    StepAnswer,
    WaitsForAnswer,
)
from execution.desk.asked import Requests, Sent, receipt_for
from execution.handing_back.begin import begun
from execution.models import Attempt, Attention, Breaker, Compensation, Execution, ManualTask, Step
from execution.models.executions import ExecutionQuerySet
from execution.running.approval import broken
from governance.models import Halt, User
from suggestions.answering.present import WAITING

PAGE = 50
MOST_COUNTED = 99
MOST_LOOKED_AT = 500  # of those that are scheduled, to count why they do not run: the newest
# What has not ended: few, and counted.
OPEN = (
    Execution.Status.SCHEDULED,
    Execution.Status.RUNNING,
    Execution.Status.NEEDS_ATTENTION,
    Execution.Status.HANDED_BACK,
)


_WAITING_STEP = Step.objects.filter(execution=OuterRef("pk"), status=Step.Status.WAITING)
_FAILED = Attempt.objects.filter(
    step__execution=OuterRef("pk"), step__status=Step.Status.WAITING, round=OuterRef("round")
).exclude(outcome__in=[Attempt.Outcome.OPEN, Attempt.Outcome.SUCCEEDED])
_IS_ASIDE = Exists(_WAITING_STEP.filter(wait_until__isnull=False))
# What the list can be narrowed to beside a state: why what is scheduled does not run now.
GROUPS: dict[str, Q] = {
    "waiting": Q(_IS_ASIDE, status=Execution.Status.SCHEDULED),
    "healing": Q(Q(Exists(_FAILED)) | ~Q(waits_for=""), ~_IS_ASIDE, status=Execution.Status.SCHEDULED),
}


def queue_delay() -> timedelta | None:
    """For how long what is due and held by nothing has waited for a worker, at most; None: nothing waits."""
    due = Execution.objects.filter(status=Execution.Status.SCHEDULED, due_at__lte=Now()).not_held()
    delay = ExpressionWrapper(Now() - F("due_at"), output_field=DurationField())
    return due.order_by("due_at").values_list(delay, flat=True).first()


def page(user: User, *, status: str = "", before: UUID | None = None) -> list[Execution]:
    """The newest executions this person may know about, one more than a page has."""
    rows = _listed(user).order_by("-pk")
    if status in GROUPS:
        rows = rows.filter(GROUPS[status])
    elif status:
        rows = rows.filter(status=status)
    if before:
        rows = rows.filter(pk__lt=before)
    return list(rows[: PAGE + 1])


def one(user: User, execution_id: UUID) -> Execution | None:
    """One that this person may know about, as the list has it, with its steps, attempts and events."""
    found = _listed(user).defer(None).defer("proposal__context")  # requests are made of the arguments
    return found.filter(pk=execution_id).prefetch_related("steps__attempts", "signals").first()


def _listed(user: User) -> ExecutionQuerySet:
    """What this person may know about, with all that a line of the list tells of it."""
    known = Execution.objects.visible_to(user).select_related(
        "proposal__agent", "proposal__resolution", "suggestion__action_type", "attention__team"
    )
    lean = known.defer("proposal__resolution__arguments", "proposal__context")
    return lean.with_held().with_doubt().annotate(**_beside())


def _beside() -> dict[str, Any]:
    """How often each was tried, and whether undoing it is offered."""
    offered = Compensation.objects.filter(execution=OuterRef("pk"), status=Compensation.Status.OFFERED)
    return {"tries": Coalesce(Subquery(_tries()), 0), "undo_offered": Exists(offered)}


def _tries() -> QuerySet[Attempt, Any]:
    of_one = Attempt.objects.filter(step__execution=OuterRef("pk")).order_by()
    return of_one.values("step__execution").annotate(n=Count("pk")).values("n")


def counts(user: User) -> dict[str, str]:
    """How many stand in each state that is no end, and in each group: "7", "99+", in one query.

    Counted up to a limit. Groups are counted among the newest that are scheduled, so that an outage with a
    hundred thousand of them costs no more: "7+" where there are others, and nothing instead of none.
    """
    seen = Execution.objects.visible_to(user).order_by()
    newest = seen.filter(status=Execution.Status.SCHEDULED).order_by("-pk").annotate(why=_WHY)
    few = [
        newest.values_list("why")[: MOST_LOOKED_AT + 1],
        *(seen.filter(status=status).values_list("status")[: MOST_COUNTED + 1] for status in OPEN[1:]),
    ]
    found = Counter(name for (name,) in few[0].union(*few[1:], all=True))
    looked_at = sum(found[name] for name in [OPEN[0], *GROUPS])
    found[OPEN[0]] = looked_at
    return {
        **{str(status): _bounded(found[status]) for status in OPEN},
        **{name: _bounded(found[name], at_least=looked_at > MOST_LOOKED_AT) for name in GROUPS},
    }


_WHY = Case(
    *(When(group, then=Value(name)) for name, group in GROUPS.items()),
    default=Value(str(Execution.Status.SCHEDULED)),
)


def _bounded(count: int, *, at_least: bool = False) -> str:
    if count > MOST_COUNTED:
        return f"{MOST_COUNTED}+"
    if at_least:
        return f"{count}+" if count else ""
    return str(count)


def shut_routes() -> int:
    """How many routes are let alone, or tried by one call: those whose breaker is not closed."""
    return Breaker.objects.exclude(state=Breaker.State.CLOSED).count()


def of_proposal(proposals: Any, proposal_id: UUID) -> Execution | None:
    """The execution of one of these proposals, with all that is told of it."""
    return (
        Execution.objects.filter(proposal__in=proposals, proposal_id=proposal_id)
        .select_related("proposal__agent", "proposal__resolution", "suggestion__action_type")
        .prefetch_related("steps__attempts")
        .first()
    )


def halt_of(execution: Execution) -> Halt | None:
    """The kill switch that an execution waits for."""
    if execution.status not in WAITING:
        return None
    agent, action = execution.proposal.agent_id, execution.suggestion.action_type.name
    on = Halt.objects.on().covering(agent, [action]).select_related("agent", "by")
    return on.order_by("at").first()


def story(execution: Execution, *, for_people: bool) -> ExecutionAnswer:
    """Steps, attempts and receipts, as the API tells them; for people with those before this one.

    What services were asked and what they answered is for people: an agent has no claim to what a workflow
    says and can read.
    """
    before: dict[str, Any] = {"former": former.told(execution.proposal_id)} if for_people else {}
    return ExecutionAnswer(**_told(execution, for_people=for_people), **before)


def whole_story(execution: Execution) -> FormerStoryAnswer:
    """All that goes away with an execution, of one that is locked."""
    found = Execution.objects.prefetch_related("steps__attempts", "signals").get(pk=execution.pk)
    tasks = found.manual_tasks.select_related("step", "ended_by").order_by("id")
    signals = [former.told_event(one) for one in found.signals.all()]
    return FormerStoryAnswer(
        **_told(found, for_people=True), signals=signals, by_hand=list(map(former.told_task, tasks))
    )


def _told(execution: Execution, *, for_people: bool) -> dict[str, Any]:
    halt = halt_of(execution)
    requests = Requests(execution) if for_people else None
    return {
        "id": execution.pk,
        "proposal": execution.proposal_id,
        "status": execution.status,
        "unknown": is_unknown(execution),
        "verdict": execution.verdict or None,
        "waits_for": _waits_for(execution),
        "undoing": execution.undoing,
        "reason": execution.reason,
        "held": halt is not None,
        "held_reason": halt.sentence if halt else None,
        "action_digest": execution.action_digest,
        "action": execution.suggestion.action_type.name,
        "version": execution.suggestion.action_type.version,
        "arguments": go_ahead(execution) if halt is None else None,
        "begun": _begun(execution),
        "created_at": execution.created_at,
        "due_at": execution.due_at,
        "deadline": execution.deadline,
        "started_at": execution.started_at,
        "finished_at": execution.finished_at,
        "steps": [_step(step, requests) for step in execution.steps.all()],
    }


def go_ahead(execution: Execution) -> dict[str, Any] | None:
    """What an agent may carry out now: the approved arguments of what is handed back to it."""
    if execution.status != Execution.Status.HANDED_BACK or broken(execution):
        return None
    if ManualTask.objects.open().filter(execution=execution).exists():
        return None
    return execution.proposal.resolution.arguments


def is_unknown(execution: Execution) -> bool:
    """Whether an attempt of the present round may have taken effect, of steps that are known with theirs."""
    unfinished = [step for step in execution.steps.all() if step.status == Step.Status.WAITING]
    tried = [one for step in unfinished for one in step.attempts.all() if one.round == execution.round]
    return any(attempt.outcome == Attempt.Outcome.UNKNOWN for attempt in tried)


def attention_of(execution: Execution) -> Attention | None:
    """Who is asked to see to it; None where it needs no attention."""
    if execution.status != Execution.Status.NEEDS_ATTENTION:
        return None
    return Attention.objects.filter(execution_id=execution.pk).select_related("team").first()


def _waits_for(execution: Execution) -> WaitsForAnswer | None:
    asked = attention_of(execution)
    if asked is None:
        return None
    return WaitsForAnswer(
        team=asked.team_id, since=asked.since, deadline=asked.deadline, escalated_at=asked.escalated_at
    )


def _begun(execution: Execution) -> BegunAnswer | None:
    attempt = begun(execution)
    if attempt is None:
        return None
    until = cast(datetime, execution.lease_until)  # the database has no running one without a lease
    return BegunAnswer(by=attempt.begun_by, at=attempt.started_at, lease_until=until)


def _step(step: Step, requests: Requests | None) -> StepAnswer:
    return StepAnswer(
        name=step.name,
        kind=step.kind,
        verdict=step.verdict or None,
        status=step.status,
        completed_at=step.completed_at,
        receipt=receipt_for(step.receipt, requests.cover if requests else None),
        attempts=[_attempt(step, attempt, requests) for attempt in step.attempts.all()],
    )


def _attempt(step: Step, attempt: Attempt, requests: Requests | None) -> AttemptAnswer:
    for_people: dict[str, Any] = {}
    if requests is not None:
        for_people["request"] = _request(requests.of(step, attempt))
        for_people["response"] = requests.cover.text(attempt.response)
    return AttemptAnswer(
        number=attempt.number,
        route=attempt.route,
        outcome=attempt.outcome,
        http_status=attempt.http_status,
        detail=attempt.detail,
        started_at=attempt.started_at,
        finished_at=attempt.finished_at,
        found=attempt.found,
        **for_people,
    )


def _request(sent: Sent | None) -> RequestAnswer | None:
    if sent is None:
        return None
    told = {"unsure": sent.unsure} if sent.unsure else sent.call
    return RequestAnswer(**told, was_sent=sent.was_sent)
