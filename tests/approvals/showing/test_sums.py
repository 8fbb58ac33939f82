from __future__ import annotations

import pytest

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
