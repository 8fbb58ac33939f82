"""What the API answers and takes about executions that people steer."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import Field, JsonValue

from audit.asking.answers import Answer, Id, OneOf
from audit.asking.bodies import Strict
from execution.desk.answers import ExecutionAnswer, FormerAnswer
from execution.desk.attend import LONGEST_TEXT
from execution.models import Breaker, Compensation

LONGEST_REASON = 500


class SignalBody(Strict):
    """An outside event: its name as the workflow has it, and what came with it."""

    signal: str = Field(min_length=1, max_length=64)
    data: dict[str, JsonValue] = Field({}, description="Expressions of the workflow see it as `signal`.")


class SignalAnswer(Answer):
    """The event as it counts: the first one of its name."""

    execution: Id
    signal: str
    data: dict[str, Any]
    by: str
    at: datetime


class RetryBody(Strict):
    """`checked` states that a person looked and it did not take effect; needed where nobody knows."""

    reason: str = Field("", max_length=LONGEST_TEXT)
    checked: bool = False
    round: int | None = Field(None, ge=1, description="What you looked at; a later one is a 409.")


class EditBody(RetryBody):
    """The whole arguments as they are to be carried out, and why; `checked` as of a retry."""

    arguments: dict[str, Any]


class EvidenceBody(Strict):
    evidence: str = Field(min_length=1, max_length=LONGEST_TEXT, description="How you know.")


class SettleBody(Strict):
    """What became of the step of which nobody knows whether it took effect."""

    happened: bool = Field(
        description="True: it counts as done, and the rest goes on. False: it is tried again."
    )
    evidence: str = Field(min_length=1, max_length=LONGEST_TEXT, description="How you know.")
    round: int | None = Field(None, ge=1, description="What you looked at; a later one is a 409.")


class ReasonBody(Strict):
    reason: str = Field("", max_length=LONGEST_TEXT)


class RouteBody(Strict):
    """Which route a step takes first."""

    step: str = Field(min_length=1, max_length=100)
    route: int = Field(description="Its number in the workflow, from 1.")
    reason: str = Field("", max_length=LONGEST_TEXT)
    checked: bool = Field(False, description="As of a retry.")


class SkipBody(Strict):
    """Which step is left out, and how you know that this is right."""

    step: str = Field(min_length=1, max_length=100)
    evidence: str = Field(min_length=1, max_length=LONGEST_TEXT)


class BreakerBody(Strict):
    route: str = Field(min_length=1, max_length=300, description="As the list of breakers names it.")
    reason: str = Field(min_length=1, max_length=LONGEST_REASON, description="For others to read.")


class ApproveUndoBody(Strict):
    """`digest` is that of the calls that you looked at."""

    digest: str = Field(min_length=1, max_length=71)
    reason: str = Field("", max_length=LONGEST_REASON)


class DeclineUndoBody(Strict):
    digest: str = Field("", max_length=71, description="Of the calls that you looked at, if you say so.")
    reason: str = Field("", max_length=LONGEST_REASON)


class EditedAnswer(Answer):
    """What became of an edit: changed arguments wait for approval, the same ones are tried again."""

    proposal: Id
    status: Annotated[str, OneOf(["pending", "approved"])] = Field(description="Of the proposal.")
    action_digest: str = Field(description="Of what waits for approval, or is tried again.")
    former: FormerAnswer | None = Field(description="The execution that was taken away; null: it goes on.")
    execution: ExecutionAnswer | None = Field(description="Null: nothing runs before it is approved.")


class FormerAnswers(Answer):
    """Executions of a proposal that were taken away, since somebody suggests other arguments."""

    former: list[FormerAnswer] = Field(
        description="The newest first: its arguments are before the reviewers."
    )


class BreakerChangeAnswer(Answer):
    state: Annotated[str, OneOf(Breaker.State)]
    at: datetime
    by: str | None = Field(description="Who did it by hand; null: a worker, as calls failed or worked.")
    reason: str


class BreakerAnswer(Answer):
    """One route that workers ask, and whether they may."""

    route: str
    state: Annotated[str, OneOf(Breaker.State)] = Field(
        description="`open`: nobody asks it. `half_open`: one call tries it."
    )
    failures: int = Field(description="In a row.")
    since: datetime | None
    until: datetime | None = Field(description="When it is tried again; null and open: never by itself.")
    reason: str
    by: str | None
    actions: list[str] = Field(description="The action types whose workflows use it now.")
    history: list[BreakerChangeAnswer] = Field(description="The latest changes, newest first.")


class BreakersAnswer(Answer):
    """Every route of the workflows in force; those that are shut come first."""

    breakers: list[BreakerAnswer]


class UndoApprovalAnswer(Answer):
    by: str
    reason: str


class CompensationAnswer(Answer):
    """An offer to undo what was done: what exactly would be called, the last step first."""

    id: Id
    execution: Id
    status: Annotated[str, OneOf(Compensation.Status)]
    digest: str = Field(description="Of the calls: who approves shows it.")
    calls: list[dict[str, Any]] = Field(description="For each step its routes, filled in, in their order.")
    approvals: list[UndoApprovalAnswer]
    approvals_needed: int
    reason: str = Field(description="Why it was declined.")
    offered_at: datetime
    ended_at: datetime | None
