"""What an agent may ask for, and what of that is left now."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from audit.statements.prepared import execute
from governance.agents import boundaries, rate
from governance.agents.boundaries import Budget
from governance.models import Agent
from suggestions.allowance.answers import BoundariesAnswer, BudgetAnswer, HoursAnswer, RateAnswer
from suggestions.allowance.budgets import amount, plain, used, window


@dataclass(frozen=True)
class BudgetUse:
    """A budget and how much of it is used by what may still take effect."""

    budget: Budget
    used: Decimal

    @property
    def left(self) -> Decimal:
        return max(self.budget.most - self.used, Decimal(0))

    @property
    def window(self) -> str:
        return window(self.budget)

    @property
    def most_words(self) -> str:
        return amount(self.budget.most)

    @property
    def used_words(self) -> str:
        return amount(self.used)

    @property
    def nearly(self) -> str:
        """From here on a meter says that it is nearly used up."""
        return str(plain(self.budget.most * Decimal("0.8")))

    def told(self) -> BudgetAnswer:
        stated = self.budget.model_dump(mode="json", include={"argument", "action", "per"})
        return BudgetAnswer(
            **stated, most=plain(self.budget.most), used=plain(self.used), left=plain(self.left)
        )


def budgets(agent: Agent) -> list[BudgetUse]:
    return [BudgetUse(budget, used(agent, budget)) for budget in boundaries.of(agent).budgets]


def rates(agent: Agent) -> list[rate.Left]:
    return rate.left(agent)


def of(agent: Agent) -> BoundariesAnswer:
    """All of it for the API, in the words in which it is set."""
    limits = boundaries.limits_of(agent)
    return BoundariesAnswer(
        agent=agent.name,
        enabled=limits.enabled,
        action_types=limits.action_types,
        data_classes=limits.data_classes,
        rates=[
            RateAnswer(rate=r.rate, most=r.most, left=r.left, ends_in_seconds=r.ends_in) for r in rates(agent)
        ],
        budgets=[use.told() for use in budgets(agent)],
        deployment_required=limits.deployment_required,
        active_hours=_hours(limits.active_hours),
    )


def database_now() -> datetime:
    [(now,)] = execute("SELECT statement_timestamp()", [])
    return now  # type: ignore[no-any-return]


def _hours(at_work: boundaries.ActiveHours | None) -> HoursAnswer | None:
    if at_work is None:
        return None
    return HoursAnswer(**at_work.model_dump(by_alias=True), now=at_work.week.covers(database_now()))
