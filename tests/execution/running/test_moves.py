"""`next_move` under any sequence of outcomes, crashes and clocks: bounded, no doubtful call twice."""

from __future__ import annotations

import random
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from execution.holding.workflow import label
from execution.models.work import Tried
from execution.running.moves import (
    LOOKS_ANEW,
    MOST_BEGUN,
    Around,
    Ask,
    Call,
    Doubt,
    GiveBack,
    Prove,
    Wait,
    breaker_of,
    next_move,
    wait_before,
)
from governance.actions.workflow import WorkflowStep
from tests.searching import searched

BUDGETS = st.integers(0, 8)
OUTCOMES = ("succeeded", "failed", "refused", "unknown")


def http(n: int, **rest: Any) -> dict[str, Any]:
    return {"kind": "http", "url": f"http://shop.internal/{n}", **rest}


def step(*routes: dict[str, Any], **retry: Any) -> WorkflowStep:
    return WorkflowStep.model_validate({"name": "a", "routes": list(routes), "retry": retry})


def after(*outcomes: str, route: str = "1. POST http://shop.internal/1", age: float = 1.0) -> list[Tried]:
    return [Tried(route, outcome, age) for outcome in outcomes]


@st.composite
def steps(draw: Any) -> WorkflowStep:
    routes = [
        http(n, idempotent=draw(st.booleans()), cost=str(draw(st.integers(0, 3))))
        for n in range(draw(st.integers(1, 3)))
    ]
    if draw(st.booleans()):
        routes.append({"kind": "handback"})
    return step(*routes, attempts=draw(st.integers(1, 4)), within="10m")


@searched(200)
@given(
    steps(), st.randoms(use_true_random=False), st.booleans(), st.none() | st.integers(0, 8), st.booleans()
)
def test_work_is_bounded_and_a_doubtful_call_is_never_repeated(
    plan: WorkflowStep, rng: random.Random, acts_once: bool, budget: int | None, breakers: bool
) -> None:
    attempts: list[Tried] = []
    cost = Decimal(0)
    most = sum(plan.retry.attempts for _ in plan.routes)
    names = [breaker_of(route) for route in plan.routes if route.is_called]
    waits = 0
    for _ in range(200):
        shut = {name: 5.0 for name in names if breakers and rng.random() < 0.3}
        left = None if budget is None else Decimal(budget) - cost
        move = next_move(plan, attempts, Around(acts_once=acts_once, closed_off=shut, left=left))
        if isinstance(move, Wait):
            waits += 1
            attempts = [tried._replace(age=tried.age + rng.choice([5, 700])) for tried in attempts]
            continue
        if not isinstance(move, Call):
            break
        assert not any(tried.outcome == "succeeded" for tried in attempts)
        assert breaker_of(move.route) not in shut
        assert move.tried == sum(tried.route == move.name for tried in attempts) < plan.retry.attempts
        assert left is None or move.route.cost <= left
        doubtful = {tried.route for tried in attempts if tried.outcome == "unknown"}
        assert acts_once or (doubtful <= {move.name} and (not doubtful or move.route.idempotent))
        attempts = [tried._replace(age=tried.age + rng.random()) for tried in attempts]
        attempts.append(Tried(move.name, rng.choice(OUTCOMES), 0.0))
        cost += move.route.cost
        assert len(attempts) <= most
    else:
        assert waits == 200 or breakers, "it never ends"
    assert isinstance(move, Prove | Ask | Doubt | GiveBack | Wait)
    assert isinstance(move, Prove) == any(tried.outcome == "succeeded" for tried in attempts)


def test_a_breaker_that_is_open_counts_as_spent_at_once() -> None:
    plan = step(http(1), http(2))
    shut = {breaker_of(plan.routes[0]): 20.0}

    assert next_move(plan, [], Around(closed_off=shut)).name.startswith("2.")
    waits = next_move(step(http(1)), [], Around(closed_off=shut))
    assert (waits.route, waits.seconds) == (breaker_of(plan.routes[0]), LOOKS_ANEW)
    begun = [Tried(label(plan, 0), "failed", age=590.0)]
    assert next_move(step(http(1)), begun, Around(closed_off=shut)).seconds == 10.0
    given_back = next_move(step(http(1), {"kind": "handback"}), [], Around(closed_off=shut))
    assert isinstance(given_back, GiveBack)


def test_another_route_is_not_taken_while_one_is_in_doubt() -> None:
    plan = step(http(1, idempotent=True), http(2), attempts=1)
    assert isinstance(next_move(plan, after("unknown"), Around()), Doubt)
    assert next_move(plan, after("unknown"), Around(acts_once=True)).name.startswith("2.")

    shut = {breaker_of(plan.routes[0]): 20.0}
    twice = step(http(1, idempotent=True), http(2), attempts=2)
    assert isinstance(next_move(twice, after("unknown"), Around(closed_off=shut)), Wait)


def test_what_attempts_may_cost_ends_them() -> None:
    plan = step(http(1, cost="2"), http(2, cost="0.5"))
    assert next_move(plan, [], Around(left=Decimal(2))).name.startswith("1.")
    assert next_move(plan, [], Around(left=Decimal(1))).name.startswith("2.")
    assert "may cost is used up" in next_move(plan, [], Around(left=Decimal(0))).reason


def test_a_person_chooses_the_route_that_comes_first() -> None:
    plan = step(http(1), http(2))
    assert next_move(plan, [], Around(chosen=1)).name.startswith("2.")
    after_it = [Tried("2. POST http://shop.internal/2", "refused", 1.0)]
    assert next_move(plan, after_it, Around(chosen=1)).name.startswith("1.")


@pytest.mark.parametrize(("acts_once", "often"), [(False, 1), (True, MOST_BEGUN)])
def test_an_agent_that_stays_silent_is_not_asked_for_ever(acts_once: bool, often: int) -> None:
    plan = step({"kind": "handback"})
    silent = after(*["unknown"] * often, route="carried out by the agent")
    assert isinstance(next_move(plan, silent[1:], Around(acts_once=acts_once)), GiveBack)
    assert isinstance(next_move(plan, silent, Around(acts_once=acts_once)), Ask)


def test_tries_wait_longer_each_time_up_to_a_bound() -> None:
    plan = step(http(1), base="1s", cap="8s")
    longest = [max(wait_before(plan, tried) for _ in range(300)) for tried in range(1, 7)]
    for seen, bound in zip(longest, [1, 2, 4, 8, 8, 8], strict=True):
        assert 0.8 * bound < seen <= bound
