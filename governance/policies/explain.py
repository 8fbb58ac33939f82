"""Why a policy says what it says: each rule taken apart into its conditions, with the values they saw."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from audit.ground.durations import written
from governance.agents import boundaries
from governance.expressions import effort
from governance.expressions.cel import BadExpression, Expression, NoAnswer, activation
from governance.expressions.functions import FUNCTIONS
from governance.models import Agent
from governance.policies.obligations import Obligations
from governance.policies.policy import VARIABLES, Policy, RuleText

MOST_SHOWN = 1_000  # characters of a value

Outcome = Literal["matched", "did not match", "failed"]

# Strings and comments hold no facts and no operators.
_TOKEN = re.compile(
    r"""(?P<string>[rRbB]{0,2}(?:'''.*?'''|\"\"\".*?\"\"\"|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"))"""
    r"""|(?P<comment>//[^\n]*)|(?P<operator>&&|\|\|)|(?P<open>[([{])|(?P<close>[)\]}])|(?P<other>.)""",
    re.DOTALL,
)
_FACT = re.compile(
    rf"\b(?:{'|'.join(VARIABLES)})\b(?:\s*\.\s*[A-Za-z_]\w*(?!\s*\(|\w))*(?:\s*\.\s*[A-Za-z_]\w*\([^()]*\))?"
)
_CALLED = re.compile(r"\.\s*\w+\([^()]*\)$")


@dataclass(frozen=True)
class Condition:
    """One part of a rule: `holds` is None where it could not be evaluated; then `error` says why."""

    text: str
    holds: bool | None
    values: dict[str, Any]
    error: str = ""


@dataclass(frozen=True)
class RuleLookedAt:
    """What one rule made of the facts about one suggestion."""

    name: str
    outcome: Outcome
    then: Obligations
    conditions: list[Condition]
    error: str = ""


def looked_at(policy: Policy, facts: Mapping[str, Any]) -> list[RuleLookedAt]:
    """Every rule of a policy in its order, with what it saw; for people, not for deciding.

    A rule is asked part by part and then as a whole, each with facts of its own: what that takes in memory
    is given back before the next.
    """
    shown: dict[str, Any] = {}
    looked = []
    for rule in policy.rules:
        with effort.limited(anew=True):
            looked.append(_look(rule, facts, shown))
    return looked


def boundaries_looked_at(agent: Agent, limits: dict[str, Any] | None) -> list[tuple[str, str]]:
    """The boundaries that a stored proposal passed, in the order they are checked, with what they ask.

    `limits` are those of that moment, as `Boundaries.as_json` tells them.
    """
    then = boundaries.Boundaries.model_validate(limits or {})
    allowed = agent.allowed_actions
    hours = then.active_hours
    asked = [
        ("enabled", "the agent is enabled"),
        ("active_hours", str(hours.week) if hours else "at any time"),
        ("rate", ", ".join(then.rates_in_force)),
        ("action_types", "any action type" if allowed is None else f"one of {len(allowed)} action types"),
        (
            "deployment",
            "has to be its active one"
            if then.deployment_required
            else "any, but none passes by itself unregistered",
        ),
        ("data_classes", "any" if then.data_classes is None else ", ".join(then.data_classes) or "none"),
    ]
    return asked + [("budget", _budget(budget)) for budget in then.budgets]


def _budget(budget: boundaries.Budget) -> str:
    of = f" of {budget.action}" if budget.action else ""
    return f"{budget.argument}{of}: at most {budget.most:,} in {written(budget.per)}"


def _look(rule: RuleText, facts: Mapping[str, Any], shown: dict[str, Any]) -> RuleLookedAt:
    try:
        expression = Expression(rule.when, VARIABLES, FUNCTIONS)
    except BadExpression as error:  # it is not asked at all, nor are its parts
        return RuleLookedAt(rule.name, "failed", rule.then, [], str(error))
    conditions = [_condition(part, facts, shown) for part in parts(rule.when)]
    try:
        holds = expression.holds(facts)
    except NoAnswer as error:
        return RuleLookedAt(rule.name, "failed", rule.then, conditions, str(error))
    return RuleLookedAt(rule.name, "matched" if holds else "did not match", rule.then, conditions)


def _condition(text: str, facts: Mapping[str, Any], shown: dict[str, Any]) -> Condition:
    known = activation(facts, VARIABLES, FUNCTIONS)
    values = {}
    for path in facts_in(text):
        if path not in shown:
            shown[path] = _shown(path, known)
        if shown[path] is not _MISSING:
            values[path] = shown[path]
    try:
        return Condition(text, Expression(text, VARIABLES, FUNCTIONS).holds(known), values)
    except (NoAnswer, BadExpression) as error:
        return Condition(text, None, values, str(error))


_MISSING = object()  # the condition itself says what is missing


def _shown(path: str, known: Any) -> Any:
    """What a fact is; of what is long the beginning, for every rule may show it again."""
    try:
        value = Expression(path, VARIABLES, FUNCTIONS).evaluate(known)
    except (NoAnswer, BadExpression):
        return _MISSING
    return _short(value)


def _short(value: Any) -> Any:
    if isinstance(value, str):
        left = len(value) - MOST_SHOWN
        return value if left <= 0 else f"{value[:MOST_SHOWN]}… (and {left:,} more characters)"
    if isinstance(value, list | dict) and len(written_out := str(value)) > MOST_SHOWN:
        return _short(written_out)
    return value


def parts(expression: str) -> list[str]:
    """An expression's conditions: what stands between its outermost `&&` and `||`, in order."""
    found, start, depth = [], 0, 0
    text = tidy(expression)
    for token in _TOKEN.finditer(text):
        if token.group() == "?" and depth == 0:
            return [text]  # a choice is one condition
        if token.lastgroup == "open":
            depth += 1
        elif token.lastgroup == "close":
            depth -= 1
        elif token.lastgroup == "operator" and depth == 0:
            found.append(text[start : token.start()])
            start = token.end()
    found.append(text[start:])
    if len(found) == 1:
        inner = _without_parentheses(text)
        return [text] if inner == text else parts(inner)
    return [part for piece in found for part in parts(piece)]


def tidy(expression: str) -> str:
    """In one line and without comments; what stands in strings stays as it is."""
    text = ""
    for token in _TOKEN.finditer(expression):
        plain = token.group() if token.lastgroup != "comment" else " "
        if not plain.isspace():
            text += plain
        elif not text.endswith(" "):
            text += " "
    return text.strip()


def _without_parentheses(text: str) -> str:
    """The inside of parentheses that enclose all of a text, else the text."""
    if not (text.startswith("(") and text.endswith(")")):
        return text
    depth = 0
    for token in _TOKEN.finditer(text):
        depth += (token.lastgroup == "open") - (token.lastgroup == "close")
        if depth == 0 and token.end() < len(text):
            return text
    return text[1:-1].strip()


def facts_in(text: str) -> Iterator[str]:
    """The facts that a condition names, once each: `args.amount`, `history.agent.count("1h")`."""
    seen = set()
    strings = [m.span() for m in _TOKEN.finditer(text) if m.lastgroup == "string"]
    for match in _FACT.finditer(text):
        if any(start < match.start() < end for start, end in strings):
            continue
        if match.start() and text[match.start() - 1] == ".":
            continue
        path = match.group()
        if not path.startswith("history"):
            path = _CALLED.sub("", path)
        if path not in seen:
            seen.add(path)
            yield path
