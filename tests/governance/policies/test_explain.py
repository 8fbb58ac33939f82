from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.policies.explain import facts_in, looked_at, parts
from governance.policies.policy import VARIABLES, Policy, PolicyText


@pytest.mark.parametrize(
    ("expression", "conditions"),
    [
        ("args.a > 1", ["args.a > 1"]),
        ("args.a > 1 && args.b == 'x && y'", ["args.a > 1", "args.b == 'x && y'"]),
        ("(args.a > 1 || risk.level in ['high'])\n  && has(args.c) // why && not", None),
        ("args.t == 'two  spaces' && true", ["args.t == 'two  spaces'", "true"]),
        ("args.a ? args.b && args.c : true", ["args.a ? args.b && args.c : true"]),
        ("!(args.a && args.b)", ["!(args.a && args.b)"]),
        ("(args.a) == (args.b)", ["(args.a) == (args.b)"]),
    ],
)
def test_a_rule_falls_into_its_conditions(expression: str, conditions: list[str] | None) -> None:
    expected = conditions or ["args.a > 1", "risk.level in ['high']", "has(args.c)"]
    assert parts(expression) == expected


@given(st.lists(st.sampled_from(["args.a > 1", "mentions(user_text, 'x')", "'&&' == args.s"]), min_size=1))
def test_nothing_of_a_rule_is_lost(conditions: list[str]) -> None:
    assert parts(" && ".join(conditions)) == conditions


@pytest.mark.parametrize(
    ("condition", "facts"),
    [
        ('action.name == "send_money"', ["action.name"]),
        ("!mentions(user_text, args.recipient)", ["user_text", "args.recipient"]),
        ("args.url.startsWith('args.x') && args.url != ''", ["args.url"]),
        ('history.agent.count("1h") > 3', ['history.agent.count("1h")']),
        ("foo.args.x == 1", []),
    ],
)
def test_the_facts_of_a_condition_are_named_once(condition: str, facts: list[str]) -> None:
    if "history" in condition and "history" not in VARIABLES:
        pytest.skip("There is no history to ask.")
    assert list(facts_in(condition)) == facts


FACTS: dict[str, Any] = {
    **{name: {} for name in VARIABLES},
    "user_text": "",
    "tool_text": "",
    "now": datetime(2026, 1, 1, tzinfo=UTC),
    "action": {"name": "refund_payment"},
    "args": {"amount": 54.04},
}


def look(when: str) -> Any:
    rules = [{"name": "rule", "when": when, "then": {}}]
    [rule] = looked_at(Policy(PolicyText.model_validate({"version": 1, "rules": rules}), None), FACTS)
    return rule


def test_each_condition_shows_what_it_saw() -> None:
    rule = look('action.name == "refund_payment" && args.amount > 500.0')

    assert rule.outcome == "did not match"
    assert [(c.holds, c.values) for c in rule.conditions] == [
        (True, {"action.name": "refund_payment"}),
        (False, {"args.amount": 54.04}),
    ]


def test_a_rule_that_fails_says_where() -> None:
    rule = look("args.amount < 100.0 && args.nope == 1")

    assert rule.outcome == "failed"
    assert [c.holds for c in rule.conditions] == [True, None]
    assert "nope" in rule.conditions[1].error


def test_a_rule_that_matches_says_so() -> None:
    assert look("args.amount < 100.0").outcome == "matched"
