"""How an action is carried out: ordered steps, each with routes in order of preference.

This is the shape and its check, made when an action type is registered. `execution` runs it.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any, Literal

import uritemplate
from pydantic import Field, ValidationError, field_validator, model_validator

from audit.ground.durations import Duration
from governance.actions.credentials import Path
from governance.actions.route_kinds import (
    KINDS,
    Checked,
    HandBack,
    HttpRoute,
    Route,
    address,
    condition,
    sendable,
)
from governance.schemas.data_classes import object_in


class InvalidWorkflow(ValueError):
    """It cannot be run as it is written; the message begins with the path to the mistake."""


def parse(workflow: Any) -> Workflow:
    """The workflow, checked: addresses, durations and every expression. Raises `InvalidWorkflow`."""
    try:
        return Workflow.model_validate(workflow)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        raise InvalidWorkflow(f"{_path(first['loc'])}: {_sentence(first['msg'])}") from error


def check(workflow: Any, schema: dict[str, Any]) -> None:
    """Also that addresses are built from arguments the schema knows. Raises `InvalidWorkflow`."""
    known = object_in(schema, "properties")
    for path, template in parse(workflow).addresses():
        for name in template.variable_names:
            if name not in known:
                raise InvalidWorkflow(f"{path}: {{{name}}} is not an argument in the schema")


class Retry(Checked):
    """How often one route is tried and how long is waited in between (full jitter)."""

    attempts: int = Field(default=5, ge=1, le=20)
    base: Duration = Field(default=0.5, gt=0, le=3600)
    cap: Duration = Field(default=60.0, gt=0, le=86400)
    within: Duration = Field(default=600.0, gt=0, le=7 * 86400)


class Verify(Checked):
    """A question whose answer proves that the step took effect."""

    method: Literal["GET"] = "GET"
    url: str = Field(min_length=8, max_length=2_000)
    headers: dict[str, str] = Field({}, max_length=20)
    expect: str = Field(min_length=1, max_length=4_000)

    _check_url = field_validator("url")(address)
    _check_expect = field_validator("expect")(condition)
    _check_headers = field_validator("headers")(sendable)

    @cached_property
    def route(self) -> HttpRoute:
        """The question as a route."""
        return HttpRoute(kind="http", method=self.method, url=self.url, headers=self.headers)


class WorkflowStep(Checked):
    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")
    routes: list[Route] = Field(min_length=1, max_length=10)
    retry: Retry = Retry()
    success_when: str = Field("response.status < 300", min_length=1, max_length=4_000)
    verify: Verify | None = None

    _check_success_when = field_validator("success_when")(condition)

    @field_validator("routes")
    @classmethod
    def _hand_back_last(cls, routes: list[Any]) -> list[Any]:
        if not all(route.is_called for route in routes[:-1]):
            raise ValueError("only the last route can hand back: nothing comes after it")
        return routes


class Workflow(Checked):
    steps: list[WorkflowStep] = Field(min_length=1, max_length=20)

    @model_validator(mode="after")
    def _names_once(self) -> Workflow:
        names = [step.name for step in self.steps]
        if len(set(names)) != len(names):
            raise ValueError("two steps have the same name")
        return self

    def addresses(self) -> Iterator[tuple[str, uritemplate.URITemplate]]:
        for i, step in enumerate(self.steps):
            for j, route in enumerate(step.routes):
                for name, template in route.templates():
                    yield f"steps.{i}.routes.{j}.{name}", template
            if step.verify:
                yield f"steps.{i}.verify.url", step.verify.route.template

    def secrets(self) -> Iterator[tuple[Path, str]]:
        """The names of the secrets that it uses, with the path to each."""
        for i, step in enumerate(self.steps):
            for j, route in enumerate(step.routes):
                for field, name in route.secrets():
                    yield ("steps", i, "routes", j, *field.split(".", 1)), name
            for field, name in step.verify.route.secrets() if step.verify else ():
                yield ("steps", i, "verify", *field.split(".", 1)), name

    @property
    def longest(self) -> float:
        """The seconds after which every route has used up its time."""
        return sum(
            route.within if isinstance(route, HandBack) else step.retry.within
            for step in self.steps
            for route in step.routes
        )


def _path(location: tuple[int | str, ...]) -> str:
    """`steps.0.routes.1.url`, without the names of the kinds that pydantic adds."""
    parts = [str(part) for i, part in enumerate(location) if not _is_kind(location, i)]
    return ".".join(parts) or "workflow"


def _is_kind(location: tuple[int | str, ...], index: int) -> bool:
    return index >= 2 and location[index] in KINDS and location[index - 2] == "routes"


def _sentence(message: str) -> str:
    return message.removeprefix("Value error, ")
