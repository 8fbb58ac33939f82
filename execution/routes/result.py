"""What one call over a route is told, and what came of it; the same for every kind of route."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from execution.models import Attempt, Execution
from governance.expressions.known_facts import NO_LOOK
from governance.models import ActionType
from suggestions.models import Proposal

SUCCEEDED, FAILED = Attempt.Outcome.SUCCEEDED, Attempt.Outcome.FAILED
REFUSED, UNKNOWN = Attempt.Outcome.REFUSED, Attempt.Outcome.UNKNOWN
NOT_SENT = "Not sent: "  # how the detail of a call begins that ended before anything left


KEPT = 2_000  # characters of an answer


class Unusable(Exception):
    """These arguments do not fit this route. Nothing was sent."""


class NoRead(Exception):
    """No answer can be had, and why."""


@dataclass(frozen=True)
class Read:
    """What was answered to a question, as expressions see it (`response`), and the digest of its body."""

    status: int
    json: Any = None
    text: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    digest: str | None = None

    @property
    def facts(self) -> dict[str, Any]:
        return {"status": self.status, "json": self.json, "text": self.text, "headers": self.headers}


@dataclass(frozen=True)
class Result:
    """How a call ended. `retry_after` is what the service asked for, in seconds.

    Of the answer, where there was one: its HTTP `status`, the start of it (`kept`) and its `digest`. Of
    a success `answer`, the JSON that came back, as later steps may use it.
    """

    outcome: str
    detail: str = ""
    retry_after: float = 0
    status: int | None = None
    kept: str = ""
    digest: str | None = None
    answer: Any = None


@dataclass(frozen=True)
class How:
    """`success_when` judges the answer; `headers` go with the call, where there are any.

    `timeout` (seconds), `began` and `may_send` are as `egress.request` has them. `repeatable` says that
    asking twice acts once; it decides what an error of the other side means.
    """

    success_when: str
    headers: Mapping[str, str]
    timeout: float
    began: float
    may_send: Callable[[], bool]
    repeatable: bool


def headers_of(execution: Execution, step: str) -> dict[str, str]:
    """What goes with every call of a step, however often it is tried and over whichever route."""
    headers = {"idempotency-key": f"{execution.pk}/{step}"}
    if execution.proposal.traceparent:
        headers["traceparent"] = execution.proposal.traceparent
    return headers


def kept(text: str) -> str:
    """The start of what was answered, as text a database can hold."""
    return text[:KEPT].replace("\x00", "\N{REPLACEMENT CHARACTER}")


def facts(
    execution: Execution, steps: Mapping[str, Any] | None = None, look: Mapping[str, Any] = NO_LOOK
) -> dict[str, Any]:
    """What a workflow's expressions know: the approved arguments, the proposal, the execution.

    `steps` holds what earlier steps answered, by their names; `look` is what was found last, if anything was.
    """
    proposal, action_type = execution.proposal, execution.suggestion.action_type
    known = facts_before(proposal, action_type, proposal.resolution.arguments)
    return {**known, "execution": {"id": str(execution.pk)}, "steps": dict(steps or {}), "look": dict(look)}


def facts_before(
    proposal: Proposal, action_type: ActionType, arguments: Mapping[str, Any] | None
) -> dict[str, Any]:
    """The same for these arguments before anything is carried out."""
    return {
        "args": arguments,
        "proposal": {
            "id": str(proposal.pk),
            "title": proposal.title,
            "summary": proposal.summary,
            "subject": {"type": proposal.subject_type, "id": proposal.subject_id},
            "agent": proposal.agent.name,
            "action": str(action_type),
        },
        "execution": {"id": ""},
        "steps": {},
        "look": NO_LOOK,
    }
