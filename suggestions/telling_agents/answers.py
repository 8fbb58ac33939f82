"""What the API answers about messages to agents, and the addresses that they go to."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from audit.asking.answers import Answer, Id, Instant, Next, OneOf
from suggestions.models import Callback, CallbackEndpoint


class CallbackAnswer(Answer):
    """A message to an agent."""

    id: Id = Field(description="Its `webhook-id`.")
    proposal: Id
    type: str
    origin: str = Field(description="Scheme, host and port of the address that it goes to.")
    status: Annotated[str, OneOf(Callback.Status)] = Field(
        description="`paused`: it waits until its address is resumed."
    )
    attempts: int
    created_at: Instant
    next_at: Instant | None = Field(description="When it is tried next; null: not by itself.")
    last_error: str = Field(description="Of the last attempt that failed; empty: it arrived, or none did.")


class CallbackPage(Answer):
    """The newest first."""

    callbacks: list[CallbackAnswer]
    next: Next


class CallbackAttemptAnswer(Answer):
    """One attempt to send a message."""

    number: int
    at: Instant
    took_ms: int
    http_status: int | None = Field(description="Null: nothing was answered.")
    answer: str = Field(description="How the answer begins; secrets and sensitive values are masked.")
    error: str = Field(description="Empty: it arrived.")


class CallbackInFull(CallbackAnswer):
    """The same with what it says, sensitive arguments masked, and its last fifty attempts."""

    data: dict[str, Any]
    tries: list[CallbackAttemptAnswer] = Field(description="The newest first; of one not here nobody knows.")


class FailedOrigin(Answer):
    origin: str
    count: int


class FailedAnswer(Answer):
    """What `send-again/` would send: the oldest that were given up, 1,000 at most."""

    count: int
    more: bool = Field(description="More were given up than are sent at once.")
    origins: list[FailedOrigin]
    seconds: int = Field(description="About how long sending them takes.")
    until: Id | None = Field(description="The newest of them: with it none that failed later is sent.")


class SentAgainAnswer(Answer):
    callbacks: int = Field(description="How many are sent again.")


class EndpointAnswer(Answer):
    """Where an agent is called, once something failed there."""

    id: Id
    origin: str
    failures: int = Field(description="Attempts in a row.")
    failing_since: Instant | None
    last_error: str
    paused_at: Instant | None = Field(description="Since then nothing is tried but a probe; null: it is not.")
    paused_because: Annotated[str, OneOf(["", *CallbackEndpoint.Because.values])]
    next_probe_at: Instant | None = Field(description="Null: none; it is resumed by hand alone.")


class EndpointPage(Answer):
    """Those that are paused or failing."""

    endpoints: list[EndpointAnswer]
