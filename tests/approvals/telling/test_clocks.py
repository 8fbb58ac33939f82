"""Quiet hours and digests in every zone, the nights included in which clocks are set anew."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from approvals.models import Notice, Wishes
from approvals.models.kinds import TOPICS, Kind, Outside, Wish, topic_of
from approvals.telling.due import GAP, after_quiet, due, next_digest, quiet_hours
from audit.ground.hours import DAYS

ZONES = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "Asia/Kathmandu", "UTC"]
CLOCKS = st.builds("{:02}:{:02}".format, st.integers(0, 23), st.sampled_from([0, 15, 30, 45]))
QUARTER = timedelta(minutes=15)
# The nights in which these zones set their clocks, and an ordinary one.
NIGHTS = [
    datetime(2026, *day, tzinfo=UTC)
    for day in [(3, 28), (10, 24), (3, 7), (10, 31), (4, 4), (10, 3), (6, 10), (12, 31)]
]


def wishes(**fields: Any) -> Wishes:
    return Wishes(**{"zone": "Europe/Berlin", "quiet_days": list(DAYS), **fields})


def first_not_quiet(wished: Wishes, moment: datetime) -> datetime:
    """Looked for a quarter of an hour at a time, for two weeks."""
    quiet = quiet_hours(wished)
    steps = (moment + n * QUARTER for n in range(14 * 96))
    return next((at for at in steps if quiet is None or not quiet.covers(at)), moment + timedelta(days=14))


@settings(max_examples=80, deadline=None)
@example("Europe/Berlin", list(DAYS), "22:00", "02:30", datetime(2026, 10, 25, 1, tzinfo=UTC), 0)
@example("Australia/Lord_Howe", ["sat"], "23:00", "01:45", datetime(2026, 4, 4, 15, tzinfo=UTC), 0)
@given(
    st.sampled_from(ZONES),
    st.lists(st.sampled_from(DAYS), min_size=1, max_size=7, unique=True),
    CLOCKS,
    CLOCKS | st.just("24:00"),
    st.sampled_from(NIGHTS),
    st.integers(0, 200),
)
def test_what_waits_goes_out_as_soon_as_it_is_not_quiet(
    zone: str, days: list[str], begin: str, end: str, night: datetime, quarters: int
) -> None:
    if begin == end or (begin == "00:00" and end == "24:00"):
        return  # the form takes none that last all day
    wished = wishes(zone=zone, quiet_days=days, quiet_from=begin, quiet_to=end)
    moment = night + quarters * QUARTER

    at = after_quiet(wished, moment)

    quiet = quiet_hours(wished)
    assert quiet is not None
    assert not quiet.covers(at)
    # Where clocks leave out the end, they have it an hour later.
    assert timedelta() <= at - first_not_quiet(wished, moment) <= timedelta(hours=1)


def test_hours_that_end_in_the_hour_that_comes_twice_end_in_it() -> None:
    wished = wishes(quiet_from="22:00", quiet_to="02:30")
    second_time = datetime(2026, 10, 25, 1, 10, tzinfo=UTC)  # 02:10, after it was 02:59

    assert after_quiet(wished, second_time) == datetime(2026, 10, 25, 1, 30, tzinfo=UTC)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(ZONES),
    st.sampled_from([1, 2, 4, 8, 24]),
    CLOCKS,
    st.sampled_from(NIGHTS),
    st.integers(0, 200),
)
def test_a_digest_is_ahead_and_on_the_clock(
    zone: str, every: int, at: str, night: datetime, quarters: int
) -> None:
    wished = wishes(zone=zone, digest_every=every, digest_at=at)
    moment = night + quarters * QUARTER

    then = next_digest(wished, moment)

    assert moment < then <= moment + timedelta(hours=every + 1)
    local = then.astimezone(ZoneInfo(zone))
    shown = f"{local:%H:%M}"
    named = [at] if every == 24 else [f"{hour:02}:00" for hour in range(0, 24, every)]
    left_out = local.utcoffset() != (local - timedelta(hours=2)).utcoffset()
    assert shown in named or left_out


@pytest.mark.parametrize("days", [[], ["sun"]])
def test_on_days_without_quiet_hours_nothing_waits(days: list[str]) -> None:
    wished = wishes(quiet_days=days, quiet_from="19:00", quiet_to="07:00")
    monday = datetime(2026, 11, 23, 20, tzinfo=UTC)
    assert after_quiet(wished, monday) == monday


# --- When one thing is told ------------------------------------------------------------------------------

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("notice", "fields", "then"),
    [
        ({"kind": "assigned"}, {}, NOON),
        ({"kind": "assigned"}, {"sent_at": NOON - GAP}, NOON),
        ({"kind": "assigned"}, {"sent_at": NOON}, NOON + GAP),
        ({"kind": "new"}, {}, datetime(2026, 11, 22, 15, tzinfo=UTC)),
        ({"kind": "new", "urgent": True}, {}, NOON),
        ({"kind": "new", "in_digest": True, "due_at": NOON}, {}, NOON),
        ({"kind": "new_device"}, {"topics": {}}, NOON),
        ({"kind": "target"}, {}, NOON),
        (
            {"kind": "assigned"},
            {"topics": {"assigned": {"page": True, "browser": False, "outside": "digest"}}},
            datetime(2026, 11, 22, 15, tzinfo=UTC),
        ),
        (
            {"kind": "new", "risk": 3, "in_digest": True, "due_at": NOON},
            {"critical_breaks_quiet": True, "quiet_from": "12:00", "quiet_to": "14:00"},
            datetime(2026, 11, 22, 13, tzinfo=UTC),
        ),
    ],
)
def test_when_a_notice_is_sent(notice: dict[str, Any], fields: dict[str, Any], then: datetime) -> None:
    one = Notice(**{"risk": 1, "urgent": False, **notice})
    assert (
        due(one, wishes(**{"quiet_days": [], **fields} if "quiet_from" not in fields else fields), NOON)
        == then
    )


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("urgent", [False, True])
def test_every_kind_has_its_line_in_the_settings_or_none(kind: Kind, urgent: bool) -> None:
    topic = topic_of(kind, urgent=urgent)
    assert topic in {"", *(topic.name for topic in TOPICS)}

    wish = Wishes(topics={topic: {"page": False, "browser": False, "outside": "off"}}).wish(
        kind, urgent=urgent
    )

    can_be_turned_off = wish == Wish(page=False, browser=False, outside=Outside.OFF)
    assert can_be_turned_off is bool(topic)
