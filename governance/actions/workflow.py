"""How an action is carried out: ordered steps, each with routes in order of preference.

This is the shape and its check, made when an action type is registered. `execution` runs it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Annotated, Any, Literal

import uritemplate
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from audit.ground import egress
from audit.ground.durations import Duration
from governance.expressions.cel import BadExpression, Expression

LONGEST_CALL = 25.0  # seconds; a call has to fit into a task's time limit, and that into a lease
KNOWN = ("args", "proposal", "execution")
KNOWN_AFTER = (*KNOWN, "response")

# The worker's own: a workflow that set them could lie about length, host or identity.
OUR_HEADERS = {
    "accept-encoding",
    "connection",
    "content-length",
    "content-type",
    "expect",
    "host",
    "idempotency-key",
    "te",
    "traceparent",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
}


class InvalidWorkflow(ValueError):
    """It cannot be run as it is written; the message begins with the path to the mistake."""


def parse(workflow: Any) -> Workflow:
    """The workflow, checked: addresses, durations and every expression. Raises `InvalidWorkflow`."""
    try:
        return Workflow.model_validate(workflow)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        raise InvalidWorkflow(f"{_path(first['loc'])}: {_sentence(first['msg'])}") from error


def check(workflow: Any, schema: Mapping[str, Any]) -> None:
    """Also that addresses are built from arguments the schema knows. Raises `InvalidWorkflow`."""
    known = set(schema.get("properties", {}))
    for path, template in parse(workflow).addresses():
        for name in template.variable_names:
            if name not in known:
                raise InvalidWorkflow(f"{path}: {{{name}}} is not an argument in the schema")


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _address(url: str) -> str:
    """An RFC 6570 template whose scheme, host and port are written out."""
    template = uritemplate.URITemplate(url)
    for variable in template.variables:
        if variable.operator.value in ("+", "#"):
            raise ValueError(f"{{{variable.original}}} would put an argument into the address unescaped")
    start, _, _ = url.partition("{")
    if template.variables and start.count("/") < 3:
        raise ValueError("the host must be written out, not taken from the arguments")
    remains = url
    for variable in template.variables:
        remains = remains.replace("{" + variable.original + "}", "")
    if "{" in remains or "}" in remains:
        raise ValueError("has a brace without its other half")
    try:
        egress.read_url(template.expand(dict.fromkeys(template.variable_names, "x")))
    except egress.Refused as error:
        raise ValueError(str(error)) from error
    return url


def _condition(source: str) -> str:
    try:
        Expression(source, KNOWN_AFTER)
    except BadExpression as error:
        raise ValueError(str(error)) from error
    return source


MOST_BODY = 16e6  # bytes that the answers of all expressions in one body may take


def _body(value: Any) -> Any:
    size = 0.0
    for source in _expressions(value):
        try:
            size += Expression(source, KNOWN).cost.memory
        except BadExpression as error:
            raise ValueError(f"{source[:200]!r}: {error}") from error
        if size > MOST_BODY:
            raise ValueError(
                f"{source[:200]!r}: with this one the body can take more than "
                f"{MOST_BODY / 1e6:.0f} MB; it says too much too often"
            )
    return value


def _expressions(value: Any) -> Iterator[str]:
    if isinstance(value, str) and value.startswith("="):
        yield value[1:]
    elif isinstance(value, dict):
        for item in value.values():
            yield from _expressions(item)
    elif isinstance(value, list):
        for item in value:
            yield from _expressions(item)


class HttpRoute(_Model):
    """A call. Its address is built from the arguments, its body from CEL (`"=args.amount"`).

    Without a body the arguments are sent as they are. `idempotent` says that this
    service honours `Idempotency-Key`: asked twice, it acts once.
    """

    kind: Literal["http"]
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = "POST"
    url: str = Field(min_length=8, max_length=2_000)
    headers: dict[str, str] = Field({}, max_length=20)
    body: dict[str, Any] | None = None
    timeout: Duration = Field(10.0, gt=0, le=LONGEST_CALL)
    idempotent: bool = False

    _check_url = field_validator("url")(_address)
    _check_body = field_validator("body")(_body)

    @field_validator("headers")
    @classmethod
    def _check_headers(cls, headers: dict[str, str]) -> dict[str, str]:
        for name, value in headers.items():
            if name.lower() in OUR_HEADERS:
                raise ValueError(f"{name} is set by the worker")
            if not egress.is_header(name, value):
                raise ValueError(f"{name} is not a header that can be sent")
        return headers

    @cached_property
    def template(self) -> uritemplate.URITemplate:
        return uritemplate.URITemplate(self.url)

    def __str__(self) -> str:
        return f"{self.method} {self.url}"


class HandBack(_Model):
    """The agent does it itself and reports the result."""

    kind: Literal["handback"]
    to: Literal["agent"] = "agent"
    within: Duration = Field(4 * 3600.0, ge=1, le=30 * 86400)

    def __str__(self) -> str:
        return "hand back to the agent"


Route = Annotated[HttpRoute | HandBack, Field(discriminator="kind")]


class Retry(_Model):
    """How often one route is tried and how long is waited in between (full jitter)."""

    attempts: int = Field(default=5, ge=1, le=20)
    base: Duration = Field(default=0.5, gt=0, le=3600)
    cap: Duration = Field(default=60.0, gt=0, le=86400)
    within: Duration = Field(default=600.0, gt=0, le=7 * 86400)


class Verify(_Model):
    """A question whose answer proves that the step took effect."""

    method: Literal["GET"] = "GET"
    url: str = Field(min_length=8, max_length=2_000)
    headers: dict[str, str] = Field({}, max_length=20)
    expect: str = Field(min_length=1, max_length=4_000)

    _check_url = field_validator("url")(_address)
    _check_expect = field_validator("expect")(_condition)
    _check_headers = field_validator("headers")(HttpRoute._check_headers.__func__)  # type: ignore[attr-defined]

    @cached_property
    def template(self) -> uritemplate.URITemplate:
        return uritemplate.URITemplate(self.url)


class WorkflowStep(_Model):
    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")
    routes: list[Route] = Field(min_length=1, max_length=10)
    retry: Retry = Retry()
    success_when: str = Field("response.status < 300", min_length=1, max_length=4_000)
    verify: Verify | None = None

    _check_success_when = field_validator("success_when")(_condition)

    @field_validator("routes")
    @classmethod
    def _hand_back_last(cls, routes: list[Any]) -> list[Any]:
        if any(isinstance(route, HandBack) for route in routes[:-1]):
            raise ValueError("only the last route can hand back: nothing comes after it")
        return routes


class Workflow(_Model):
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
                if isinstance(route, HttpRoute):
                    yield f"steps.{i}.routes.{j}.url", route.template
            if step.verify:
                yield f"steps.{i}.verify.url", step.verify.template

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
    return index >= 2 and location[index] in ("http", "handback") and location[index - 2] == "routes"


def _sentence(message: str) -> str:
    return message.removeprefix("Value error, ")
