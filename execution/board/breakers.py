"""The routes that workers ask, and whether they may: what people see of breakers, and change by hand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from django.db.models import F, Window
from django.db.models.functions import RowNumber

from audit.ground.actors import Actor
from audit.ground.refusals import Invalid, Refusal
from execution.healing import breakers
from execution.holding.workflow import HandBack, InvalidWorkflow, Workflow, workflow_of
from execution.models import Breaker, BreakerChange
from execution.running.moves import breaker_of
from governance.models import ActionType

STATE = Breaker.State
HISTORY = 10  # changes of a route that are told, newest first
MOST = 500  # routes


class UnknownRoute(Invalid):
    def __init__(self) -> None:
        said = "No workflow has this route; name it as the list of breakers does."
        super().__init__([{"pointer": "/route", "detail": said}], said)


class ClosedAlready(Refusal):
    detail = "Workers ask this route already, and it did not fail."


class Stands(NamedTuple):
    """How a route stands, with the actions that use it and its latest changes.

    Without a breaker it never failed.
    """

    route: str
    breaker: Breaker | None
    actions: list[str]
    history: list[BreakerChange]

    @property
    def state(self) -> str:
        return self.breaker.state if self.breaker else STATE.CLOSED

    @property
    def failures(self) -> int:
        return self.breaker.failures if self.breaker else 0


def all_routes() -> list[Stands]:
    """Every route of a workflow in force, and whatever else is in trouble: those that are shut come first."""
    used = _used()
    troubled = breakers.states()
    known = {one.route: one for one in [*troubled, *breakers.states(list(used))]}
    routes = [*known, *sorted(set(used) - set(known))][:MOST]
    changes = _changes(routes)
    found = [Stands(route, known.get(route), used.get(route, []), changes[route]) for route in routes]
    return sorted(found, key=lambda one: (_URGENCY[one.state], not one.failures))


_URGENCY: dict[str, int] = {STATE.OPEN: 0, STATE.HALF_OPEN: 1, STATE.CLOSED: 2}


def stands(route: str) -> Stands:
    """How one route stands. Raises `UnknownRoute`."""
    used = _used().get(route)
    found = Breaker.objects.filter(pk=route).first()
    if used is None and found is None:
        raise UnknownRoute
    return Stands(route, found, used or [], _changes([route])[route])


def open_by_hand(route: str, *, actor: Actor, reason: str) -> Stands:
    """Let a route alone until somebody closes its breaker. Raises `UnknownRoute`, `NoReason`."""
    stands(route)
    breakers.open_by_hand(route, actor=actor, reason=reason)
    return stands(route)


def close_by_hand(route: str, *, actor: Actor, reason: str) -> Stands:
    """Let workers ask a route again. Raises `UnknownRoute`, `ClosedAlready`, `NoReason`."""
    found = stands(route)
    if found.state == STATE.CLOSED and not found.failures:
        raise ClosedAlready
    breakers.close_by_hand(route, actor=actor, reason=reason)
    return stands(route)


def _used() -> dict[str, list[str]]:
    """The names of the actions by the route that their workflows take."""
    used: dict[str, list[str]] = {}
    for action_type in ActionType.objects.current().exclude(workflow=None).order_by("name"):
        try:
            workflow = workflow_of(action_type)
        except InvalidWorkflow:
            continue
        for route in dict.fromkeys(_routes(workflow)):
            used.setdefault(route, []).append(action_type.name)
    return used


def _routes(workflow: Workflow | None) -> Iterator[str]:
    for plan in workflow.steps if workflow else []:
        for route in [*plan.routes, *(plan.undo.routes if plan.undo else [])]:
            if not isinstance(route, HandBack):
                yield breaker_of(route)


def _changes(routes: Iterable[str]) -> dict[str, list[BreakerChange]]:
    found: dict[str, list[BreakerChange]] = {route: [] for route in routes}
    numbered = BreakerChange.objects.filter(route__in=list(found)).annotate(
        nth=Window(RowNumber(), partition_by=F("route"), order_by=F("id").desc())
    )
    for change in numbered.filter(nth__lte=HISTORY).order_by("-id"):
        found[change.route].append(change)
    return found
