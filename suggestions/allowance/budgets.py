"""The last boundary: the sum of a numeric argument over the time that has just gone by.

What waits counts with the greatest amount that any of its suggestions asks for, what was approved
with the amount that was approved. What was rejected, returned, withdrawn or blocked, and what has
expired, no longer counts. Exact among simultaneous submissions: see `suggestions.past.locks`.

A proposal that comes alone is checked by the statement that stores it, which takes the turn in the same trip
(`SPENT_SQL`); those of a batch before that, one after the other (`check`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from audit.ground.durations import written
from audit.statements.prepared import execute
from governance.agents import boundaries
from governance.agents.boundaries import BoundaryHit, Budget
from governance.expressions.past import AGENT
from governance.models import Agent
from suggestions.models import Proposal, Suggestion
from suggestions.past.answers import MAY_TAKE_EFFECT, Past, now_sql
from suggestions.past.locks import Turn

_WINDOWS = {3_600.0: "an hour", 86_400.0: "a day", 604_800.0: "a week"}

# When so much of what is counted now will have left the window, the oldest first.
_ROOM = """
SELECT extract(epoch FROM created_at + make_interval(secs => %(seconds)s) - now())::float8
  FROM (SELECT created_at, sum(greatest(coalesce(
                   (CASE WHEN %(action)s = '' OR jsonb_typeof(numbers -> '') = 'string'
                         THEN numbers -> %(argument)s
                         ELSE numbers #> ARRAY['', %(action)s, %(argument)s] END)::numeric, 0), 0)
               ) OVER (ORDER BY created_at, id) AS gone
          FROM suggestions_proposal
         WHERE agent_id = %(agent)s AND NOT is_check
           AND created_at > now() - make_interval(secs => %(seconds)s)
           AND status = ANY(%(statuses)s) AND (%(action)s = '' OR (numbers -> '') ? %(action)s)) AS counted
 WHERE gone >= %(needed)s ORDER BY created_at LIMIT 1
"""

# Part of the statement that writes proposals: the budgets that have no room for what is drawn from them.
_SUM = now_sql("sum", AGENT) % {
    "key": "%(agent)s",
    "statuses": "%(may_take_effect)s",
    **{name: f"draw.{name}" for name in ("argument", "action", "seconds")},
}
SPENT_SQL = f"""spent AS (
    SELECT FROM jsonb_to_recordset(%(draws)s) AS draw (
           argument text, action text, seconds float8, room numeric)
     WHERE (SELECT used FROM ({_SUM}) AS _ (used, rows, settled)) > draw.room
)"""


class OverBudget(BoundaryHit):
    """This could never be within the budget: it asks for more than all of it, or for no number."""

    boundary = "budget"


class BudgetSpent(OverBudget):
    """Too much of the budget is used; `retry_after` says in how many seconds enough is free again."""


@dataclass(frozen=True)
class Draw:
    """How much is asked of a budget, by one or the other of these actions."""

    budget: Budget
    asked: Decimal
    actions: list[str]

    @property
    def facts(self) -> dict[str, Any]:
        budget = self.budget
        return {
            "actions": self.actions,
            "budget": {"argument": budget.argument, "action": budget.action, "per": written(budget.per)},
            "most": plain(budget.most),
            "asked": plain(self.asked),
        }

    def as_row(self) -> dict[str, Any]:
        """For `SPENT_SQL`: `room` is what may be used before."""
        budget = self.budget
        return {
            "argument": budget.argument,
            "action": budget.action or "",
            "seconds": budget.per,
            "room": str(budget.most - self.asked),
        }


def used(agent: Agent, budget: Budget) -> Decimal:
    """How much of a budget is used at this moment."""
    return _sum(Past(agent.pk), budget)


def check(proposal: Proposal, suggestions: Sequence[Suggestion], *, past: Past, turn: Turn | None) -> None:
    """Whether the agent's budgets have room for a new proposal. Raises `OverBudget`, `BudgetSpent`.

    One that comes again with its idempotency key is nothing new.
    """
    try:
        check_room(_draws(proposal, suggestions), past=past)
    except OverBudget:
        if not (turn and turn.is_repeated(proposal.idempotency_key)):
            raise


def draws(proposal: Proposal, suggestions: Sequence[Suggestion], *, past: Past, turn: Turn) -> list[Draw]:
    """What a new proposal asks of budgets, for `check_room` to look at. Raises `OverBudget`, `BudgetSpent`.

    None where it comes again with its idempotency key and would be refused.
    """
    try:
        return list(_draws(proposal, suggestions))
    except OverBudget:
        check(proposal, suggestions, past=past, turn=turn)
        return []


def check_room(draws: Iterable[Draw], *, past: Past) -> None:
    """Whether so much is left of each budget at this moment. Raises `BudgetSpent`."""
    for draw in draws:
        _check_room(draw, past)


def parameters(draws: Iterable[Draw]) -> dict[str, Any]:
    """Those of `SPENT_SQL`."""
    return {"draws": Jsonb([draw.as_row() for draw in draws]), "may_take_effect": list(MAY_TAKE_EFFECT)}


def check_edit(proposal: Proposal, edited: Suggestion, *, past: Past) -> None:
    """Whether there is room for a suggestion as a reviewer edited it, in place of the proposal."""
    check_room(_draws(proposal, [edited]), past=past)


def sentence(budget: Budget) -> str:
    """`amount of refund_payment may be 2,000 in a day`"""
    return f"{subject(budget)} may sum up to {amount(budget.most)} in {window(budget)}"


def subject(budget: Budget) -> str:
    return f"{budget.argument} of {budget.action or 'all actions together'}"


def window(budget: Budget) -> str:
    days, rest = divmod(budget.per, 86_400)
    return _WINDOWS.get(budget.per) or (written(budget.per) if rest else f"{days:.0f} days")


def amount(number: Decimal) -> str:
    """`2,000` and `340.50`: whole, or with two places at least."""
    if number == number.to_integral_value():
        return f"{number:,.0f}"
    places = max(2, -int(number.normalize().as_tuple().exponent))
    return f"{number:,.{places}f}"


def plain(number: Decimal) -> int | float:
    """A number as JSON has it."""
    return int(number) if number == number.to_integral_value() else float(number)


def _concerns(budget: Budget, suggestions: Sequence[Suggestion]) -> bool:
    return any(budget.concerns(s.action_type.name) and budget.argument in s.arguments for s in suggestions)


def _draws(proposal: Proposal, suggestions: Sequence[Suggestion]) -> Iterator[Draw]:
    """Of each budget that is concerned, one after the other. Raises `OverBudget` for more than all of it."""
    actions = [s.action_type.name for s in suggestions]
    for budget in boundaries.of(proposal.agent).budgets:
        if not _concerns(budget, suggestions):
            continue
        asked = max(_asked(budget, s) for s in suggestions if budget.concerns(s.action_type.name))
        draw = Draw(budget, asked, actions)
        if asked > budget.most:
            said = f"{sentence(budget)}, and this alone asks for {amount(asked)}."
            raise OverBudget(said, **draw.facts)
        yield draw


def _check_room(draw: Draw, past: Past) -> None:
    budget, asked = draw.budget, draw.asked
    spent = _sum(past, budget)
    if spent + asked <= budget.most:
        return
    left = max(budget.most - spent, Decimal(0))
    raise BudgetSpent(
        f"{sentence(budget)}; {amount(left)} is left, and this asks for {amount(asked)}.",
        used=plain(spent),
        left=plain(left),
        retry_after=_until_room(past.keys[AGENT], budget, spent + asked - budget.most),
        **draw.facts,
    )


def _asked(budget: Budget, suggestion: Suggestion) -> Decimal:
    if budget.argument not in suggestion.arguments:
        return Decimal(0)
    value = suggestion.arguments[budget.argument]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise OverBudget(
            f"{sentence(budget)}, so {budget.argument} has to be a number.",
            actions=[suggestion.action_type.name],
        )
    return max(Decimal(str(value)), Decimal(0))


def _sum(past: Past, budget: Budget) -> Decimal:
    return past.sum_of(budget.argument, written(budget.per), action=budget.action or "")


def _until_room(agent_id: UUID | None, budget: Budget, needed: Decimal) -> int:
    """Seconds until so much has left the window; the whole window where it is the request's own."""
    found = execute(
        _ROOM,
        {
            "agent": agent_id,
            "argument": budget.argument,
            "action": budget.action or "",
            "seconds": budget.per,
            "statuses": list(MAY_TAKE_EFFECT),
            "needed": needed,
        },
    )
    return max(math.ceil(found[0][0] if found else budget.per), 1)
