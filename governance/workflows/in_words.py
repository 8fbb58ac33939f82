"""A workflow in words: what is drawn of it, and what is read out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from audit.ground import egress
from audit.ground.figures import span
from audit.ground.unseen import shown
from governance.actions.route_kinds import (
    CalledRoute,
    HandBack,
    HttpRoute,
    McpRoute,
    MessageRoute,
    PythonRoute,
    RouteModel,
)
from governance.actions.workflow import Attend, Await, Look, Undo, Verify, Workflow, WorkflowStep

_LONGEST = 400  # letters of one expression; the whole stands in the text


class Line(NamedTuple):
    """One thing that is said: what it is about, and then plain words or (`code`) what was written."""

    label: str
    text: str
    code: bool = False


class Part(NamedTuple):
    """A part of a block with a shape of its own: a route, a question, what is waited for, what undoes it."""

    shape: str
    title: str
    lines: list[Line]


class Block(NamedTuple):
    """What happens at one point: looking first, a premise, or a step (`name`)."""

    shape: str
    title: str
    lines: list[Line]
    parts: list[Part]
    name: str = ""

    @property
    def sentence(self) -> str:
        told = [*self.lines, *(line for part in self.parts for line in (Line("", part.title), *part.lines))]
        return f"{self.title}: {'; '.join(f'{one.label} {one.text}'.strip() for one in told)}."


def blocks(plan: Workflow) -> Iterator[Block]:
    """From top to bottom, as it is carried out."""
    if plan.look:
        yield _look(plan.look)
    if plan.require or plan.stale_when:
        yield _premise(plan)
    if plan.preview:
        yield Block("look", "A dry run for the reviewers", _of_route(plan.preview.route, ""), [])
    for number, step in enumerate(plan.steps, start=1):
        yield _step(number, step, plan.currency)


def limits(plan: Workflow) -> list[str]:
    """What holds for all of it, a sentence each."""
    told = []
    if plan.within is not None:
        told.append(f"After {span(plan.within)} a person is asked.")
    if plan.budget is not None:
        told.append(f"Its attempts may cost {plan.budget:f} {plan.currency} together.")
    if any(step.undo for step in plan.steps):
        undone = (
            "undone at once where the policy allows it"
            if plan.compensate == "automatic"
            else "offered for undoing"
        )
        told.append(f"If a later step fails for good, what was done is {undone}.")
    if plan.attend.team or plan.attend.within:
        told.append(f"If it needs attention, {_attended(plan.attend)}.")
    return told


def _attended(attend: Attend) -> str:
    team = f"the team {shown(attend.team)}" if attend.team else "its proposal’s team"
    within = f" within {span(attend.within)}, then operators" if attend.within else ""
    return f"{team} is asked to see to it{within}"


def _look(look: Look) -> Block:
    lines = [*_of_route(look.route, ""), Line("Counts as now for", span(look.cached))]
    return Block("look", f"Look first: what {shown(look.says)} says", lines, [])


def _premise(plan: Workflow) -> Block:
    lines = [_code("Only if", plan.require)] if plan.require else []
    lines += [_code("Stale once it moved:", source) for source in plan.stale_when]
    return Block("premise", "Right before it is carried out", lines, [])


def _step(number: int, step: WorkflowStep, currency: str) -> Block:
    lines = [_code("Only if", step.if_)] if step.if_ else []
    parts = [
        Part("route", _route_title(place, len(step.routes)), _of_route(route, currency))
        for place, route in enumerate(step.routes, start=1)
    ]
    if any(route.is_called for route in step.routes):
        lines.append(Line("Tries each route", _tries(step)))
        lines.append(_code("Done when", step.success_when))
    parts += [_proof(step.verify)] if step.verify else []
    parts += [_wait(step.await_)] if step.await_ else []
    parts += [_undo(step.undo)] if step.undo else []
    return Block("step", f"Step {number}: {step.name}", lines, parts, step.name)


def _tries(step: WorkflowStep) -> str:
    retry = step.retry
    if retry.attempts == 1:
        return "once"
    return f"up to {retry.attempts} times within {span(retry.within)}"


def _route_title(place: int, count: int) -> str:
    if count == 1:
        return "The only route"
    return "First" if place == 1 else f"Otherwise, {place}."


def _proof(verify: Verify) -> Part:
    asked = f"Verify, for up to {span(verify.within)}"
    return Part("question", asked, [*_of_route(verify.route, ""), _code("Proved when", verify.expect)])


def _wait(awaited: Await) -> Part:
    lines = [Line("Up to", f"{span(awaited.within)}, then a person is asked")]
    lines += [_code("It has to say", awaited.expect)] if awaited.expect else []
    return Part("wait", f"Wait for the event {awaited.signal}", lines)


def _undo(undo: Undo) -> Part:
    return Part("undo", "To undo it", [line for route in undo.routes for line in _of_route(route, "")])


def _of_route(route: RouteModel, currency: str) -> list[Line]:
    lines = list(_leads_to(route))
    if isinstance(route, CalledRoute) and route.cost:
        lines.append(Line("Costs", f"{route.cost:f} {currency} an attempt".replace("  ", " ")))
    if names := sorted({name for _, name in route.secrets()}):
        lines.append(Line("Uses the secrets" if names[1:] else "Uses the secret", ", ".join(names)))
    if isinstance(route, CalledRoute) and route.idempotent:
        lines.append(Line("", "Asked twice, it acts once"))
    return lines


def _leads_to(route: RouteModel) -> Iterator[Line]:
    if isinstance(route, HttpRoute):
        yield Line(f"HTTP {route.method}", _host(route.url))
        yield _code("", _path(route.url))
    elif isinstance(route, McpRoute):
        yield Line("MCP server", _host(route.url))
        yield _code("Tool", route.tool)
    elif isinstance(route, PythonRoute):
        yield _code("Python", route.callable)
    elif isinstance(route, MessageRoute):
        yield Line("Message to the broker", route.broker)
        told = route.task or f"{route.exchange or 'the default exchange'} {route.routing_key}".strip()
        yield _code("Task" if route.task else "To", told)
    elif isinstance(route, HandBack):
        yield Line("By hand:", "the agent" if route.to == "agent" else f"the team {shown(route.to.team)}")
        yield Line("Within", span(route.within))


def _host(url: str) -> str:
    return egress.host_and_port(url.partition("{")[0] if url.count("/") > 2 else url)


def _path(url: str) -> str:
    rest = url.partition("://")[2]
    return "/" + rest.partition("/")[2]


def _code(label: str, source: Any) -> Line:
    text = shown(str(source))
    return Line(label, text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…", code=True)
