"""What the API answers about executions."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

from audit.asking.answers import Answer, DocumentedAs, Id, OneOf, left_out
from execution.models import Attempt, Execution, ManualTask, Step, Verdict

_VERDICT = (
    "`unverified`: nobody looked for the effect; `unverifiable`: it could not be seen; "
    "`mismatch`: it is not there."
)


class RequestAnswer(Answer):
    """What a service was asked, worked out again from what was approved. What is sensitive is masked; secrets
    stand there by their names (`{secret:NAME}`). A kind of route has some of these."""

    kind: str = left_out()
    method: str = left_out()
    url: str = left_out()
    headers: dict[str, str] = left_out()
    certificate: str = left_out("The secret with the client certificate.")
    body: Any = left_out()
    tool: str = left_out("Of an MCP server.")
    callable: str = left_out("A function of an installed app.")
    arguments: Any = left_out("Of the tool or the function.")
    context: dict[str, str] = left_out("What the function is told besides.")
    broker: str = left_out("The secret with its address.")
    exchange: str = left_out()
    routing_key: str = left_out("Of a task: its queue.")
    task: str = left_out("The name of a Celery task.")
    id: str = left_out("Of that task.")
    unsure: str = left_out("Why it can’t be told; then nothing else is.")
    was_sent: bool = left_out("False: the attempt ended before anything left.")


class FoundAnswer(Answer):
    """What a person found out about an attempt of which nobody knew whether it had taken effect."""

    happened: bool
    by: str
    evidence: str
    at: str


class AttemptAnswer(Answer):
    """One try of a step over one route."""

    number: int
    route: str
    outcome: Annotated[str, OneOf(Attempt.Outcome)] = Field(
        description="`unknown`: it may have taken effect. `refused`: another try would be, too."
    )
    http_status: int | None
    detail: str
    started_at: datetime
    finished_at: datetime | None
    found: Annotated[dict[str, Any] | None, DocumentedAs(FoundAnswer | None)] = Field(
        description="Where a person settled what nobody knew."
    )
    request: RequestAnswer | None = left_out("What was asked; for people. Null: no worker made it.")
    response: str = left_out("The start of what came back; for people. What is sensitive is masked.")


class ReceiptAnswer(Answer):
    """The evidence that a step took effect; each way of carrying it out leaves its own."""

    route: str = left_out()
    http_status: int | None = left_out()
    response_digest: str | None = left_out("`sha256:` and the SHA-256 of what was answered, in hex.")
    verified: bool | None = left_out("Whether the effect was looked for and found; null: nobody looked.")
    expect: str = left_out("What was looked for: a condition in CEL.")
    probe_answer: str | None = left_out("For people: the start of what was answered that is no proof.")
    reported_by: str = left_out("The agent that carried it out.")
    done_by: str = left_out("The person of a team who did it by hand.")
    task: str = left_out("What they did, by the id of the manual task.")
    begun: bool = left_out("Whether it was granted to that agent before.")
    marked_done_by: str = left_out("The person who vouched for it.")
    settled_by: str = left_out("The person who found out that it had happened, where nobody knew.")
    evidence: str = left_out("By what that person knew.")
    skipped: str = left_out("Why the step was left out.")
    skipped_by: str = left_out("The person who left it out.")
    if_: str = left_out("The condition that did not hold, in CEL.", alias="if")


class StepAnswer(Answer):
    """One step; one that is completed is never repeated."""

    name: str
    kind: Annotated[str, OneOf(Step.Kind)] = Field(description="`undo`: it takes another step back.")
    status: Annotated[str, OneOf(Step.Status)]
    verdict: Annotated[str, OneOf(Verdict)] | None = Field(description=f"Null before its end. {_VERDICT}")
    completed_at: datetime | None
    receipt: Annotated[dict[str, Any], DocumentedAs(ReceiptAnswer)] | None
    attempts: list[AttemptAnswer]


class WaitsForAnswer(Answer):
    """Who is asked to see to an execution that needs attention, and until when."""

    team: str
    since: datetime
    deadline: datetime = Field(description="Not seen to by then, operators are asked.")
    escalated_at: datetime | None


class BegunAnswer(Answer):
    """Which process of the agent is in the middle of it, and until when that is nobody else's."""

    by: str
    at: datetime
    lease_until: datetime


class StoryAnswer(Answer):
    """How far carrying out one approved suggestion is, step by step."""

    id: Id
    proposal: Id
    status: Annotated[str, OneOf(Execution.Status)]
    unknown: bool = Field(description="An attempt may have taken effect; nobody knows. That is no failure.")
    verdict: Annotated[str, OneOf(Verdict)] | None = Field(description=f"The worst of its steps. {_VERDICT}")
    waits_for: WaitsForAnswer | None = Field(description="Null: it needs nobody’s attention.")
    undoing: bool = Field(description="What was done is being taken back, or has been.")
    reason: str
    held: bool = Field(description="A kill switch is on: do nothing yet. A report is still taken.")
    held_reason: str | None
    action_digest: str
    action: str
    version: int
    arguments: dict[str, Any] | None = Field(
        description="The go-ahead: what exactly to carry out, while it is handed back and not held."
    )
    begun: BegunAnswer | None = Field(description="Which process of the agent carries it out now.")
    created_at: datetime
    due_at: datetime
    deadline: datetime
    started_at: datetime | None
    finished_at: datetime | None
    steps: list[StepAnswer]


class OutsideEventAnswer(Answer):
    """An event from outside that was told of."""

    signal: str
    data: dict[str, Any]
    by: str
    at: datetime


class ByHandAnswer(Answer):
    """What a team said of a step that it was handed."""

    step: str
    team: str
    status: Annotated[str, OneOf(ManualTask.Status)]
    by: str | None
    at: datetime | None
    answer: dict[str, Any] | None = Field(description="What was filled in.")
    comment: str


class FormerStoryAnswer(StoryAnswer):
    """The story of an execution to its end, with what goes away with it."""

    signals: list[OutsideEventAnswer]
    by_hand: list[ByHandAnswer]


class FormerAnswer(Answer):
    """An execution of which no step was carried out, until somebody suggested other arguments."""

    id: Id
    by: str = Field(description="Who suggests them.")
    reason: str
    at: datetime
    action_digest: str = Field(description="Of what had been approved.")
    arguments: dict[str, Any] = Field(description="Those that had been approved.")
    suggestion: Id
    edited_digest: str = Field(description="Of what is suggested: reviewers approve it by this.")
    edited: dict[str, Any] = Field(description="The arguments that are suggested.")
    story: Annotated[dict[str, Any], DocumentedAs(FormerStoryAnswer)] = Field(
        description="As it stood then: every attempt, and what came back."
    )


class ExecutionAnswer(StoryAnswer):
    """Carrying out one approved suggestion, step by step."""

    former: list[FormerAnswer] = left_out("Those of the proposal before this one, newest first; for people.")


class GrantAnswer(Answer):
    """The right to carry out one step of an approved action now, and nobody else's."""

    proposal: Id
    execution: Id
    step: str
    action: str
    version: int
    arguments: dict[str, Any] = Field(description="Carry out exactly these.")
    action_digest: str
    token: str = Field(description="Show it when you report the result, and to renew the lease.")
    fence: int = Field(description="Greater with every grant: a service can refuse smaller ones.")
    idempotency_key: str = Field(description="The same for every try of this step: pass it on.")
    begun_at: datetime
    lease_until: datetime = Field(description="Report or renew before; then the outcome counts as unknown.")
