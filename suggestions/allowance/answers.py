"""What the API answers about boundaries, and what of them is left."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from audit.asking.answers import Answer

Number = int | float


class RateAnswer(Answer):
    """How many proposals in a window, and how many more now."""

    rate: str = Field(description="As it is set: `60/minute`.")
    most: int
    left: int | None = Field(description="Null: nobody counts at present.")
    ends_in_seconds: float | None = Field(description="The window; null: it has not begun.")


class BudgetAnswer(Answer):
    """The sum of an argument over a sliding window, and how much of it is used by what may take effect."""

    argument: str
    action: str | None = Field(description="Null: over all actions.")
    per: str = Field(description="The window, as it is set: `1d`.")
    most: Number
    used: Number
    left: Number


class HoursAnswer(Answer):
    """When the agent is at work, and whether it is now."""

    days: list[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]]
    begin: str = Field(alias="from", description="`08:00`.")
    end: str = Field(alias="to", description="`18:00`; before `from`, it is on the next day.")
    time_zone: str
    now: bool


class BoundariesAnswer(Answer):
    """What an agent may ask for at all, in the words in which it is set, and what of that is left now."""

    agent: str
    enabled: bool
    action_types: list[str] | None = Field(description="Null: every one.")
    data_classes: list[str] | None = Field(description="Null: every one.")
    rates: list[RateAnswer]
    budgets: list[BudgetAnswer]
    deployment_required: bool
    active_hours: HoursAnswer | None = Field(description="Null: at any time.")
