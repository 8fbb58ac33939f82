"""Hard limits of an agent: what it may ask for at all, checked before any rule of a policy.

They are checked in this order, and the first that is crossed refuses: `enabled`, `active_hours`,
`rate` (who asks, and when), then `action_types`, `deployment`, `data_classes` (for what), and
`budget` (how much). Nothing here is a matter of opinion: no rule and no person loosens a boundary
but an operator who sets another one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Annotated, Any, Literal, TypeVar, get_args

from django.conf import settings
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

from audit.ground import hours
from audit.ground.durations import Duration
from audit.ground.refusals import Invalid, Refusal, pointer_of
from governance.actions.catalogue import Entry
from governance.models import Agent

Limits = TypeVar("Limits", bound="Boundaries")

MOST_BUDGETS = 20
LONGEST_WINDOW = 90 * 86_400
UNITS = {"minute": 60, "hour": 3_600, "day": 86_400}

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.:-]{1,128}$")]
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DataClass = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_.-]{0,63}$")]


class BoundaryHit(Refusal):
    """An agent asked for something outside of its boundaries.

    `boundary` names which one, `actions` what was asked for where that was looked at already.
    """

    boundary = ""

    def __init__(self, detail: str = "", *, actions: Iterable[str] = (), **facts: Any) -> None:
        self.actions = sorted(set(actions))
        super().__init__(detail, boundary=self.boundary, **facts)


class AgentDisabled(BoundaryHit):
    boundary = "enabled"
    detail = "This agent is disabled; an operator can enable it."


class OutsideHours(BoundaryHit):
    """It is not at work now; `opens_at` says when it is."""

    boundary = "active_hours"


class OutOfScope(BoundaryHit):
    """The agent may not propose this action."""

    boundary = "action_types"


class DeploymentRequired(BoundaryHit):
    """The proposal does not come from the deployment that was approved for this agent."""

    boundary = "deployment"


class ClassNotGranted(BoundaryHit):
    """The action touches data of a class that the agent was not granted."""

    boundary = "data_classes"


class BoundariesUnreadable(BoundaryHit):
    boundary = "boundaries"
    detail = (
        "The boundaries of this agent can't be read, so nothing passes them; an operator has to set them."
    )


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _rate(text: str) -> str:
    count, _, unit = text.replace(" ", "").partition("/")
    if not (count.isascii() and count.isdecimal() and 1 <= int(count[:12]) <= 10**9 and unit in UNITS):
        raise ValueError(f"{text!r} is not a rate; write one as 60/minute, 500/hour or 2000/day")
    return f"{int(count)}/{unit}"


def _window(seconds: float) -> float:
    if not 60 <= seconds <= LONGEST_WINDOW:
        raise ValueError("a window is between a minute and 90 days")
    return seconds


class Budget(_Strict):
    """The sum of a numeric argument over a sliding window, for one action or (null) over all of them."""

    argument: str = Field(min_length=1, max_length=100)
    action: Name | None = None
    per: Annotated[Duration, AfterValidator(_window)] = 86_400.0
    most: Annotated[Decimal, Field(ge=0, le=10**15, max_digits=20, decimal_places=6)]

    def concerns(self, action: str) -> bool:
        return self.action is None or self.action == action


class ActiveHours(_Strict):
    """When the agent is at work. An end before the beginning is on the next day."""

    days: Annotated[list[Day], Field(min_length=1), AfterValidator(hours.in_order)] = list(get_args(Day))
    begin: Annotated[str, AfterValidator(hours.clock)] = Field(alias="from")
    end: Annotated[str, AfterValidator(hours.clock_or_midnight)] = Field(alias="to")
    time_zone: Annotated[str, AfterValidator(hours.zone_name)] = "UTC"

    @model_validator(mode="after")
    def _some_time(self) -> ActiveHours:
        if self.begin == self.end:
            raise ValueError("begin and end are the same; a whole day is from 00:00 to 24:00")
        return self

    @property
    def week(self) -> hours.Week:
        return hours.Week(tuple(self.days), self.begin, self.end, self.time_zone)


def _each_window_once(rates: list[str]) -> list[str]:
    if len({rate.partition("/")[2] for rate in rates}) != len(rates):
        raise ValueError("two rates are for the same window")
    return rates


def _once(values: list[str]) -> list[str]:
    return sorted(set(values))


class Boundaries(_Strict):
    """What `Agent.boundaries` holds. Left out means: no such limit, and the usual rate."""

    data_classes: Annotated[list[DataClass], Field(max_length=100), AfterValidator(_once)] | None = None
    rates: (
        Annotated[
            list[Annotated[str, AfterValidator(_rate)]],
            Field(min_length=1, max_length=3),
            AfterValidator(_each_window_once),
        ]
        | None
    ) = None
    budgets: list[Budget] = Field(default=[], max_length=MOST_BUDGETS)
    deployment_required: bool = False
    active_hours: ActiveHours | None = None

    @model_validator(mode="after")
    def _one_budget_for_each(self) -> Boundaries:
        named = [(b.argument, b.action, b.per) for b in self.budgets]
        if len(set(named)) != len(named):
            raise ValueError("two budgets are for the same argument, action and window")
        return self

    @property
    def rates_in_force(self) -> list[str]:
        return self.rates or [settings.RATE_LIMIT]

    def as_json(self) -> dict[str, Any]:
        """As it is stored and told: what is not said is left out of it."""
        stated = self.model_dump(mode="json", by_alias=True, exclude_defaults=True)
        for budget in stated.get("budgets", []):
            budget["most"] = _plain(budget["most"])
        return stated


class AgentLimits(Boundaries):
    """All that an operator says about an agent, in one text."""

    enabled: bool
    action_types: Annotated[list[Name], Field(max_length=500), AfterValidator(_once)] | None

    @property
    def boundaries(self) -> Boundaries:
        return Boundaries.model_construct(**{n: getattr(self, n) for n in Boundaries.model_fields})


def read(value: Any) -> AgentLimits:
    """What an operator says about an agent. Raises `Invalid`, naming each mistake."""
    return _validated(AgentLimits, value)


def of(agent: Agent) -> Boundaries:
    """The boundaries of an agent, read once per distinct value. Raises `BoundariesUnreadable`."""
    stated = agent.boundaries
    try:
        # Whom authentication found has them as PostgreSQL's text.
        return _parsed(stated if isinstance(stated, str) else json.dumps(stated, sort_keys=True))
    except (Invalid, TypeError) as error:
        raise BoundariesUnreadable from error


def limits_of(agent: Agent) -> AgentLimits:
    """The present limits of an agent in one piece."""
    stated = of(agent)
    said = {name: getattr(stated, name) for name in Boundaries.model_fields}
    return AgentLimits.model_construct(enabled=agent.enabled, action_types=agent.allowed_actions, **said)


def check_enabled_and_within_hours(agent: Agent, now: datetime) -> None:
    """Whether it may ask for anything now. Raises `AgentDisabled`, `OutsideHours`."""
    if not agent.enabled:
        raise AgentDisabled
    at_work = of(agent).active_hours
    if at_work is None or at_work.week.covers(now):
        return
    opens = at_work.week.next_after(now)
    raise OutsideHours(
        f"This agent is at work {at_work.week}; it is {hours.told(now, at_work.time_zone)} there.",
        opens_at=opens.isoformat(),
    )


def check_actions(agent: Agent, actions: Sequence[str]) -> None:
    """Whether it may propose these at all. Raises `OutOfScope`."""
    for action in actions:
        if not agent.may_propose(action):
            raise OutOfScope(
                f"This agent may not propose {action[:100]}, only {_listed(agent.allowed_actions or [])}.",
                actions=actions,
            )


def check_deployment(agent: Agent, actions: Sequence[str], *, stated: str, active: str) -> None:
    """Whether it says, truly, that it runs as approved. Raises `DeploymentRequired`."""
    if not of(agent).deployment_required or (active and stated == active):
        return
    wanted = f"name {active} in provenance.deployment" if active else "a deployment has to be activated first"
    said = f"This proposal names {stated[:200]}" if stated else "This proposal names no deployment"
    raise DeploymentRequired(
        f"{said}, and this agent may only propose from its own: {wanted}.", actions=actions
    )


def check_classes(agent: Agent, entry: Entry, arguments: dict[str, Any]) -> None:
    """Whether it was granted every class of data that an action touches. Raises `ClassNotGranted`."""
    granted = of(agent).data_classes
    if granted is None:
        return
    missing = sorted(entry.touched(arguments).difference(granted))
    if missing:
        raise ClassNotGranted(
            f"{entry.type.name} touches {', '.join(missing)} data; it was granted {_listed(granted)}.",
            actions=[entry.type.name],
            missing=missing,
        )


def _validated(model: type[Limits], value: Any) -> Limits:
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise Invalid(
            [
                {"pointer": pointer_of(e["loc"]), "detail": _sentence(e)}
                for e in error.errors(include_url=False)
            ]
        ) from error


def _sentence(error: ErrorDetails) -> str:
    known = {
        "missing": "This has to be said.",
        "extra_forbidden": "This is unknown here.",
        "decimal_parsing": "Write a number, such as 2000 or 99.50.",
        "decimal_type": "Write a number, such as 2000 or 99.50.",
        "greater_than_equal": "It can't be less than 0.",
        "too_short": "Name at least one.",
    }
    text = known.get(error["type"]) or error["msg"].removeprefix("Value error, ")
    return text[0].upper() + text[1:]


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - 10} more" if len(names) > 10 else ""
    return f"{', '.join(names[:10])}{more}" if names else "nothing"


@lru_cache(maxsize=1_024)
def _parsed(text: str) -> Boundaries:
    return _validated(Boundaries, json.loads(text))


def _plain(number: str | Decimal) -> int | float:
    """A number as JSON has it: 2000, not 2E+3."""
    value = Decimal(number)
    return int(value) if value == value.to_integral_value() else float(value)


NONE = Boundaries()
