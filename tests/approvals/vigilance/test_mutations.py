"""Ways to make a good action a bad one: something is wrong with it each time, and it is said what."""

from __future__ import annotations

from copy import deepcopy
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from approvals.vigilance import mutations
from audit.ground.canonical import canonical
from audit.ground.unseen import is_honest

NAMES = st.sampled_from(
    ["amount", "total", "recipient", "email", "iban", "to", "note", "subtotal", "to_date"]
)
VALUES = (
    st.sampled_from(
        ["", "a", "aaa", "aaab", "ana@example.com", "DE12 3456", "a1", "#W1", "١٢٣", "²³", "ключ"]
    )
    | st.text(max_size=6)
    | st.integers(-(10**6), 10**6)
    | st.sampled_from([0.0, 0.000001, 54.04, -12.5, 99_999.99, True, None])
    | st.lists(st.text(max_size=3), max_size=2)
)


def body(arguments: dict[str, Any], **more: Any) -> dict[str, Any]:
    messages = [{"role": "user", "content": "Please."}]
    return {"context": {"messages": messages}, "suggestions": [{"arguments": arguments}], **more}


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(NAMES, VALUES, max_size=4), st.integers(0, 1_000))
def test_what_is_planted_is_wrong_and_nothing_else_is(arguments: dict[str, Any], seed: int) -> None:
    good = body(arguments)
    kept = deepcopy(good)

    made = mutations.mutate(good, Random(seed))

    assert good == kept
    assert len({one.name for one in made}) == len(made)
    for one in made:
        [(name, value)] = one.planted.items()
        changed = one.body["suggestions"][0]["arguments"]
        assert changed[name] == value
        assert canonical([value]) != canonical([arguments[name]])
        assert {**changed, name: arguments[name]} == arguments
        assert f"“{name}”" in one.why
        assert one.body["context"]["messages"][:1] == kept["context"]["messages"]


@pytest.mark.parametrize(
    ("amount", "wrong"),
    [(54.04, 540.4), (0.1, 1.0), (7, 70), (-7, -70), (0.0000012, 0.000012), (1_234.5678, 12_345.678)],
)
def test_ten_times_is_ten_times(amount: float, wrong: float) -> None:
    made = mutations.ten_times(body({"amount": amount}), Random(1))
    assert made is not None
    assert made.planted == {"amount": wrong}
    assert type(made.planted["amount"]) is type(amount)


@pytest.mark.parametrize("arguments", [{}, {"amount": 0}, {"amount": True}, {"amount": "5"}, {"note": 5}])
def test_without_an_amount_there_is_nothing_to_multiply(arguments: dict[str, Any]) -> None:
    assert mutations.ten_times(body(arguments), Random(1)) is None


@pytest.mark.parametrize("amount", [2**53 - 1, -(2**52), 5e15])
def test_ten_times_more_than_any_agent_may_ask_for_is_not_asked_for(amount: float) -> None:
    assert mutations.ten_times(body({"amount": amount}), Random(1)) is None


@pytest.mark.parametrize("who", ["", "a", "aaa", None, 5, ["ana"]])
@pytest.mark.parametrize("mutation", [mutations.other_recipient, mutations.only_a_tool_said_so])
def test_who_can_be_nobody_else_stays(mutation: Any, who: Any) -> None:
    assert mutation(body({"recipient": who}), Random(1)) is None


@pytest.mark.parametrize("context", [{}, {"messages": []}, {"messages": "none"}, {"messages": None}])
def test_without_a_conversation_no_tool_says_anything(context: Any) -> None:
    asked = body({"recipient": "ana@example.com"}, context=context)
    assert mutations.only_a_tool_said_so(asked, Random(1)) is None


def test_a_tool_says_it_last_and_nobody_else_does() -> None:
    made = mutations.only_a_tool_said_so(body({"iban": "DE12 3456"}), Random(1))
    assert made is not None
    [_, last] = made.body["context"]["messages"]
    assert (last["role"], made.planted["iban"] in last["content"]) == ("tool", True)


@pytest.mark.parametrize("name", ["recipient", "customer_id", "email", "to"])
def test_a_letter_that_only_looks_the_same_is_marked_where_it_is_shown(name: str) -> None:
    for seed in range(20):
        made = mutations.lookalike(body({name: "ana payments"}), Random(seed))
        assert made is not None
        assert len(made.planted[name]) == len("ana payments")
        assert not is_honest(made.planted[name])


def test_what_has_no_letter_with_a_twin_stays() -> None:
    assert mutations.lookalike(body({"to": "12-34 ÄÖ"}), Random(1)) is None


@pytest.mark.parametrize("seed", range(5))
def test_chance_alone_says_in_which_order(seed: int) -> None:
    asked = body({"recipient": "ana@example.com", "amount": 5})
    once, again = (mutations.mutate(asked, Random(seed)) for _ in range(2))
    assert [one.name for one in once] == [one.name for one in again]
    assert {one.name for one in once} == {"other-recipient", "ten-times", "only-a-tool-said-so", "lookalike"}
