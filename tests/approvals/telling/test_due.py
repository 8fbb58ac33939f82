"""When something is told, by a person's own clocks; and that it is said in our words alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from approvals.models import Message, Notice, Wishes
from approvals.telling.due import GAP, after_quiet, due, next_digest
from approvals.telling.tell import in_words, tell_due
from suggestions.models import Proposal
from tests.approvals.telling.test_telling import later, owed, target
from tests.browser.hostile import PAYLOADS
from tests.conftest import suggestion_body
from tests.sealed import follow

EVERY_DAY = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


def berlin(**fields: Any) -> Wishes:
    quiet = {"quiet_days": EVERY_DAY, "quiet_from": "22:00", "quiet_to": "07:00"}
    return Wishes(**{"zone": "Europe/Berlin", **quiet, **fields})


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def at_once(risk: int = 2, **fields: Any) -> Notice:
    return Notice(kind="new", urgent=True, risk=risk, **fields)


@pytest.mark.parametrize(
    ("now", "until"),
    [
        ("2026-11-22T20:59:59", "2026-11-22T20:59:59"),  # 21:59:59 in winter
        ("2026-11-22T21:00:00", "2026-11-23T06:00:00"),
        ("2026-07-01T20:00:00", "2026-07-02T05:00:00"),  # 22:00 in summer
        ("2026-03-28T21:30:00", "2026-03-29T05:00:00"),  # the night that lacks an hour
        ("2026-10-24T20:30:00", "2026-10-25T06:00:00"),  # the night that has one twice
        ("2026-10-25T06:00:00", "2026-10-25T06:00:00"),
    ],
)
def test_quiet_hours_end_by_the_clock_whatever_it_is_set_to(now: str, until: str) -> None:
    assert after_quiet(berlin(), utc(now)) == utc(until)


@given(st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1)))
def test_nothing_is_sent_in_quiet_hours_and_the_wait_is_short(now: datetime) -> None:
    moment = now.replace(tzinfo=UTC)
    at = due(at_once(), berlin(), moment)
    hour = at.astimezone(ZoneInfo("Europe/Berlin")).hour

    assert 7 <= hour < 22
    assert moment <= at <= moment + timedelta(hours=10)


def test_hours_that_end_where_no_such_time_exists_end_all_the_same() -> None:
    wishes = berlin(quiet_from="01:00", quiet_to="02:30")  # on 29 March the clocks jump from 02:00 to 03:00

    assert after_quiet(wishes, utc("2026-03-29T00:30:00")) == utc("2026-03-29T01:30:00")


def test_critical_breaks_quiet_hours_only_for_who_says_so() -> None:
    night = utc("2026-11-22T23:00:00")

    assert due(at_once(3), berlin(), night) == utc("2026-11-23T06:00:00")
    assert due(at_once(3), berlin(critical_breaks_quiet=True), night) == night
    assert due(at_once(2), berlin(critical_breaks_quiet=True), night) == utc("2026-11-23T06:00:00")


def test_hours_that_never_end_hold_nothing_back_for_ever() -> None:
    wishes = berlin(quiet_from="00:00", quiet_to="24:00")

    assert after_quiet(wishes, utc("2026-11-22T12:00:00")) < utc("2026-12-10T12:00:00")


def test_messages_have_a_gap_between_them() -> None:
    now = utc("2026-11-22T12:00:00")
    wishes = berlin(sent_at=now - timedelta(minutes=1))

    assert due(at_once(), wishes, now) == now - timedelta(minutes=1) + GAP


@pytest.mark.parametrize(
    ("every", "at", "now", "then"),
    [
        (1, "08:00", "2026-11-22T12:10:00", "2026-11-22T13:00:00"),
        (4, "08:00", "2026-11-22T12:10:00", "2026-11-22T15:00:00"),  # 16:00 in Berlin
        (24, "08:00", "2026-11-22T07:00:00", "2026-11-23T07:00:00"),
        (24, "08:00", "2026-03-28T12:00:00", "2026-03-29T06:00:00"),
        (24, "02:30", "2026-03-28T12:00:00", "2026-03-29T01:30:00"),  # a time that this day lacks
        (1, "08:00", "2026-10-25T00:10:00", "2026-10-25T02:00:00"),  # 02:10, before it is 02:00 again
    ],
)
def test_the_digest_comes_by_the_clock(every: int, at: str, now: str, then: str) -> None:
    assert next_digest(berlin(digest_every=every, digest_at=at), utc(now)) == utc(then)


# --- Our words alone -------------------------------------------------------------------------------


def test_nothing_that_an_agent_wrote_is_in_a_message(propose: Any, ana: Any, settings: Any) -> None:
    """Every field that an agent fills is marked; no mark is in any text that leaves."""
    settings.PUBLIC_URL = "https://review.example.com"
    target(ana)
    follow()
    for index, hostile in enumerate(PAYLOADS[:40]):
        text = f"MARK {hostile}"[:150]
        propose(
            title=text,
            summary=text,
            subject={"type": "MARK", "id": f"MARK{index}"},
            context={"MARK": text},
            provenance={"deployment": "MARK"},
            suggestions=[
                suggestion_body(
                    arguments={"order_id": f"MARK{index}", "amount": 5, "note": text},
                    explanation=text,
                    risk={"level": "high", "indicators": [{"code": "MARK", "detail": text}]},
                )
            ],
        )
    follow()
    for kind in ("assigned", "reminder", "undone", "attention", "check"):
        for proposal in Proposal.objects.all()[:2]:
            owed(kind, proposal, ana)  # type: ignore[arg-type]
    later()
    tell_due()

    message = Message.objects.get()
    told = [message.title, message.body, *(in_words(notice).text for notice in Notice.objects.all())]
    assert "40 new proposals for Operations, high or critical risk" in message.title
    theirs = ("mark", "support-bot", "refund", "#w1")
    assert not [text for text in told if any(word in text.lower() for word in theirs)]
