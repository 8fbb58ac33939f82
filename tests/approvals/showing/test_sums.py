from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from approvals.showing import sums


@pytest.mark.parametrize(
    ("action", "number", "said"),
    [
        ("refund_payment", 12, "12 refunds"),
        ("refund_payment", 1, "1 refund"),
        ("send_money", 2, "2 transfers"),
        ("send_parcel", 2, "2 × send parcel"),
        ("cancel_pending_order", 3, "3 cancellations"),
    ],
)
def test_actions_are_counted_in_words(action: str, number: int, said: str) -> None:
    assert sums.count_of(action, number) == said


def test_sums_are_those_of_what_is_written() -> None:
    assert sums.total_written([0.1] * 10) == "1.00"
    assert sums.total_written([54.04, 12, 1_000]) == "1,066.04"
    assert sums.total_written([3, 4]) == "7"
    assert sums.total_written([1e-7, 1]) == "1.0000001"
    assert sums.written([54.04, 12]) == ["54.04", "12.00"]


def test_what_names_something_is_not_added_up() -> None:
    assert sums.is_amount("amount", [1, 2.5, None])
    assert not sums.is_amount("customer_id", [1, 2])
    assert not sums.is_amount("zip", [1, 2])
    assert not sums.is_amount("amount", [1, True])
    assert not sums.is_amount("amount", [None])


def test_a_number_far_from_the_others_stands_out() -> None:
    assert sums.outliers([50, 52, 54, 900]) == [False, False, False, True]
    assert sums.outliers([20, 20, 20, 20, 200]) == [False, False, False, False, True]
    assert sums.outliers([20, 22, 24, 40, 30]) == [False] * 5
    assert sums.outliers([5, 5, 5, -5]) == [False, False, False, True]
    assert sums.outliers([1, 1_000]) == [False, False]


@pytest.mark.parametrize(
    ("action", "number", "said"),
    [
        ("refund_payment", 0, "0 refunds"),
        ("REFUND", 1, "1 refund"),
        ("refund.payment", 2, "2 refunds"),
        ("refund-payment", 2, "2 refunds"),
        ("refunding", 1, "1 × refunding"),
        ("send_email", 1, "1 e-mail"),
        ("send_money", 1, "1 transfer"),
        ("ACH_transfer", 3, "3 × ACH transfer"),
        ("_", 2, "2 × “_”"),
    ],
)
def test_what_has_no_noun_is_counted_by_its_name(action: str, number: int, said: str) -> None:
    assert sums.count_of(action, number) == said


@pytest.mark.parametrize(
    ("name", "adds_up"),
    [
        ("amount", True),
        ("order_id", False),
        ("orderId", False),
        ("orderIDs", False),
        ("order-number", False),
        ("customer.zip", False),
        ("zipCode", False),
        ("postcode", False),
        ("dueYear", False),
        ("discount_percent", False),
        ("taxRate", False),
        ("ID", False),
        ("paid", True),
        ("grid", True),
        ("number_of_items", True),
        ("idle_hours", True),
        ("", True),
    ],
)
def test_a_number_that_names_something_is_known_by_its_name(name: str, adds_up: bool) -> None:
    assert sums.is_amount(name, [1, 2]) is adds_up


@pytest.mark.parametrize(
    ("values", "is_one"),
    [([], False), ([None, None], False), ([0], True), ([1.5, None], True), (["1"], False), ([[1]], False)],
)
def test_an_amount_is_there_and_a_number(values: list[Any], is_one: bool) -> None:
    assert sums.is_amount("amount", values) is is_one


@pytest.mark.parametrize(
    ("numbers", "column", "total"),
    [
        ([], [], "0"),
        ([0], ["0"], "0"),
        ([-5, 5], ["-5", "5"], "0"),
        ([-0.0, 1], ["0", "1"], "1"),
        ([1.5], ["1.50"], "1.50"),
        ([1.505, 2], ["1.505", "2.000"], "3.505"),
        ([54.0, 12], ["54", "12"], "66"),
        ([-1234567.5, 0], ["-1,234,567.50", "0.00"], "-1,234,567.50"),
        ([1000, 2000], ["1000", "2000"], "3000"),
        ([10**6, 1], ["1,000,000", "1"], "1,000,001"),
        ([2**53 - 1, 2**53 - 1], ["9,007,199,254,740,991"] * 2, "18,014,398,509,481,982"),
        ([1e300, 1], ["1 × 10^300", "1"], "1 × 10^300"),
    ],
)
def test_a_column_has_as_many_decimals_in_each_row(numbers: list[Any], column: list[str], total: str) -> None:
    assert (sums.written(numbers), sums.total_written(numbers)) == (column, total)


CENTS = st.lists(st.integers(-(10**12), 10**12), max_size=20)


@settings(max_examples=50)
@given(CENTS)
def test_cents_add_up_to_the_cent(cents: list[int]) -> None:
    written = sums.total_written([cent / 100 for cent in cents])
    assert Decimal(written.replace(",", "")) == Decimal(sum(cents)) / 100


@pytest.mark.parametrize(
    ("numbers", "out"),
    [
        ([], []),
        ([900], [False]),
        ([1, 1, 900], [False] * 3),
        ([7, 7, 7, 7], [False] * 4),
        ([0, 0, 0, 0], [False] * 4),
        ([0, 0, 0, 0.01], [False, False, False, True]),
        ([-50, -52, -54, -900], [False, False, False, True]),
        ([50, 52, 54, -50], [False, False, False, True]),
        ([100, 100, 100, 150], [False] * 4),
        ([100, 100, 100, 151], [False, False, False, True]),
        ([100, 100, 100, 49], [False, False, False, True]),
    ],
)
def test_what_is_far_from_the_middle(numbers: list[float], out: list[bool]) -> None:
    assert sums.outliers(numbers) == out


@settings(max_examples=50)
@given(st.lists(st.integers(-1_000, 1_000), min_size=4, max_size=12), st.randoms(use_true_random=False))
def test_the_order_of_numbers_makes_none_stand_out(numbers: list[int], random: Any) -> None:
    out = dict(zip(numbers, sums.outliers(numbers), strict=True))
    shuffled = random.sample(numbers, len(numbers))
    assert sums.outliers(shuffled) == [out[n] for n in shuffled]
    assert sums.outliers([-n for n in numbers]) == [out[n] for n in numbers]
