"""The kinds of route that a step can take: what each is told, and the check of it.

A new kind is a class here, in `Route`, and a row in `execution/routes/dispatch.py` where it is called.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from functools import cached_property
from typing import Annotated, Any, ClassVar, Literal

import uritemplate
from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator

from audit.ground import egress
from audit.ground.durations import Duration
from governance.actions.credentials import Credentials, SecretName, secrets_in
from governance.actions.templates import Headers, Url, Values

LONGEST_CALL = 25.0  # seconds; a call has to fit into a task's time limit, and that into a lease


class Checked(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class RouteModel(Checked):
    """What every kind of route answers to."""

    is_called: ClassVar[bool]  # by a worker; else somebody else is asked

    def templates(self) -> Iterator[tuple[str, uritemplate.URITemplate]]:
        """The addresses that are built from arguments, by the names of their fields."""
        return iter(())

    def given(self) -> Iterator[tuple[str, Any]]:
        """The values that expressions fill in, by the names of their fields."""
        return iter(())

    def secrets(self) -> Iterator[tuple[str, str]]:
        """The secrets that it uses: the field, and the name of the secret."""
        return iter(())

    def hosts(self) -> Iterator[tuple[str, str]]:
        """The addresses that it calls, by the names of their fields: the egress list has to allow them."""
        return iter(())

    def not_allowed(self) -> Iterator[tuple[str, str]]:
        """Of these the ones that no worker may call, each with why: no operator lists its host."""
        templates = dict(self.templates())
        for field, url in self.hosts():
            template = templates.get(field)
            written = template.expand(dict.fromkeys(template.variable_names, "x")) if template else url
            if not egress.is_listed(written, egress.Door.ROUTES):
                yield (
                    field,
                    (
                        f"{egress.host_and_port(written)} is not in the setting EGRESS_ALLOW, "
                        "so no worker may call it; whoever operates this system has to add it there"
                    ),
                )


class CalledRoute(RouteModel):
    """A route that a worker takes.

    `idempotent` says that this service acts once where it is asked twice with the same key. `cost` is
    what one attempt costs, in the currency of the workflow.
    """

    is_called: ClassVar[bool] = True
    idempotent: bool = False
    cost: Decimal = Field(Decimal(0), ge=0, max_digits=15, decimal_places=6)


class Addressed(CalledRoute):
    """A route to an address that may be built from the arguments, and from what `with` adds to them."""

    url: Url
    headers: Headers = {}
    with_: Values = Field({}, alias="with", max_length=20)
    timeout: Duration = Field(10.0, gt=0, le=LONGEST_CALL)

    @cached_property
    def template(self) -> uritemplate.URITemplate:
        return uritemplate.URITemplate(self.url)

    def templates(self) -> Iterator[tuple[str, uritemplate.URITemplate]]:
        yield "url", self.template

    def given(self) -> Iterator[tuple[str, Any]]:
        yield "with", self.with_

    def secrets(self) -> Iterator[tuple[str, str]]:
        yield from secrets_in(self.headers)

    def hosts(self) -> Iterator[tuple[str, str]]:
        yield "url", self.url


class HttpRoute(Credentials, Addressed):
    """A call. Its address is built from the arguments, its body from CEL (`"=args.amount"`).

    Without a body the arguments are sent as they are.
    """

    kind: Literal["http"]
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = "POST"
    body: Values | None = None

    def given(self) -> Iterator[tuple[str, Any]]:
        yield from super().given()
        yield "body", self.body

    def secrets(self) -> Iterator[tuple[str, str]]:
        yield from secrets_in(self.headers)
        yield from Credentials.secrets(self)

    def hosts(self) -> Iterator[tuple[str, str]]:
        yield "url", self.url
        if self.oauth2:
            yield "oauth2.token_url", self.oauth2.token_url

    def __str__(self) -> str:
        return f"{self.method} {self.url}"


class McpRoute(Addressed):
    """A tool of an MCP server, over streamable HTTP. Without `arguments` it gets those that were approved.

    `errors` says what it means where the tool itself answers with an error: that it may have done a part of
    it, or that it refused and did nothing.
    """

    kind: Literal["mcp"]
    tool: str = Field(pattern=r"^[A-Za-z0-9_.:/-]{1,128}$")
    arguments: Values | None = None
    errors: Literal["unknown", "refused"] = "unknown"
    timeout: Duration = Field(20.0, gt=0, le=LONGEST_CALL)

    def given(self) -> Iterator[tuple[str, Any]]:
        yield from super().given()
        yield "arguments", self.arguments

    def __str__(self) -> str:
        return f"MCP {self.tool} at {self.url}"


class PythonRoute(CalledRoute):
    """A function of an app that is installed here, registered under `reviewapp.routes`."""

    kind: Literal["python"]
    callable: str = Field(pattern=r"^[A-Za-z0-9_.-]{1,128}$")
    arguments: Values | None = None
    timeout: Duration = Field(10.0, gt=0, le=LONGEST_CALL)

    def given(self) -> Iterator[tuple[str, Any]]:
        yield "arguments", self.arguments

    def __str__(self) -> str:
        return f"Python {self.callable}"


class MessageRoute(CalledRoute):
    """A message to a broker (AMQP 0-9-1), or a Celery task by its name; done once the broker confirms it.

    `broker` names the secret that holds its address. A `task` gets the body as its keyword arguments.
    """

    kind: Literal["message"]
    broker: SecretName
    exchange: str = Field("", max_length=255)
    routing_key: str = Field("", max_length=255)
    task: str = Field("", pattern=r"^[A-Za-z0-9_.]{0,255}$")
    body: Values | None = None
    timeout: Duration = Field(10.0, gt=0, le=LONGEST_CALL)

    @model_validator(mode="after")
    def _goes_somewhere(self) -> MessageRoute:
        if not (self.task or self.exchange or self.routing_key):
            raise ValueError("say where the message goes: exchange, routing_key or task")
        return self

    def given(self) -> Iterator[tuple[str, Any]]:
        yield "body", self.body

    def secrets(self) -> Iterator[tuple[str, str]]:
        yield "broker", self.broker

    def __str__(self) -> str:
        if self.task:
            return f"task {self.task} at {self.broker}"
        to = f"{self.exchange or 'the default exchange'} {self.routing_key}".strip()
        return f"message to {to} at {self.broker}"


class ToTeam(Checked):
    """People who carry it out by hand: the team, what they are asked, and what they fill in."""

    team: str = Field(min_length=1, max_length=100)
    title: str = Field("", max_length=300)
    form: dict[str, Any] | None = None


def _is_team(to: Any) -> str:
    return "agent" if isinstance(to, str) else "team"


class HandBack(RouteModel):
    """The agent, or a team, does it and reports the result."""

    is_called: ClassVar[bool] = False
    idempotent: ClassVar[bool] = False
    kind: Literal["handback"]
    to: Annotated[
        Annotated[Literal["agent"], Tag("agent")] | Annotated[ToTeam, Tag("team")], Discriminator(_is_team)
    ] = "agent"
    within: Duration = Field(4 * 3600.0, ge=1, le=30 * 86400)

    def __str__(self) -> str:
        return "hand back to the agent" if self.to == "agent" else f"hand to the team {self.to.team}"


Called = HttpRoute | McpRoute | PythonRoute | MessageRoute
Route = Annotated[Called | HandBack, Field(discriminator="kind")]
Readable = Annotated[HttpRoute | McpRoute | PythonRoute, Field(discriminator="kind")]
KINDS = ("http", "mcp", "python", "message", "handback")
