"""What the API answers about autonomy."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field

from audit.asking.answers import Answer, Id, OneOf, ShareAnswer
from governance.models import StageChange

Stage = Annotated[int, Field(ge=1, le=4, description="1 is assisted, 2 guided, 3 controlled, 4 strategic.")]


class GateAnswer(Answer):
    """One thing that stands between an agent and the next stage."""

    name: str
    passed: bool
    said: str = Field(description="How it stands: `41 of 50 decisions`.")


class CountAnswer(Answer):
    """So many of so many."""

    count: int
    of: int


class RecordAnswer(Answer):
    """What was counted of an agent and an action, in the present stage."""

    decisions: int = Field(description="By people, of its proposals; samples that were answered among them.")
    approved_unchanged: ShareAnswer
    verified_success: CountAnswer = Field(description="Of the executions that ended: with a proved effect.")
    calibration_error: float | None = Field(
        description="How far stated confidence is from what people approved, 0 to 1; null: not known yet."
    )
    confidence_not_stated: int
    samples_answered: int
    samples_not_answered: int
    open_incidents: int


class PairAnswer(Answer):
    """An agent and an action: where they stand and what is missing to the next stage."""

    agent: str
    action: str
    stage: Stage
    since: datetime
    reason: str
    ready: bool = Field(description="Every gate is passed and there is a higher stage.")
    record: RecordAnswer
    gates: list[GateAnswer]


class PairPage(Answer):
    pairs: list[PairAnswer]
    next: str | None = Field(description="The `cursor` of the page after this one; null: it is the last.")


class StageChangeAnswer(Answer):
    """How far an agent is trusted with an action from now on, and was before."""

    id: Id
    agent: str
    action: str
    kind: Annotated[str, OneOf(StageChange.Kind)]
    before: Stage
    stage: Stage


class LoweredAnswer(Answer):
    """What was changed; null where it was at no higher stage."""

    change: StageChangeAnswer | None
