"""How an action is carried out: ordered steps, each with routes in order of preference.

This is the shape and its check, made when an action type is registered. `execution` runs it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from difflib import get_close_matches
from typing import Annotated, Any, Literal, NamedTuple

import uritemplate
from pydantic import BaseModel, Field, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails

from audit.ground.durations import Duration
from governance.actions import by_hand, callables
from governance.actions.credentials import OAuth2, Path
from governance.actions.route_kinds import (
    KINDS,
    Checked,
    HandBack,
    HttpRoute,
    McpRoute,
    MessageRoute,
    PythonRoute,
    Readable,
    Route,
    RouteModel,
    ToTeam,
)
from governance.actions.templates import (
    KNOWN,
    KNOWN_AFTER,
    KNOWN_BEFORE,
    KNOWN_LATER,
    KNOWN_SIGNAL,
    Before,
    OfAnswer,
    OfSignal,
    Premise,
    Several,
    Values,
    compiled,
    expressions,
    members_of,
)
from governance.schemas.data_classes import object_in

_STEP_NAME = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"


def is_step_name(name: str) -> bool:
    return re.match(_STEP_NAME, name) is not None and not name.startswith("undo.")


class InvalidWorkflow(ValueError):
    """It cannot be run as it is written; the message begins with the path to the mistake."""


class Mistake(NamedTuple):
    """What is wrong in a workflow, and where."""

    path: Path
    text: str

    def __str__(self) -> str:
        return f"{'.'.join(map(str, self.path)) or 'workflow'}: {self.text}"


class Retry(Checked):
    """How often one route is tried and how long is waited in between (full jitter)."""

    attempts: int = Field(default=5, ge=1, le=20)
    base: Duration = Field(default=0.5, gt=0, le=3600)
    cap: Duration = Field(default=60.0, gt=0, le=86400)
    within: Duration = Field(default=600.0, gt=0, le=7 * 86400)


class Verify(Checked):
    """A question whose answer proves that the step took effect; asked again for a while where it does not.

    Once it was written as an address alone (`method`, `url`, `headers`), which is still read.
    """

    route: Readable
    expect: OfAnswer
    within: Duration = Field(default=2.0, ge=0, le=7 * 86400)

    @model_validator(mode="before")
    @classmethod
    def _of_an_address(cls, given: Any) -> Any:
        if not isinstance(given, dict) or "url" not in given:
            return given
        rest = {name: value for name, value in given.items() if name not in ("method", "url", "headers")}
        route = {name: given[name] for name in ("url", "headers") if name in given}
        return {**rest, "route": {"kind": "http", "method": given.get("method", "GET"), **route}}

    @field_validator("route")
    @classmethod
    def _only_reads(cls, route: Any) -> Any:
        return only_reads(route)


def only_reads(route: RouteModel) -> RouteModel:
    """A route that may be asked as often as one likes. Raises `ValueError`."""
    if isinstance(route, HttpRoute) and route.method != "GET":
        raise ValueError("a question is asked with GET: it changes nothing")
    return route


class Await(Checked):
    """An outside event that ends the step, told over the API; after `within` a person is asked."""

    signal: str = Field(pattern=r"^[a-z][a-z0-9_.-]{0,63}$")
    within: Duration = Field(default=86400.0, ge=1, le=90 * 86400)
    expect: OfSignal | None = None


class Undo(Checked):
    """What takes a step back. It may use what that step answered."""

    routes: list[Route] = Field(min_length=1, max_length=10)
    retry: Retry = Retry()
    success_when: OfAnswer = "response.status < 300"


class Look(Checked):
    """A question of what is there now, asked before people decide and again before anything is done.

    `show` names what the desk shows of the answer; without it the members of the answer are shown.
    """

    route: Readable
    cached: Duration = Field(default=30.0, ge=1, le=3600)
    show: Annotated[Values, Field(max_length=20)] = {}
    says: str = Field("the service", min_length=1, max_length=60)

    @field_validator("route")
    @classmethod
    def _only_reads(cls, route: Any) -> Any:
        return only_reads(route)


class Preview(Checked):
    """A dry run of the service: what would change. The service itself has to know that it is one."""

    route: Readable


class Attend(Checked):
    """Who is asked where it needs attention, and how long until operators are.

    Without them it is the proposal's team, and as long as the setting ATTEND_WITHIN_SECONDS says.
    """

    team: str | None = Field(None, min_length=1, max_length=100)
    within: Duration | None = Field(None, ge=60, le=30 * 86400)


def _wrong_route(route: RouteModel, routes: list[RouteModel], index: int) -> str:
    if not route.is_called and index < len(routes) - 1:
        return "only the last route can hand back: nothing comes after it"
    if str(route) in map(str, routes[:index]):
        return "two routes are the same: this one would lead back to the one before"
    return ""


class WorkflowStep(Checked):
    """One step: routes in order of preference, or an event to wait for, or the one and then the other."""

    name: str = Field(pattern=_STEP_NAME)
    if_: Before | None = Field(None, alias="if")
    routes: list[Route] = Field([], max_length=10)
    retry: Retry = Retry()
    success_when: OfAnswer = "response.status < 300"
    verify: Verify | None = None
    await_: Await | None = Field(None, alias="await")
    undo: Undo | None = None

    @field_validator("routes")
    @classmethod
    def _each_once_and_hand_back_last(cls, routes: list[Any]) -> list[Any]:
        told = [((i,), _wrong_route(route, routes, i)) for i, route in enumerate(routes)]
        if found := [(path, problem) for path, problem in told if problem]:
            raise Several(found)
        return routes

    @model_validator(mode="after")
    def _does_something(self) -> WorkflowStep:
        if not self.routes and self.await_ is None:
            raise ValueError("a step needs routes, or an event to wait for (await)")
        if not self.routes and (self.verify or self.undo):
            raise ValueError("a step without routes has nothing to verify or to undo")
        return self

    @property
    def longest(self) -> float:
        """The seconds after which it has used up its time."""
        routes = sum(r.within if isinstance(r, HandBack) else self.retry.within for r in self.routes)
        proof = self.verify.within if self.verify else 0
        return routes + proof + (self.await_.within if self.await_ else 0)


class Workflow(Checked):
    """Steps in order, and what holds for all of them."""

    steps: list[WorkflowStep] = Field(min_length=1, max_length=20)
    currency: str = Field("", pattern=r"^([A-Z]{3})?$")
    budget: Decimal | None = Field(None, gt=0, max_digits=15, decimal_places=6)
    within: Duration | None = Field(None, ge=1, le=90 * 86400)
    compensate: Literal["ask", "automatic"] = "ask"
    attend: Attend = Attend()
    look: Look | None = None
    preview: Preview | None = None
    require: Premise | None = None
    stale_when: list[Premise] = Field([], max_length=20)

    @model_validator(mode="after")
    def _fits_together(self) -> Workflow:
        if found := list(self._apart()):
            raise Several(found)
        return self

    def _apart(self) -> Iterator[tuple[Path, str]]:
        names = [step.name for step in self.steps]
        for i, name in enumerate(names):
            if name in names[:i]:
                yield ("steps", i, "name"), f"two steps have the same name: {name}"
            if name.startswith("undo."):
                yield ("steps", i, "name"), f"{name}: names with undo. are for what undoes a step"
        if self.budget is not None and not self.currency:
            yield ("budget",), "a budget needs a currency"
        for word in ("require", "stale_when"):
            if self.look is None and getattr(self, word):
                yield (word,), f"{word} needs a look: what is there now"

    def routes(self) -> Iterator[tuple[Path, RouteModel]]:
        """Every route, with its path."""
        for i, step in enumerate(self.steps):
            for j, route in enumerate(step.routes):
                yield ("steps", i, "routes", j), route
            if step.verify:
                yield ("steps", i, "verify", "route"), step.verify.route
            for j, route in enumerate(step.undo.routes if step.undo else []):
                yield ("steps", i, "undo", "routes", j), route
        if self.look:
            yield ("look", "route"), self.look.route
        if self.preview:
            yield ("preview", "route"), self.preview.route

    def addresses(self) -> Iterator[tuple[Path, RouteModel, uritemplate.URITemplate]]:
        """Every address that is built from arguments, with its path."""
        for path, route in self.routes():
            for field, template in route.templates():
                yield (*path, field), route, template

    def secrets(self) -> Iterator[tuple[Path, str]]:
        """The names of the secrets that it uses, with the path to each."""
        for path, route in self.routes():
            for field, name in route.secrets():
                yield (*path, *field.split(".", 1)), name

    def not_allowed(self) -> Iterator[tuple[Path, str]]:
        """The addresses that no worker may call, each with its path and why."""
        for path, route in self.routes():
            for field, text in route.not_allowed():
                yield (*path, *field.split(".")), text

    @property
    def longest(self) -> float:
        """The seconds after which a person is asked, whatever happened."""
        longest = sum(step.longest for step in self.steps)
        return longest if self.within is None else min(longest, self.within)


def parse(workflow: Any) -> Workflow:
    """The workflow, checked by itself: addresses, spans, expressions. Raises `InvalidWorkflow`."""
    try:
        return Workflow.model_validate(workflow)
    except ValidationError as error:
        raise InvalidWorkflow(str(_of_form(error)[0])) from error


def check(workflow: Any, schema: dict[str, Any]) -> None:
    """Also that its names are those of arguments and steps. Raises `InvalidWorkflow`."""
    if found := mistakes(workflow, schema):
        raise InvalidWorkflow(str(found[0]))


def mistakes(workflow: Any, schema: dict[str, Any]) -> list[Mistake]:
    """Everything that is wrong with it; what has not even the form is not looked at further."""
    try:
        plan = Workflow.model_validate(workflow)
    except ValidationError as error:
        return _of_form(error)
    return [
        *_unknown_arguments(plan, schema),
        *_unknown_steps(plan),
        *_unknown_callables(plan),
        *_handed_wrongly(plan),
    ]


def _unknown_arguments(plan: Workflow, schema: dict[str, Any]) -> Iterator[Mistake]:
    known = object_in(schema, "properties")
    for path, route, template in plan.addresses():
        for name in template.variable_names:
            if name not in known and name not in getattr(route, "with_", {}):
                yield Mistake(path, f"{{{name}}} is not an argument in the schema")


def _unknown_callables(plan: Workflow) -> Iterator[Mistake]:
    for path, route in plan.routes():
        if isinstance(route, PythonRoute) and (problem := callables.unknown(route.callable)):
            yield Mistake((*path, "callable"), problem)


def _handed_wrongly(plan: Workflow) -> Iterator[Mistake]:
    """Where it goes to a team that is not there, or with a form that can't be filled in."""
    if plan.attend.team and (problem := by_hand.unknown_team(plan.attend.team)):
        yield Mistake(("attend", "team"), problem)
    for path, route in plan.routes():
        if not isinstance(route, HandBack) or route.to == "agent":
            continue
        if problem := by_hand.unknown_team(route.to.team):
            yield Mistake((*path, "to", "team"), problem)
        for inside, problem in by_hand.mistakes_of_form(route.to.form):
            yield Mistake((*path, "to", "form", *filter(None, inside.split("."))), problem)


def _unknown_steps(plan: Workflow) -> Iterator[Mistake]:
    """Where an expression uses the answer of a step that does not come before it."""
    for path, source, known in expressions_in(plan):
        before = _steps_before(plan, path)
        try:
            tree = compiled(source, known).tree
        except ValueError as error:  # a fact that is not known at this place
            yield Mistake(path, str(error))
            continue
        for name in members_of("steps", tree):
            if name not in before:
                yield Mistake(path, f"there is no step {name} before this one")


def _steps_before(plan: Workflow, path: Path) -> list[str]:
    if path[0] != "steps":
        return []
    index = int(path[1])
    # What comes after the call may use the step's own answer.
    own = index + (path[2] in ("verify", "undo", "await"))
    return [step.name for step in plan.steps[:own]]


def expressions_in(plan: Workflow) -> Iterator[tuple[Path, str, tuple[str, ...]]]:
    """Every expression, with its path and what it may ask for."""
    for path, route in plan.routes():
        for field, value in route.given():
            for inside, source in expressions(value):
                yield (*path, field, *inside), source, KNOWN_LATER if "undo" in path else KNOWN
    for i, step in enumerate(plan.steps):
        at: Path = ("steps", i)
        if step.if_:
            yield (*at, "if"), step.if_, KNOWN
        yield (*at, "success_when"), step.success_when, KNOWN_AFTER
        if step.verify:
            yield (*at, "verify", "expect"), step.verify.expect, KNOWN_AFTER
        if step.await_ and step.await_.expect:
            yield (*at, "await", "expect"), step.await_.expect, KNOWN_SIGNAL
        if step.undo:
            yield (*at, "undo", "success_when"), step.undo.success_when, KNOWN_AFTER
    if plan.require:
        yield ("require",), plan.require, KNOWN_BEFORE
    for i, source in enumerate(plan.stale_when):
        yield ("stale_when", i), source, KNOWN_BEFORE
    for inside, source in expressions(plan.look.show if plan.look else {}):
        yield ("look", "show", *inside), source, KNOWN


_PARTS: dict[str, type[BaseModel]] = {
    "": Workflow,
    "steps": WorkflowStep,
    "retry": Retry,
    "verify": Verify,
    "await": Await,
    "undo": Undo,
    "look": Look,
    "preview": Preview,
    "attend": Attend,
    "oauth2": OAuth2,
    "team": ToTeam,
    "http": HttpRoute,
    "mcp": McpRoute,
    "python": PythonRoute,
    "message": MessageRoute,
    "handback": HandBack,
}


def _of_form(error: ValidationError) -> list[Mistake]:
    found = error.errors(include_url=False, include_input=False)
    return [mistake for one in found for mistake in _told(one)]


def _told(error: ErrorDetails) -> Iterator[Mistake]:
    path, context = _path(error["loc"]), error.get("ctx", {})
    cause = context.get("error")
    if isinstance(cause, Several):
        yield from (Mistake((*path, *inside), text) for inside, text in cause.found)
    elif error["type"] == "extra_forbidden":
        yield Mistake(path, _unknown(error["loc"]))
    elif error["type"] == "missing":
        yield Mistake(path, f"{path[-1]} is missing")
    elif error["type"] == "union_tag_not_found":
        yield Mistake(path, f"kind is missing: {context['discriminator']} is one of {', '.join(KINDS)}")
    elif error["type"] == "union_tag_invalid":
        text = f"{str(context['tag'])[:40]} is no kind of route here; there are {context['expected_tags']}"
        yield Mistake((*path, "kind"), text.replace("'", ""))
    else:
        yield Mistake(path, error["msg"].removeprefix("Value error, "))


def _unknown(location: Path) -> str:
    """That there is no such member, and which was meant."""
    words = [part for part in location[:-1] if isinstance(part, str)]
    fields = _PARTS[words[-1] if words else ""].model_fields
    known = [field.alias or name for name, field in fields.items()]
    close = get_close_matches(str(location[-1]), known, n=1)
    meant = f"did you mean {close[0]}?" if close else f"known are {', '.join(known)}"
    return f"{str(location[-1])[:100]} is unknown here; {meant}"


def _path(location: Path) -> Path:
    """`steps.0.routes.1.url`, without the names of the kinds that pydantic adds."""
    return tuple(part for i, part in enumerate(location) if not _is_kind(location, i))


def _is_kind(location: Path, index: int) -> bool:
    if index and location[index - 1] == "to":  # of what a hand-back goes to
        return True
    if location[index] not in KINDS:
        return False
    return location[index - 1] == "route" or (index >= 2 and location[index - 2] == "routes")
