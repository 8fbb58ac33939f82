"""Which executions are retried together: what is asked for, and of each why it had better be left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, NamedTuple, Self
from uuid import UUID

from django.db.models import CharField, F, Func, OuterRef, Subquery, Value

from audit.ground.canonical import digest
from audit.ground.refusals import Invalid
from execution.desk.doubt import could_act_twice
from execution.healing import breakers
from execution.holding.workflow import HandBack, InvalidWorkflow, workflow_of
from execution.models import Attempt, Breaker, BulkRetry, Execution, Step
from execution.models.executions import ExecutionQuerySet
from execution.running.moves import breaker_of
from governance.models import ActionType, Agent, User
from governance.trust import halts
from governance.trust.incidents import moment

MOST = 10_000  # of one bulk retry
MOST_OFFERED = 200  # values of a menu
WHY = BulkRetry.Why


# --- What is asked for ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Chosen:
    """Which of the executions that need attention; what is empty narrows nothing.

    `route` is that of the last attempt, without its number; `text` stands in the reason that they tell.
    """

    action: str = ""
    agent: str = ""
    route: str = ""
    text: str = ""
    since: datetime | None = None

    @classmethod
    def from_json(cls, said: dict[str, str]) -> Self:
        since = said.get("since")
        return cls(**{**said, "since": datetime.fromisoformat(since) if since else None})  # type: ignore[arg-type]

    def as_json(self) -> dict[str, str]:
        """What narrows it; the same for whoever asks for the same."""
        said = {name: value for name, value in asdict(self).items() if value}
        return {**said, "since": self.since.isoformat()} if self.since else said

    @property
    def key(self) -> str:
        return digest(self.as_json())

    def check(self) -> None:
        """Raise `Invalid` where a name is nobody's."""
        if self.action and not ActionType.objects.filter(name=self.action).exists():
            raise Invalid.field("/filter/action", f"There is no action type {self.action}.")
        if self.agent and not Agent.objects.filter(name=self.agent).exists():
            raise Invalid.field("/filter/agent", f"There is no agent {self.agent}.")

    def among(self, executions: ExecutionQuerySet) -> ExecutionQuerySet:
        """Those of them that are meant."""
        found = executions.filter(status=Execution.Status.NEEDS_ATTENTION)
        names = {"action": self.action, "proposal__agent__name": self.agent}
        found = found.filter(**{name: value for name, value in names.items() if value})
        if self.since:
            found = found.filter(attention__since__gte=self.since)
        if self.text:
            found = found.filter(reason__icontains=self.text)
        if self.route:
            found = with_last_route(found).filter(last_route=self.route)  # type: ignore[misc] # annotated
        return found


def with_last_route(executions: ExecutionQuerySet) -> ExecutionQuerySet:
    """Each with `last_route`: which way its last attempt took, without the number that a step gives it."""
    last = Attempt.objects.filter(step__execution=OuterRef("pk")).order_by("-pk")
    unnumbered = Func(
        F("route"),
        Value(r"^\d+\. "),
        Value(""),
        function="regexp_replace",
        output_field=CharField(),
    )
    return executions.annotate(last_route=Subquery(last.values(named=unnumbered)[:1]))


class Choice(NamedTuple):
    """A value by which executions that need attention can be narrowed, and how many have it."""

    value: str
    executions: int


def choices(user: User) -> dict[str, list[Choice]]:
    """The action types, agents and routes of what needs attention, the most frequent first."""
    everything = Chosen().among(Execution.objects.visible_to(user))
    names = ("action", "proposal__agent__name", "last_route")
    rows = list(with_last_route(everything).order_by().values_list(*names)[:MOST])
    return {
        field: _most_frequent(Counter(row[place] for row in rows if row[place]))
        for place, field in enumerate(("action", "agent", "route"))
    }


def _most_frequent(counted: Counter[str]) -> list[Choice]:
    return [Choice(*one) for one in sorted(counted.items(), key=lambda one: (-one[1], one[0]))[:MOST_OFFERED]]


# --- What would be done ---------------------------------------------------------------------------


class Candidate(NamedTuple):
    """An execution of this round, and why it is left out; empty: it can be retried."""

    execution: UUID
    round: int
    why: str


@dataclass(frozen=True)
class Preview:
    """What a bulk retry that is started now would do."""

    retried: list[Candidate]
    left_out: list[Candidate]
    more: bool  # than are retried at once
    as_of: datetime

    @property
    def counts(self) -> dict[str, int]:
        """How many are left out, by why."""
        return dict(Counter(one.why for one in self.left_out))


def preview(chosen: Chosen, user: User, *, as_of: datetime | None = None) -> Preview:
    """What of it this person could have retried. What has needed attention only since `as_of` is none of it.

    Raises `Invalid` where a name is nobody's.
    """
    chosen.check()
    until = as_of or moment()
    meant = chosen.among(Execution.objects.visible_to(user)).exclude(attention__since__gt=until)
    found = candidates(meant, most=MOST + 1)
    taken = found[:MOST]
    return Preview(
        retried=[one for one in taken if not one.why],
        left_out=[one for one in taken if one.why],
        more=len(found) > MOST,
        as_of=until,
    )


def seconds_for(count: int, rate: int) -> float:
    """How long so many take, at so many a minute."""
    return count * 60 / rate


class _Facts(NamedTuple):
    """What decides whether one is left out; many have the same."""

    undoing: bool
    assisted: bool
    agent: UUID
    action_type: int
    doubtful_step: str | None
    stands_at: str | None


def candidates(executions: ExecutionQuerySet, *, most: int) -> list[Candidate]:
    """These executions, the most urgent and then the oldest first."""
    ahead = Step.objects.filter(execution=OuterRef("pk"), status=Step.Status.WAITING, kind=Step.Kind.DO)
    stands_at = Subquery(ahead.order_by("position").values("name")[:1])
    facts = ("undoing", "assisted", "proposal__agent", "suggestion__action_type")
    rows = (
        executions.with_doubt()
        .annotate(stands_at=stands_at)
        .order_by("priority", "pk")
        .values_list("pk", "round", *facts, "doubtful_step", "stands_at")[:most]
    )
    judge = _Judge()
    return [Candidate(pk, round_, judge.why(_Facts(*told))) for pk, round_, *told in rows]


class _Judge:
    """Says why one is left out, by what kill switches and breakers say at this moment."""

    def __init__(self) -> None:
        self._halts = halts.on()
        self._shut = _shut_routes()
        self._types: dict[int, ActionType] = {}
        self._known: dict[_Facts, str] = {}

    def why(self, facts: _Facts) -> str:
        if facts not in self._known:
            self._known[facts] = self._judge(facts)
        return self._known[facts]

    def _judge(self, of: _Facts) -> str:
        action_type = self._type(of.action_type)
        if of.undoing:
            return WHY.UNDOING
        if could_act_twice(action_type, of.doubtful_step, assisted=of.assisted):
            return WHY.DOUBT
        if any(halt.stops(of.agent, action_type.name) for halt in self._halts):
            return WHY.HALT
        return WHY.SHUT if self._is_shut(action_type, of) else ""

    def _type(self, pk: int) -> ActionType:
        if pk not in self._types:
            self._types[pk] = ActionType.objects.get(pk=pk)
        return self._types[pk]

    def _is_shut(self, action_type: ActionType, of: _Facts) -> bool:
        """Whether nobody may ask any of the routes that the step has at which it stands."""
        try:
            workflow = workflow_of(action_type)
        except InvalidWorkflow:
            return False
        steps = workflow.steps if workflow and not of.assisted else []
        routes: Sequence[Any] = next((plan.routes for plan in steps if plan.name == of.stands_at), ())
        return bool(routes) and all(
            not isinstance(route, HandBack) and breaker_of(route) in self._shut for route in routes
        )


def _shut_routes() -> set[str]:
    """The routes that nobody tries before some time has passed, or somebody has closed their breaker."""
    now = moment()
    is_open = (one for one in breakers.states() if one.state == Breaker.State.OPEN)
    return {one.route for one in is_open if one.until is None or one.until > now}
