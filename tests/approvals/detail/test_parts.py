"""The parts of a proposal's page that need no database: what was said, what it is worth, who does it."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from approvals.detail.bar import in_short
from approvals.detail.conversation import take_messages
from approvals.detail.options import undone
from approvals.detail.worth import FEW, NEAR, Record, Worth
from audit.ground.wilson import share
from governance.models import ActionType
from suggestions.models import Proposal

# --- The conversation -------------------------------------------------------------------------------


def text(message: Any) -> str:
    return "".join(piece.text for piece in message.pieces)


@pytest.mark.parametrize(
    ("message", "role", "said"),
    [
        ({"role": "user", "content": "Hello"}, "user", "Hello"),
        ({"role": "USER", "content": "Hello"}, "other", 'Hello\n{\n  "role": "USER"\n}'),
        ({"content": "Hello"}, "other", 'Hello\n{\n  "role": null\n}'),
        ({"role": ["user"], "content": "x"}, "other", 'x\n{\n  "role": [\n    "user"\n  ]\n}'),
        ({"role": "tool", "content": ""}, "tool", ""),
        ({"role": "tool", "content": None, "id": 1}, "tool", '{\n  "id": 1\n}'),
        ({"role": "tool", "content": {"a": 1}}, "tool", '{\n  "a": 1\n}'),
        ({"role": "user", "content": "a\u202eb"}, "user", "a\u202eb"),
        ({}, "other", '{\n  "role": null\n}'),
    ],
)
def test_a_message_is_shown_with_all_that_is_in_it(message: dict[str, Any], role: str, said: str) -> None:
    [found] = take_messages({"messages": [message]})
    assert (found.role, text(found)) == (role, said)


@pytest.mark.parametrize("messages", [None, "text", {}, 5, [1], ["text"], [{}, None], [[]]])
def test_a_conversation_in_another_form_is_left_where_it_is(messages: Any) -> None:
    context = {"messages": messages, "more": 1}
    kept = deepcopy(context)
    assert take_messages(context) == []
    assert context == kept


def test_the_conversation_is_taken_out_of_the_rest() -> None:
    context = {"messages": [], "more": 1}
    assert take_messages(context) == []
    assert context == {"more": 1}


# --- What a stated number is worth ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("statements", "stated", "count", "of"),
    [
        ([], 0.9, 0, 0),
        ([(0.9, True)], 0.9, 1, 1),
        ([(0.85, True), (0.95, False)], 0.9, 1, 2),
        ([(0.849, True), (0.951, True)], 0.9, 0, 0),
        ([(0.0, False), (1.0, True)], 0.0, 0, 1),
        ([(1.0, True)] * 500, 1.0, 500, 500),
    ],
)
def test_a_statement_is_held_against_those_of_about_its_height(
    statements: list[tuple[float, bool]], stated: float, count: int, of: int
) -> None:
    record = Record(confidence=statements, success=statements)
    for worth in (record.of_confidence(stated), record.of_success(stated)):
        assert worth is not None
        assert (worth.found.count, worth.found.of) == (count, of)
    assert record.of_confidence(None) is record.of_success(None) is None


@pytest.mark.parametrize(
    ("stated", "count", "of", "known", "percent", "short"),
    [
        (0.9, 0, 0, False, 0, False),
        (0.9, 0, FEW - 1, False, 0, False),
        (0.9, 0, FEW, True, 0, True),
        (0.9, 5, FEW, True, 50, True),
        (0.9, 9, FEW, True, 90, False),
        (0.9, FEW, FEW, True, 100, False),
        (0.05, 0, 500, True, 0, False),
        (1.0, 499, 500, True, 100, False),
        (0.5, 200, 500, True, 40, True),
    ],
)
def test_it_is_short_only_where_it_surely_is(
    stated: float, count: int, of: int, known: bool, percent: int, short: bool
) -> None:
    worth = Worth(stated, share(count, of))
    assert (worth.known, worth.percent, worth.short) == (known, percent, short)


@settings(max_examples=60)
@given(st.floats(0, 1), st.integers(0, 60), st.integers(0, 60))
def test_its_bounds_hold_the_share(stated: float, right: int, wrong: int) -> None:
    worth = Worth(stated, share(right, right + wrong))
    low, high = worth.bounds
    assert 0 <= low <= high <= 100
    assert not worth.known or low <= worth.percent <= high
    assert not worth.short or worth.percent / 100 < stated - NEAR + 0.005


# --- Who carries it out -----------------------------------------------------------------------------


def step(*routes: dict[str, Any]) -> dict[str, Any]:
    return {"routes": list(routes)}


SHOP = {"kind": "http", "url": "https://shop.example:8443/refund?key=secret"}
BANK = {"kind": "http", "url": "https://bank.example/pay"}
BACK = {"kind": "handback"}
CALL = {"kind": "python", "call": "shop.refund"}


@pytest.mark.parametrize(
    ("workflow", "by"),
    [
        (None, "done by the agent"),
        ([], "done by the agent"),
        ({}, "done by the agent"),
        ({"steps": []}, "done by the agent"),
        ({"steps": [step()]}, "done by the agent"),
        ({"steps": [step(SHOP)]}, "shop.example"),
        ({"steps": [step(SHOP, SHOP)]}, "shop.example · 2 routes"),
        ({"steps": [step(SHOP, BACK)]}, "shop.example, the agent · 2 routes"),
        ({"steps": [step(SHOP), step(BANK)]}, "shop.example, bank.example · 2 steps · 2 routes"),
        ({"steps": [step(CALL)]}, "shop.refund"),
        ({"steps": [step({"kind": "http"})]}, ""),
    ],
)
def test_who_carries_it_out_is_told_without_secrets(workflow: Any, by: str) -> None:
    found = undone(
        ActionType(name="refund", workflow=workflow), Proposal(risk=1, approvals_needed=1, verdict={})
    )
    assert found.by == by
    assert "secret" not in found.by


@pytest.mark.parametrize(
    ("grace", "said"),
    [
        (0, None),
        (60, "After an approval there are 60 s to undo it, before anything runs."),
        (0.5, "0.5 s to undo"),
    ],
)
def test_that_it_can_be_undone_is_said_where_it_can(grace: float, said: str | None) -> None:
    proposal = Proposal(risk=1, approvals_needed=1, verdict={"grace_seconds": grace})
    told = " ".join(undone(ActionType(name="refund"), proposal).sentences)
    assert ("to undo it" in told) is (said is not None)
    assert said is None or said in told


# --- Short ------------------------------------------------------------------------------------------


@settings(max_examples=80)
@given(st.text(max_size=80) | st.text("ab ", max_size=80), st.integers(12, 60))
def test_a_short_label_is_no_longer_and_begins_and_ends_as_the_whole(whole: str, most: int) -> None:
    short = in_short(whole, most)
    if len(whole) <= most:
        assert short == whole
        return
    head, _, tail = short.partition(" … ")
    assert len(short) <= most + 2
    assert whole.startswith(head)
    assert whole.endswith(tail) or whole.strip().endswith(tail)
