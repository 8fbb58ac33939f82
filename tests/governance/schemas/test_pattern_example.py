"""An example of a pattern fits it or there is none; and finding out has an end."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.schemas.pattern_example import LONGEST, example_of
from governance.schemas.work import pattern_weight
from tests.searching import searched


@pytest.mark.parametrize(
    ("pattern", "example"),
    [
        ("^customer-[0-9]{5}$", "customer-19129"),
        ("^[A-Z]{2}\\d{2}$", "AB19"),
        ("^[0-9]{3,}$", "191"),
        ("^[0-9]*$", "191"),
        ("^x?$", "x"),
        ("^(eu|us)-[a-z]+$", "eu-abc"),
        ("^(?:north|south)$", "north"),
        ("^(?P<place>ab)$", "ab"),
        ("^[^a]$", "b"),
        ("^.$", "a"),
        ("^\\w{3}$", "abc"),
        ("^[+-]$", "+"),
        ("^\\u0041$", "A"),
        ("(?=b)b", "b"),
        ("@", "ana@example.com"),
        ("^[a-z]{40}$", "abcdefghij" * 4),
    ],
)
def test_a_text_that_fits(pattern: str, example: str) -> None:
    assert example_of(pattern) == example
    assert re.search(pattern, example)


@pytest.mark.parametrize(
    "pattern",
    [
        "",
        "^$",
        "^x{0}$",
        "^[a-z]{41}$",  # longer than anybody reads
        "^(a{7}){7}$",
        "^x{1000000}$",
        "^\\x00$",  # can't be read at all
        "^\\n$",
        "^(a)\\1$",
        "^[^\\w]$",
        "^(?!c)[a-z]$",  # the first that comes to mind does not fit
        "^\\p{L}+$",  # not known to what writes it
        "(",
        "[z-a]",
        "(" * 100 + "a" + ")" * 100 + "{2}" * 40,
        "a|" * 200,
    ],
)
def test_none_where_none_is_found(pattern: str) -> None:
    assert example_of(pattern) == ""


@pytest.mark.parametrize("core", ["", "(?:)", "\\b", "^", "x?"])
@pytest.mark.parametrize("times", ["{30}", "{0,3}", "*"])
def test_repeated_repetitions_have_an_end(core: str, times: str) -> None:
    pattern = core
    for _ in range(12):
        pattern = f"(?:{pattern}){times}"
    began = time.process_time()
    assert len(example_of(pattern)) <= LONGEST
    assert time.process_time() - began < 0.5


def test_such_a_pattern_is_one_that_schemas_may_have() -> None:
    assert pattern_weight("(?:" * 5 + "\\b" + "){30}" * 5) == "tiny"


_ATOMS = st.sampled_from(["a", "[0-9]", "\\d", "\\w", "[A-F0-9]", "[^x]", "-", "\\.", ".", "é", "[äö]"])
_PATTERNS = st.recursive(
    _ATOMS,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["?", "*", "+", "{2}", "{1,4}", "{3,}"])).map(
            lambda two: f"(?:{two[0]}){two[1]}"
        ),
        st.lists(inner, min_size=1, max_size=3).map("".join),
        st.lists(inner, min_size=2, max_size=3).map(lambda many: f"({'|'.join(many)})"),
    ),
    max_leaves=6,
)


@searched(60)
@given(_PATTERNS)
def test_what_is_shown_always_fits(pattern: str) -> None:
    example = example_of(f"^{pattern}$")
    assert example == "" or re.search(f"^{pattern}$", example)
    assert len(example) <= LONGEST
    assert not example or example.isprintable()
