"""What an answer of somebody else's service says, whatever it says: its JSON, and when to come back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.ground.egress import LONGEST_WAIT, Answer


def answer(retry_after: str | None = None, body: bytes = b"") -> Answer:
    said = {} if retry_after is None else {"Retry-After": retry_after.encode()}
    return Answer(503, httpx.Headers(said), body)


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        (None, 0),
        ("", 0),
        ("0", 0),
        ("007", 7),
        (" 120 ", 120),
        ("86401", LONGEST_WAIT),
        ("9" * 5_000, LONGEST_WAIT),
        ("-1", 0),
        ("+1", 0),
        ("1.5", 0),
        ("1e3", 0),
        ("٣", 0),
        ("soon", 0),
        ("Mon, 31 Feb 2026 00:00:00 GMT", 0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", LONGEST_WAIT),
        ("Fri, 31 Dec 9999 23:59:59 -2359", LONGEST_WAIT),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0),  # it is over
        ("Mon, 01 Jan 2026 00:00:00 +99999999999999999999", 0),  # of no zone that there is
    ],
)
def test_a_pause_is_asked_for_in_seconds_or_until_a_time(said: str | None, seconds: float) -> None:
    assert answer(said).retry_after == seconds


@pytest.mark.parametrize("zone", [UTC, None])
def test_a_pause_until_a_time_is_counted_from_now(zone: Any) -> None:
    until = datetime.now(UTC) + timedelta(minutes=10)
    assert 590 <= answer(format_datetime(until.replace(tzinfo=zone))).retry_after <= 600


@given(st.text(st.characters(codec="latin-1", exclude_characters="\r\n\0")))
def test_no_header_of_theirs_is_a_fault_of_ours(said: str) -> None:
    found = Answer(503, httpx.Headers([(b"Retry-After", said.encode("latin-1"))]), b"")
    assert 0 <= found.retry_after <= LONGEST_WAIT


@pytest.mark.parametrize(
    ("body", "read"),
    [
        (b'{"ok": true}', {"ok": True}),
        (b"[]", []),
        (b"null", None),
        (b"", None),
        (b"{", None),
        (b"\xff", None),
        (b'"\xc3\xa9"', "é"),
        (b"[NaN, Infinity]", [None, None]),
        (b"[" * 100_000, None),
        (b"9" * 5_000, None),  # more digits than are read
    ],
)
def test_what_is_no_json_has_none(body: bytes, read: Any) -> None:
    assert answer(body=body).json == read


@pytest.mark.parametrize(("body", "text"), [(b"caf\xc3\xa9", "café"), (b"caf\xe9", "caf\ufffd"), (b"", "")])
def test_any_bytes_are_text_that_can_be_shown(body: bytes, text: str) -> None:
    assert answer(body=body).text == text
