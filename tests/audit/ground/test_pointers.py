"""Where something is wrong, as RFC 6901 writes it: whoever reads it finds exactly that place."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.asking import gate
from audit.asking.bodies import Strict, check
from audit.ground.refusals import Invalid, pointer_of

NAMES = ["a", "", "a/b", "~", "~1", "/", "m~n", " ", "0", "é", "a\nb"]


class Figures(Strict):
    figures: dict[str, float]


def found_at(value: Any, pointer: str) -> Any:
    """As section 4 of the RFC evaluates it."""
    for step in pointer.split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        value = value[int(name)] if isinstance(value, list) else value[name]
    return value


@pytest.mark.parametrize(
    ("path", "pointer"),
    [
        ([], ""),
        ([""], "/"),
        (["a", 0], "/a/0"),
        (["a/b"], "/a~1b"),
        (["m~n"], "/m~0n"),
        (["~1"], "/~01"),  # not the slash that it would be read as
        (["", ""], "//"),
    ],
)
def test_a_path_has_one_pointer(path: list[str | int], pointer: str) -> None:
    assert pointer_of(path) == pointer


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=5), max_size=5))
def test_a_pointer_leads_where_its_path_does(path: list[str]) -> None:
    value: Any = "here"
    for name in reversed(path):
        value = {name: value}
    assert found_at(value, pointer_of(path)) == "here"


@pytest.mark.parametrize("name", NAMES)
def test_the_gate_names_the_very_place(name: str) -> None:
    body = {"arguments": {name: [{"x": 2**60}], "beside": {"b": 1}}}
    with pytest.raises(Invalid) as refused:
        gate.read(json.dumps(body).encode(), limit=10_000)
    [error] = refused.value.errors
    assert found_at(body, error["pointer"]) == 2**60


@pytest.mark.parametrize("name", NAMES)
def test_a_field_of_any_name_is_named_at_its_place(name: str) -> None:
    body = {"figures": {name: "many", "a ": 1}}
    with pytest.raises(Invalid) as refused:
        check(Figures, body)
    assert [found_at(body, error["pointer"]) for error in refused.value.errors] == ["many"]
