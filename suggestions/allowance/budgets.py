"""The last boundary: the sum of a numeric argument over the time that has just gone by.

What waits counts with the greatest amount that any of its suggestions asks for, what was approved
with the amount that was approved. What was rejected, returned, withdrawn or blocked, and what has
expired, no longer counts. Exact among simultaneous submissions: see `suggestions.past.locks`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from audit.ground.durations import written
from audit.statements.prepared import execute
from governance.agents import boundaries
from governance.agents.boundaries import BoundaryHit, Budget
from governance.models import Agent
from suggestions.models import Proposal, Suggestion
from suggestions.past.answers import MAY_TAKE_EFFECT, Past
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


class OverBudget(BoundaryHit):
    """This could never be within the budget: it asks for more than all of it, or for no number."""

    boundary = "budget"


class BudgetSpent(OverBudget):
    """Too much of the budget is used; `retry_after` says in how many seconds enough is free again."""


def used(agent: Agent, budget: Budget) -> Decimal:
    """How much of a budget is used at this moment."""
    return _sum(Past(agent.pk), budget)


def check(proposal: Proposal, suggestions: Sequence[Suggestion], *, past: Past, turn: Turn | None) -> None:
    """Whether the agent's budgets have room for a new proposal. Raises `OverBudget`, `BudgetSpent`.

    One that comes again with its idempotency key is nothing new.
    """
    concerned = [b for b in boundaries.of(proposal.agent).budgets if _concerns(b, suggestions)]
    if not concerned:
        return
    try:
        for budget in concerned:
            _check(budget, proposal, suggestions, past)
    except OverBudget:
        if not (turn and turn.is_repeated(proposal.idempotency_key)):
            raise


def check_edit(proposal: Proposal, edited: Suggestion, *, past: Past) -> None:
    """Whether there is room for a suggestion as a reviewer edited it, in place of the proposal."""
    for budget in boundaries.of(proposal.agent).budgets:
        if _concerns(budget, [edited]):
            _check(budget, proposal, [edited], past)


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


def _check(budget: Budget, proposal: Proposal, suggestions: Sequence[Suggestion], past: Past) -> None:
    asked = max(_asked(budget, s) for s in suggestions if budget.concerns(s.action_type.name))
    facts: dict[str, Any] = {
        "actions": [s.action_type.name for s in suggestions],
        "budget": {"argument": budget.argument, "action": budget.action, "per": written(budget.per)},
        "most": plain(budget.most),
        "asked": plain(asked),
    }
    if asked > budget.most:
        raise OverBudget(f"{sentence(budget)}, and this alone asks for {amount(asked)}.", **facts)
    spent = _sum(past, budget)
    if spent + asked <= budget.most:
        return
    left = max(budget.most - spent, Decimal(0))
    raise BudgetSpent(
        f"{sentence(budget)}; {amount(left)} is left, and this asks for {amount(asked)}.",
        used=plain(spent),
        left=plain(left),
        retry_after=_until_room(proposal.agent, budget, spent + asked - budget.most),
        **facts,
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


def _until_room(agent: Agent, budget: Budget, needed: Decimal) -> int:
    """Seconds until so much has left the window; the whole window where it is the request's own."""
    found = execute(
        _ROOM,
        {
            "agent": agent.pk,
            "argument": budget.argument,
            "action": budget.action or "",
            "seconds": budget.per,
            "statuses": list(MAY_TAKE_EFFECT),
            "needed": needed,
        },
    )
    return max(math.ceil(found[0][0] if found else budget.per), 1)
