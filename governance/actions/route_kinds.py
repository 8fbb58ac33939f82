"""The kinds of route that a step can take: what each is told, and the check of it.

A new kind is a class here, in `Route`, and a row in `execution/routes/dispatch.py` where it is called.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Annotated, Any, ClassVar, Literal

import uritemplate
from pydantic import BaseModel, ConfigDict, Field, field_validator

from audit.ground import egress
from audit.ground.durations import Duration
from governance.actions.credentials import OPENING, Credentials, check_secrets_in, secrets_in
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


class Checked(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def address(url: str) -> str:
    """An RFC 6570 template whose scheme, host and port are written out."""
    if OPENING in url:
        raise ValueError("a secret stands in headers, never in an address")
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


def condition(source: str) -> str:
    try:
        Expression(source, KNOWN_AFTER)
    except BadExpression as error:
        raise ValueError(str(error)) from error
    return source


def sendable(headers: dict[str, str]) -> dict[str, str]:
    """Headers that can be sent, none of them the worker's own. Raises `ValueError`."""
    for name, value in headers.items():
        if name.lower() in OUR_HEADERS:
            raise ValueError(f"{name} is set by the worker")
        if not egress.is_header(name, value):
            raise ValueError(f"{name} is not a header that can be sent")
    check_secrets_in(headers)
    return headers


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


class RouteModel(Checked):
    """What every kind of route answers to."""

    is_called: ClassVar[bool] = True  # by a worker; else the agent is asked

    def templates(self) -> Iterator[tuple[str, uritemplate.URITemplate]]:
        """The parts that are built from arguments, by their names."""
        return iter(())

    def secrets(self) -> Iterator[tuple[str, str]]:
        """The secrets that it uses: the field that names each, and its name."""
        return iter(())


class HttpRoute(Credentials, RouteModel):
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
    _check_url = field_validator("url")(address)
    _check_body = field_validator("body")(_body)

    _check_headers = field_validator("headers")(sendable)

    @cached_property
    def template(self) -> uritemplate.URITemplate:
        return uritemplate.URITemplate(self.url)

    def templates(self) -> Iterator[tuple[str, uritemplate.URITemplate]]:
        yield "url", self.template

    def secrets(self) -> Iterator[tuple[str, str]]:
        yield from secrets_in(self.headers)
        yield from super().secrets()

    def __str__(self) -> str:
        return f"{self.method} {self.url}"


class HandBack(RouteModel):
    """The agent does it itself and reports the result."""

    is_called: ClassVar[bool] = False
    idempotent: ClassVar[bool] = False
    kind: Literal["handback"]
    to: Literal["agent"] = "agent"
    within: Duration = Field(4 * 3600.0, ge=1, le=30 * 86400)

    def __str__(self) -> str:
        return "hand back to the agent"


Route = Annotated[HttpRoute | HandBack, Field(discriminator="kind")]
KINDS = ("http", "handback")
