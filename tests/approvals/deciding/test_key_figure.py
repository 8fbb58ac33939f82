"""What is typed in again: every way in which people write a number, and nothing else."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from approvals.deciding.step_up import KeyFigure, latest, same

CENTS = st.integers(-(10**11), 10**11)


def figure(value: Any) -> KeyFigure:
    return KeyFigure("amount", "Amount", value)


def english(cents: int) -> str:
    return f"{Decimal(cents) / 100:,.2f}"


def german(cents: int) -> str:
    return english(cents).translate(str.maketrans(",.", ".,"))


@settings(max_examples=100)
@given(CENTS)
def test_an_amount_is_taken_however_its_digits_are_grouped(cents: int) -> None:
    value = cents / 100
    ways = [
        english(cents),
        german(cents),
        english(cents).replace(",", ""),
        english(cents).replace(",", " "),
        english(cents).replace(",", "’"),
        f"  {english(cents)}\n",
        english(cents).replace("-", "−"),
        repr(value) if abs(value) < 1e15 else english(cents),
    ]
    assert [way for way in ways if not same(figure(value), way)] == []


@settings(max_examples=100)
@given(CENTS, CENTS)
def test_another_amount_is_never_taken(cents: int, other: int) -> None:
    assume(cents != other)
    assert not same(figure(cents / 100), english(other))
    assert not same(figure(cents / 100), german(other))


@pytest.mark.parametrize(
    ("value", "typed", "right"),
    [
        (1234, "1.234", True),
        (1.234, "1.234", True),
        (1234, "1,234", True),
        (1234, "12,34", False),
        (1234, "1,2345", False),
        (1234, "1.234.", False),
        (1234567, "1,234,567", True),
        (1234567, "1.234.567", True),
        (1234567, "1,234.567", False),
        (0, "0", True),
        (0, "", False),
        (0, "-", False),
        (0, "nothing", False),
        (-5, "-5", True),
        (-5, "5", False),
        (5, "+5", True),
        (5, "5 EUR", False),
        (5, "٥", True),
        (5, "5e0", False),
        (5, "0x5", False),
        (5, "05", True),
        (1e21, "1000000000000000000000", True),
        (0.1, ".1", False),
        (0.1, "0.10", True),
        (0.1, "0,1", True),
        (54.04, "54.040", True),
        (54.04, "5404", False),
    ],
)
def test_a_number_is_compared_by_what_it_can_mean(value: Any, typed: str, right: bool) -> None:
    assert same(figure(value), typed) is right


@pytest.mark.parametrize(
    ("value", "typed", "right"),
    [
        ("customer-19122", "customer-19122", True),
        ("customer-19122", "Customer-19122", False),
        ("customer-19122", " customer-19122 ", True),
        ("two  words", "two words", True),
        ("two words", "twowords", False),
        ("", "", False),
        ("", " ", False),
        (True, "true", True),
        (True, "1", False),
        ("5", "5.0", False),
        ("p\u0430y", "pay", False),
        ("a\u200bb", "ab", False),
    ],
)
def test_anything_else_is_compared_to_the_letter(value: Any, typed: str, right: bool) -> None:
    assert same(figure(value), typed) is right


@settings(max_examples=60)
@given(st.text(max_size=12), st.integers(-(10**6), 10**6) | st.booleans() | st.text(max_size=6))
def test_whatever_is_typed_is_read_or_refused(typed: str, value: Any) -> None:
    assert same(figure(value), typed) in (True, False)
    assert not same(figure(value), "")


@pytest.mark.parametrize(
    ("ages", "second", "found"),
    [
        ({}, False, ("", None)),
        ({"password": 9.0}, False, ("password", 9.0)),
        ({"password": 9.0}, True, ("", None)),
        ({"password": 1.0, "totp": 9.0}, True, ("totp", 9.0)),
        ({"password": 1.0, "totp": 9.0}, False, ("password", 1.0)),
        ({"webauthn": 0.0, "recovery_codes": 0.5}, True, ("webauthn", 0.0)),
        ({"code": 0.0, "socialaccount": 0.0}, False, ("", None)),
        ({"code": 0.0, "password": 5.0}, False, ("password", 5.0)),
    ],
)
def test_of_the_methods_the_latest_counts(ages: dict[str, float], second: bool, found: Any) -> None:
    assert latest(ages, second=second) == found
