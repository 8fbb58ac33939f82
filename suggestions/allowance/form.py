"""The boundaries of an agent as a form: from what is set, from what was sent, to what is read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.http import QueryDict

from audit.ground.durations import written
from audit.ground.hours import DAYS
from governance.agents.agents import digest_of
from governance.agents.boundaries import MOST_BUDGETS, UNITS, Budget, limits_of
from governance.models import ActionType, Agent

BLANK_ROWS = 2
_GROUPED = re.compile(r"[0-9]{1,3}([ ,][0-9]{3})+(\.[0-9]+)?")
WINDOWS = {"1h": "an hour", "1d": "a day", "7d": "7 days", "30d": "30 days"}


@dataclass
class Row:
    """One budget as it stands in the form."""

    argument: str = ""
    action: str = ""
    per: str = "1d"
    most: str = ""

    @classmethod
    def of(cls, budget: Budget) -> Row:
        return cls(budget.argument, budget.action or "", written(budget.per), f"{budget.most.normalize():f}")

    @property
    def names(self) -> tuple[str, str, str]:
        return self.argument, self.action, self.per

    @property
    def empty(self) -> bool:
        return not (self.argument or self.most)

    @property
    def windows(self) -> dict[str, str]:
        return WINDOWS if self.per in WINDOWS else {**WINDOWS, self.per: self.per}


@dataclass
class Form:
    """Every field as text, so that nothing that was typed is lost."""

    seen: str = ""
    enabled: bool = True
    every_action: bool = True
    actions: list[str] = field(default_factory=list)
    every_class: bool = True
    classes: str = ""
    rates: dict[str, str] = field(default_factory=lambda: dict.fromkeys(UNITS, ""))
    budgets: list[Row] = field(default_factory=list)
    deployment_required: bool = False
    hours: bool = False
    days: list[str] = field(default_factory=lambda: list(DAYS))
    begin: str = "08:00"
    end: str = "18:00"
    time_zone: str = "UTC"

    @classmethod
    def of(cls, agent: Agent) -> Form:
        """As it is set now."""
        limits = limits_of(agent)
        at_work = limits.active_hours
        form = cls(
            seen=digest_of(agent),
            enabled=limits.enabled,
            every_action=limits.action_types is None,
            actions=limits.action_types or [],
            every_class=limits.data_classes is None,
            classes=", ".join(limits.data_classes or []),
            budgets=[Row.of(budget) for budget in limits.budgets],
            deployment_required=limits.deployment_required,
            hours=at_work is not None,
        )
        for rate in limits.rates or []:
            count, _, unit = rate.partition("/")
            form.rates[unit] = count
        if at_work:
            form.days, form.time_zone = list(at_work.days), at_work.time_zone
            form.begin, form.end = at_work.begin, at_work.end
        return form

    @classmethod
    def sent(cls, post: QueryDict) -> Form:
        """As somebody has filled it in."""
        rows = [
            Row(
                *(
                    post.get(f"budget-{n}-{name}", "").strip()
                    for name in ("argument", "action", "per", "most")
                )
            )
            for n in range(MOST_BUDGETS)
        ]
        return cls(
            seen=post.get("seen", ""),
            enabled="enabled" in post,
            every_action=post.get("scope") != "some",
            actions=post.getlist("action"),
            every_class=post.get("class_scope") != "some",
            classes=post.get("classes", "").strip(),
            rates={unit: post.get(f"rate-{unit}", "").strip() for unit in UNITS},
            budgets=[row for row in rows if not row.empty],
            deployment_required="deployment_required" in post,
            hours="hours" in post,
            days=post.getlist("day"),
            begin=post.get("begin", "").strip(),
            end=post.get("end", "").strip(),
            time_zone=post.get("time_zone", "").strip(),
        )

    def as_limits(self) -> dict[str, Any]:
        """For `boundaries.read`."""
        limits: dict[str, Any] = {
            "enabled": self.enabled,
            "action_types": None if self.every_action else self.actions,
            "data_classes": None if self.every_class else _words(self.classes),
            "budgets": [
                {
                    "argument": row.argument,
                    "action": row.action or None,
                    "per": row.per,
                    "most": _ungrouped(row.most),
                }
                for row in self.budgets
            ],
            "deployment_required": self.deployment_required,
        }
        if rates := [f"{_ungrouped(count)}/{unit}" for unit, count in self.rates.items() if count]:
            limits["rates"] = rates
        if self.hours:
            hours = {"days": self.days, "from": self.begin, "to": self.end, "time_zone": self.time_zone}
            limits["active_hours"] = hours
        return limits

    def place(self, errors: Iterable[Mapping[str, str]]) -> dict[str, str]:
        """What is wrong, by the name of the field in the form; what belongs to none is under `form`."""
        units = [unit for unit, count in self.rates.items() if count]
        found: dict[str, str] = {}
        for error in errors:
            found.setdefault(_field(error["pointer"], units), error["detail"])
        return found

    def lines(self) -> list[tuple[int, Row]]:
        """The budgets with their numbers in the form, and room for new ones."""
        room = min(BLANK_ROWS, MOST_BUDGETS - len(self.budgets))
        return list(enumerate([*self.budgets, *(Row() for _ in range(room))]))


def action_names(chosen: Iterable[str]) -> list[str]:
    """What can be chosen: the action types there are, and those that were chosen before there were any."""
    known = ActionType.objects.current().values_list("name", flat=True)
    return sorted({*known, *chosen})


def _ungrouped(text: str) -> str:
    """A number without what sets its thousands apart; anything else, as 99,50 is, as it was typed."""
    return re.sub("[ ,]", "", text) if _GROUPED.fullmatch(text) else text


def _words(text: str) -> list[str]:
    return text.replace(",", " ").split()


def _field(pointer: str, units: list[str]) -> str:
    first, *rest = pointer.strip("/").split("/")
    if first == "rates" and rest:
        return f"rate-{units[int(rest[0])]}"
    if first == "budgets" and rest:
        return f"budget-{rest[0]}-{rest[1] if len(rest) > 1 else 'argument'}"
    if first == "active_hours":
        inside = {"from": "begin", "to": "end", "days": "days", "time_zone": "time_zone"}
        return inside.get(rest[0] if rest else "from", "begin")
    return {"action_types": "actions", "data_classes": "classes"}.get(first, "form")
