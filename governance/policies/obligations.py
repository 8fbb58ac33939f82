"""What a rule can ask for: each obligation with its form, how several become one, and its words.

The table is the model itself. A new obligation is a field here, and the place where it takes effect; those
that hold while people decide stand in `suggestions/answering/obligations.py` besides.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from audit.ground.durations import Duration
from audit.ground.durations import written as in_span

RISKS = ("low", "medium", "high", "critical")


@dataclass(frozen=True)
class Asks:
    """How the words of several rules become one, and what is said of it.

    With a `label` an explanation has a line of its own for the `value`. `is_span` where a verdict keeps it in
    seconds, under its name with `_seconds`.
    """

    strictest: Callable[[Iterable[Any]], Any]
    in_words: Callable[[Any], str]
    label: str = ""
    value: Callable[[Any], str] = str
    is_span: bool = False


def _share(value: Any) -> float:
    """A share as people write it: 0.05 or 5%."""
    percent = isinstance(value, str) and re.fullmatch(r"(\d+(?:\.\d+)?) ?%", value)
    share = float(percent[1]) / 100 if percent else value
    if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share <= 1:
        raise ValueError(f"{value!r} is not a share; write a number from 0 to 1, or 5%")
    return float(share)


Share = Annotated[float, BeforeValidator(_share)]
# Empty quotes name as little as nothing at all, which is how YAML reads a key without a value.
TeamName = Annotated[str | None, BeforeValidator(lambda value: None if value == "" else value)]


def _either(yes: str, no: str) -> Callable[[bool], str]:
    return lambda value: yes if value else no


def _percent(share: float) -> str:
    return f"{share * 100:g}%"


def _grace(seconds: float) -> str:
    return in_span(seconds) if seconds else "none"


class Obligations(BaseModel):
    """What a verdict asks for. Left out means: what the defaults say."""

    model_config = ConfigDict(extra="forbid")
    verdict: Literal["auto_approve", "review", "block"] | None = None
    team: Annotated[TeamName, Asks(min, str, "Decided by")] = None
    approvals: Annotated[
        int | None, Asks(max, lambda n: "1 approval" if n == 1 else f"{n} approvals", "Approvals")
    ] = Field(None, ge=1, le=10)
    decide_within: Annotated[
        Duration | None,
        Asks(min, lambda s: f"within {in_span(s)}", "Decide within", in_span, is_span=True),
    ] = Field(None, gt=0)
    grace: Annotated[
        Duration | None,
        Asks(
            max,
            lambda s: f"{in_span(s) if s else 'no time'} to take it back",
            "Grace",
            _grace,
            is_span=True,
        ),
    ] = Field(None, ge=0)
    priority: Annotated[int | None, Asks(max, lambda n: f"priority {n}", "Priority")] = Field(
        None, ge=0, le=100
    )
    risk: Annotated[
        Literal["low", "medium", "high", "critical"] | None,
        Asks(lambda levels: max(levels, key=RISKS.index), lambda level: f"risk {level} at least", "Risk"),
    ] = None
    sample: Annotated[
        Share | None,
        Asks(
            max,
            lambda s: f"{_percent(s)} of what passes is checked afterwards",
            "Checked afterwards",
            _percent,
        ),
    ] = Field(
        None, description="The share of what passes by itself that a person checks afterwards: 0.05 or 5%."
    )
    rejections: Annotated[
        int | None, Asks(min, lambda n: "one no ends it" if n == 1 else f"{n} people to say no")
    ] = Field(
        None, ge=1, le=10, description="How many distinct people have to say no; one ends it by default."
    )
    four_eyes: Annotated[
        bool | None, Asks(any, _either("who edits does not count", "who edits counts too"))
    ] = Field(
        None, description="Who edited does not count among those who approve; by default with 2 approvals."
    )
    owner_may_approve: Annotated[
        bool | None,
        Asks(all, _either("the agent's owner may approve", "the agent's owner may not approve")),
    ] = Field(None, description="The agent's owner counts like anybody else.")
    step_up: Annotated[
        bool | None, Asks(any, _either("a fresh log-in and the key figure", "no fresh log-in"))
    ] = Field(None, description="A fresh log-in and the key figure typed in; always for what is critical.")
    remind: Annotated[
        Duration | None,
        Asks(max, lambda s: f"a reminder {in_span(s)} before the end", is_span=True),
    ] = Field(None, gt=0, description="So long before the end people are reminded.")
    escalate_to: TeamName = Field(None, description="The team that is asked once the first was silent.")
    escalate_after: Duration | None = Field(None, gt=0, description="So long the first team may be silent.")
    escalate_within: Duration | None = Field(
        None, gt=0, description="So long the next team gets at least, within what the agent allows."
    )
    ask_again_after: Annotated[
        Duration | None,
        Asks(max, lambda s: f"what is rejected may be asked again after {in_span(s)}", is_span=True),
    ] = Field(None, ge=0)
    second_review: Annotated[
        Share | None, Asks(max, lambda s: f"{_percent(s)} decided a second time, blind")
    ] = Field(None, description="The share of what people decide that a second one decides too, blind.")
    bulk: Annotated[
        bool | None, Asks(all, _either("decided together with others", "never decided together with others"))
    ] = Field(None, description="False: never decided together with others, one by one only.")
    compensate: Annotated[
        Literal["ask", "automatic"] | None,
        Asks(
            lambda ways: "ask" if "ask" in ways else "automatic",
            lambda way: f"what was done is undone {'by itself' if way == 'automatic' else 'on request only'}",
        ),
    ] = Field(None, description="Whether what was done may be undone without anybody being asked.")
    reason: str | None = Field(None, max_length=300)

    @cached_property
    def stated(self) -> dict[str, Any]:
        """What somebody said, without what was left out. Obligations do not change once they are read."""
        return {name: value for name, value in self if value is not None}

    @cached_property
    def alone(self) -> dict[str, Any]:
        """What is asked where nobody says anything else: defaults are asked so for every proposal."""
        return _strictest([self.stated])

    @cached_property
    def written(self) -> dict[str, Any]:
        """The same as JSON, without the reason: as a verdict tells it."""
        return self.model_dump(mode="json", exclude_none=True, exclude={"reason"})

    def in_words(self) -> list[str]:
        """Everything that is asked, in the order of the table: `2 approvals`, `within 30m`."""
        said = [asks.in_words(value) for asks, value in self._asked()]
        return [*said, *self._escalation()]

    def in_lines(self) -> list[tuple[str, str]]:
        """The same as a label and a value each; under Also, what has no label."""
        asked = self._asked()
        lines = [(asks.label, asks.value(value)) for asks, value in asked if asks.label]
        others = [asks.in_words(value) for asks, value in asked if not asks.label]
        return lines + [("Also", words) for words in [*others, *self._escalation()]]

    def _asked(self) -> list[tuple[Asks, Any]]:
        return [(ASKS[name], value) for name, value in self if name in ASKS and value is not None]

    def _escalation(self) -> list[str]:
        if not (self.escalate_to and self.escalate_after):
            return []
        within = f", within {in_span(self.escalate_within)}" if self.escalate_within else ""
        return [f"{self.escalate_to} after {in_span(self.escalate_after)} of silence{within}"]


ASKS: dict[str, Asks] = {
    name: asks
    for name, info in Obligations.model_fields.items()
    for asks in info.metadata
    if isinstance(asks, Asks)
}
ESCALATION = ("escalate_to", "escalate_after", "escalate_within")  # one thing, of three parts

BEFORE_ANY_POLICY = Obligations(
    verdict="review",
    team="operations",
    approvals=1,
    decide_within="4h",  # type: ignore[arg-type] # pydantic reads spans of time as they are written
    grace="0s",  # type: ignore[arg-type]
    priority=50,
    sample=0.05,
)


def merged(rules: Iterable[Obligations], defaults: Obligations) -> dict[str, Any]:
    """What is asked, by name: the strictest of what rules state, and the default where none says anything.

    Of the teams it is the first by name; all of them stand in the verdict.
    """
    said, silent = _strictest([rule.stated for rule in rules]), defaults.alone
    if "escalate_to" in said:
        silent = {name: value for name, value in silent.items() if name not in ESCALATION}
    return silent | said


def strictest(name: str, values: Iterable[Any]) -> Any:
    """What several words on one obligation become."""
    return ASKS[name].strictest(values)


def _strictest(stated: list[dict[str, Any]]) -> dict[str, Any]:
    found = {
        name: strictest(name, values)
        for name in ASKS
        if (values := [one[name] for one in stated if name in one])
    }
    return found | _soonest_escalation(stated)


def kept_as(name: str) -> str:
    """The name under which a verdict keeps it: with its unit, where it is a span of time."""
    is_span = ASKS[name].is_span if name in ASKS else name in ESCALATION[1:]
    return f"{name}_seconds" if is_span else name


# As `kept_as`, of everything that a verdict may hold one value of: the other way round.
KEPT = {kept_as(name): name for name in (*ASKS, *ESCALATION) if name not in ("team", "risk")}


def compared(kept: str, was: Any, would: Any) -> str:
    """That one obligation of a verdict differs: `approvals: 2 instead of 1`."""
    name = KEPT[kept]
    asks = ASKS.get(name)
    label = (asks.label if asks else "") or name.replace("_", " ")

    def said(value: Any) -> str:
        if value is None:
            return "as usual"
        if asks is None:
            return in_span(value) if kept != name else str(value)
        return asks.value(value) if asks.label else asks.in_words(value)

    return f"{label[0].lower()}{label[1:]}: {said(would)} instead of {said(was)}"


def _soonest_escalation(stated: list[dict[str, Any]]) -> dict[str, Any]:
    """Who is asked after how long a silence: the soonest of those that name both."""
    named = [one for one in stated if "escalate_to" in one and "escalate_after" in one]
    if not named:
        return {}
    # Of equals the one that leaves the next team most time, whichever rule comes first.
    soonest = min(
        named, key=lambda one: (one["escalate_after"], one["escalate_to"], -one.get("escalate_within", 0))
    )
    return {name: soonest[name] for name in ESCALATION if name in soonest}
