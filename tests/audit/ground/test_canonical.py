from __future__ import annotations

import json
import math
from typing import Any

import pytest
import rfc8785
from hypothesis import example, given
from hypothesis import strategies as st

from audit.ground.canonical import canonical, commitment, digest
from tests.searching import searched

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(-(2**53) + 1, 2**53 - 1)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner),
    max_leaves=20,
)


@searched(1_500)
@given(JSON)
@example({"\ufb33": 1, "\U0001f600": 2})
@example([1e-7, 0.1, -0.0, 1.0, 123456789012345.6, 5e-324])
@example({"a": "1.0 and 1e5 and -0"})
def test_the_quick_way_spells_every_value_as_the_library_does(value: Any) -> None:
    assert canonical(value) == rfc8785.dumps(value)


@searched(300)
@given(JSON)
def test_the_spelling_survives_reading_it_again(value: Any) -> None:
    assert canonical(json.loads(canonical(value))) == canonical(value)


@pytest.mark.parametrize("value", [math.nan, math.inf, 2**53 + 1, -(2**60), "\ud800", {"a": [math.nan]}])
def test_what_has_no_canonical_form_is_refused(value: Any) -> None:
    with pytest.raises(ValueError):
        canonical(value)


def test_numbers_that_are_equal_have_one_digest() -> None:
    assert digest({"amount": 1.0}) == digest({"amount": 1})
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    assert digest({"amount": 1}) != digest({"amount": "1"})


def test_a_commitment_needs_its_salt() -> None:
    assert commitment(b"a" * 16, "text") != commitment(b"b" * 16, "text")
