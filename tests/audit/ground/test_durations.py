"""Spans of time as people write them, and back without losing any of them."""

from __future__ import annotations

from argparse import ArgumentTypeError
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.ground.durations import LONGEST, argument, seconds, written


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("0s", 0),
        ("500ms", 0.5),
        ("0.5s", 0.5),
        ("1.1h", 3_960),  # no more, by a hair, than it says
        ("30m", 1_800),
        ("7d", 604_800),
        ("36600d", LONGEST),
    ],
)
def test_a_span_is_read_to_the_letter(text: str, span: float) -> None:
    assert seconds(text) == span


@pytest.mark.parametrize(
    "text",
    [
        "",
        "d",
        "4",
        "4 h",
        " 4h",
        "-4h",
        "+4h",
        "4H",
        "4w",
        ".5h",
        "5.h",
        "1e3s",
        "1_000s",
        "4h30m",
        "½h",
        "infs",
    ],
)
def test_what_is_no_span_says_how_one_is_written(text: str) -> None:
    with pytest.raises(ValueError, match="is not a span of time; write one as 500ms, 10s, 30m, 4h or 7d"):
        seconds(text)


@pytest.mark.parametrize("value", [None, 4, 4.0, True, b"4h", ["4h"]])
def test_what_is_no_text_is_no_span(value: object) -> None:
    with pytest.raises(ValueError, match="is not a span of time"):
        seconds(value)


@pytest.mark.parametrize("text", ["36601d", "3162240000.001s", "9" * 400 + "ms", "9" * 5_000 + "d"])
def test_nothing_is_longer_than_a_hundred_years(text: str) -> None:
    with pytest.raises(ValueError, match="is longer than a hundred years") as refused:
        seconds(text)
    assert len(str(refused.value)) < 100


@pytest.mark.parametrize(
    ("span", "text"),
    [
        (0, "0ms"),
        (0.0001, "0.1ms"),
        (0.5, "500ms"),
        (90, "90s"),
        (5_400.0, "90m"),
        (7_200, "2h"),
        (172_800, "2d"),
        (1_234_567, "1234567s"),  # no digit is rounded away
        (100_000.5, "100000500ms"),
        (LONGEST, "36600d"),
    ],
)
def test_a_span_is_written_as_short_as_it_can_be(span: float, text: str) -> None:
    assert written(span) == text


@given(st.floats(0, LONGEST))
def test_whatever_is_written_is_read_as_the_same_span(span: float) -> None:
    assert seconds(written(span)) == span


def test_an_option_of_a_command_is_a_span() -> None:
    assert argument("90m") == timedelta(minutes=90)
    with pytest.raises(ArgumentTypeError, match="'soon' is not a span of time"):
        argument("soon")
