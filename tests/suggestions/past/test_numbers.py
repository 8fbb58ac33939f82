"""What of a proposal later ones are judged by: its greatest numbers, by action, and marks of its values."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.ground.refusals import Invalid
from suggestions.past import numbers
from suggestions.past.numbers import approved, asked_for, keys_of, mark, marks, of_action, subject_key

KEY = UUID("01890a5d-ac96-774b-bcce-b302099a8057")


def suggestion(arguments: dict[str, Any], action: str = "refund") -> Any:
    return SimpleNamespace(action_type=SimpleNamespace(name=action), arguments=arguments)


def asked(*each: Any) -> dict[str, Any]:
    return asked_for([one if isinstance(one, SimpleNamespace) else suggestion(one) for one in each])


@pytest.mark.parametrize(
    ("each", "found"),
    [
        ([{}], {"": "refund"}),
        ([{"amount": 5}], {"": "refund", "amount": 5}),
        ([{"amount": 5}, {"amount": 7, "count": 1}], {"": "refund", "amount": 7, "count": 1}),
        ([{"amount": -5}, {"amount": -7}], {"": "refund", "amount": -5}),
        ([{"amount": 0}], {"": "refund", "amount": 0}),
        ([{"amount": True}], {"": "refund"}),  # a truth is no number
        ([{"amount": "5"}], {"": "refund"}),
        ([{"amount": None, "lines": [5], "deep": {"amount": 9}}], {"": "refund"}),
        ([{"": 5}], {"": "refund"}),  # no argument has the name of the action's place
        (
            [suggestion({"amount": 5}), suggestion({"amount": 9, "days": 2}, "ship")],
            {
                "": {"refund": {"amount": 5}, "ship": {"amount": 9, "days": 2}},
                "amount": 9,
                "days": 2,
            },
        ),
        (
            [suggestion({"amount": 5}), suggestion({}, "ship"), suggestion({"amount": 6})],
            {"": {"refund": {"amount": 6}, "ship": {}}, "amount": 6},
        ),
    ],
)
def test_the_greatest_of_each_number_is_kept(each: list[Any], found: dict[str, Any]) -> None:
    assert asked(*each) == found


def test_once_it_is_approved_only_that_counts() -> None:
    assert approved("refund", {"amount": 3, "note": "x", "urgent": False}) == {"": "refund", "amount": 3}


@pytest.mark.parametrize(
    ("of", "action", "found"),
    [
        ({"": "refund", "amount": 5}, "", {"": "refund", "amount": 5}),
        ({"": "refund", "amount": 5}, "refund", {"": "refund", "amount": 5}),
        ({"": "refund", "amount": 5}, "ship", None),
        ({"": {"refund": {"amount": 5}}, "amount": 9}, "refund", {"amount": 5}),
        ({"": {"refund": {"amount": 5}}, "amount": 9}, "ship", None),
        ({"": {"refund": {"amount": 5}}, "amount": 9}, "", {"": {"refund": {"amount": 5}}, "amount": 9}),
        ({}, "refund", None),
    ],
)
def test_the_numbers_of_one_action_are_found(of: dict[str, Any], action: str, found: Any) -> None:
    assert of_action(of, action) == found


ARGUMENTS = st.dictionaries(
    st.sampled_from(["amount", "count", "days", ""]),
    st.integers(-(2**53), 2**53) | st.floats(-1e9, 1e9) | st.booleans() | st.text(max_size=3) | st.none(),
)


@given(st.lists(st.tuples(ARGUMENTS, st.sampled_from(["refund", "ship"])), min_size=1, max_size=5))
def test_no_suggestion_asks_for_more_than_is_kept(each: list[tuple[dict[str, Any], str]]) -> None:
    found = asked_for([suggestion(arguments, action) for arguments, action in each])
    for arguments, action in each:
        of = of_action(found, action)
        for name, value in arguments.items():
            if name and isinstance(value, int | float) and not isinstance(value, bool):
                assert of is not None
                assert value <= of[name] <= found[name]


def test_far_more_numbers_than_any_action_needs_are_refused() -> None:
    few = {f"number_{n}": n for n in range(100)}
    assert len(json.dumps(asked(few))) < numbers.MOST_BYTES
    with pytest.raises(Invalid) as refused:
        asked({f"number_{n}": n for n in range(200)})
    assert refused.value.errors == [
        {"pointer": "/suggestions", "detail": "Their arguments have too many numbers at the top level."}
    ]
    with pytest.raises(Invalid):
        approved("refund", {"x" * 2_000: 1})


# --- Marks --------------------------------------------------------------------------------------


def test_a_value_has_one_mark_however_it_is_spelled_and_another_under_each_key_and_name() -> None:
    assert mark(KEY, "amount", 54) == mark(KEY, "amount", 54.0)
    others = [
        mark(KEY, "amount", "54"),
        mark(KEY, "amounts", 54),
        mark(UUID(int=1), "amount", 54),
        mark(KEY, "amount", 54.01),
    ]
    assert len({mark(KEY, "amount", 54), *others}) == 5


@pytest.mark.parametrize(
    ("arguments", "marked"),
    [
        ({}, []),
        ({"to": "ana"}, [("to", "ana")]),
        ({"to": ["ana", "ben", "ana"]}, [("to", "ana"), ("to", "ben")]),
        ({"to": "ana", "cc": ["ana"]}, [("to", "ana"), ("cc", "ana")]),
        ({"to": ["ana", None, True, {"x": 1}, ["ben"], 7]}, [("to", "ana"), ("to", 7)]),
        ({"to": {"name": "ana"}, "gift": True, "note": None}, []),
        ({"to": ""}, [("to", "")]),
    ],
)
def test_plain_values_and_those_in_lists_are_marked(arguments: dict[str, Any], marked: list[Any]) -> None:
    assert marks(KEY, arguments) == [mark(KEY, name, value) for name, value in marked]


def test_so_many_marks_are_kept_and_no_more() -> None:
    assert len(marks(KEY, {"to": list(range(1_000))})) == numbers.MOST_MARKS


# --- Subjects -----------------------------------------------------------------------------------


def test_a_subject_is_named_by_its_kind_and_its_id() -> None:
    assert subject_key("customer", "") is None
    assert subject_key("", "1") is not None
    keys = {subject_key(*one) for one in [("customer", "1"), ("order", "1"), ("customer", "2"), ("", "1")]}
    assert len(keys) == 4


def test_a_proposal_belongs_to_its_agents_past_and_to_its_subjects() -> None:
    about = SimpleNamespace(agent_id=KEY, subject_type="customer", subject_id="1")
    nobody = SimpleNamespace(agent_id=KEY, subject_type="", subject_id="")
    assert keys_of(about) == [KEY, subject_key("customer", "1")]
    assert keys_of(nobody) == [KEY]
