"""What the API takes and answers about bulk retries."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import Field

from audit.asking.answers import Answer, Id, Instant, Next, OneOf
from audit.asking.bodies import Moment, Strict
from execution.bulk.choosing import Chosen
from execution.bulk.start import FASTEST, LONGEST_REASON, RATE, SLOWEST
from execution.models import BulkRetry


class FilterBody(Strict):
    """Which of the executions that need attention; what is left out narrows nothing."""

    action: str = Field("", max_length=128, description="Name of the action type.")
    agent: str = Field("", max_length=100, description="Name of the agent.")
    route: str = Field("", max_length=300, description="Which way the last attempt took, without its number.")
    text: str = Field("", max_length=200, description="Stands in the reason for which it needs attention.")
    since: Moment | None = Field(None, description="It has needed attention since then, or a later moment.")

    def chosen(self) -> Chosen:
        return Chosen(**self.model_dump())


class PreviewBody(Strict):
    filter: FilterBody = Field(default_factory=FilterBody)
    rate: int = Field(RATE, ge=SLOWEST, le=FASTEST, description="How many a minute.")


class StartBody(PreviewBody):
    """`as_of` is that of the preview: what has needed attention only since is left alone."""

    reason: str = Field(min_length=1, max_length=LONGEST_REASON, description="For others to read.")
    as_of: Moment | None = None
    id: UUID | None = Field(None, description="Yours: sent twice it is one.")


class ReasonBody(Strict):
    reason: str = Field(min_length=1, max_length=LONGEST_REASON, description="For others to read.")


class LeftOutAnswer(Answer):
    why: Annotated[str, OneOf(BulkRetry.Why)]
    count: int


class ExampleAnswer(Answer):
    execution: Id
    proposal: Id
    sentence: str
    why: Annotated[str, OneOf(BulkRetry.Why)] | None = Field(description="Null: it would be retried.")


class PreviewAnswer(Answer):
    """What would be done if it were started now."""

    count: int = Field(description="How many would be retried.")
    left_out: list[LeftOutAnswer]
    more: bool = Field(description="There are more than are retried at once; ask again for them afterwards.")
    rate: int
    seconds: float = Field(description="How long it takes at this rate.")
    as_of: Instant
    examples: list[ExampleAnswer]


class FilterAnswer(Answer):
    action: str
    agent: str
    route: str
    text: str
    since: Instant | None


class ResultsAnswer(Answer):
    """How those stand that were retried."""

    succeeded: int
    under_way: int
    need_attention: int
    others: int = Field(description="Cancelled, or reported as failed.")


class BulkRetryAnswer(Answer):
    """Executions that are retried one after another; `waiting` are those that were not begun."""

    id: Id
    status: Annotated[str, OneOf(BulkRetry.Status)]
    filter: FilterAnswer
    rate: int
    reason: str
    by: str
    total: int
    retried: int
    left_out: int = Field(description="When it was their turn: they had changed, or can't be retried so.")
    waiting: int
    left_out_before: list[LeftOutAnswer] = Field(description="Never part of it.")
    said: str = Field(description="Why it was stopped, or let go on, last.")
    said_by: str | None = Field(description="Null: nobody, it stopped by itself.")
    said_at: Instant | None
    started_at: Instant
    ended_at: Instant | None
    results: ResultsAnswer | None = Field(description="Null in lists.")


class BulkRetryPage(Answer):
    """Newest first."""

    bulk_retries: list[BulkRetryAnswer]
    next: Next
