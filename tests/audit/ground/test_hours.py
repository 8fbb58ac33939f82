"""Hours of a week: the days on which clocks change, the ends of a day, and how they are told."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from audit.ground import hours
from audit.ground.hours import DAYS, Week

EVERY_DAY = DAYS


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("moment", "inside"),
    [
        ("2026-11-23T07:59:59.999999", False),  # the beginning is, the end is not
        ("2026-11-23T08:00:00", True),
        ("2026-11-23T17:59:59.999999", True),
        ("2026-11-23T18:00:00", False),
        ("2026-11-22T12:00:00", False),  # a Sunday
    ],
)
def test_the_beginning_is_within_and_the_end_is_not(moment: str, inside: bool) -> None:
    week = Week(("mon", "tue", "wed", "thu", "fri"), "08:00", "18:00", "UTC")
    assert week.covers(utc(moment)) is inside


@pytest.mark.parametrize(
    ("moment", "inside"),
    [
        ("2026-11-23T00:00:00", True),
        ("2026-11-23T23:59:59.999999", True),
        ("2026-11-24T00:00:00", False),
    ],
)
def test_a_whole_day_ends_at_24_00(moment: str, inside: bool) -> None:
    assert Week(("mon",), "00:00", "24:00", "UTC").covers(utc(moment)) is inside


@pytest.mark.parametrize(
    ("moment", "inside"),
    [
        ("2026-11-27T21:59:00", False),  # Friday
        ("2026-11-27T22:00:00", True),
        ("2026-11-28T05:59:00", True),  # what began on Friday
        ("2026-11-28T06:00:00", False),
        ("2026-11-28T22:00:00", False),  # nothing begins on Saturday
        ("2026-11-27T05:59:00", False),  # nor did anything on Thursday
        ("2026-11-30T05:59:00", False),
    ],
)
def test_a_night_belongs_to_the_day_on_which_it_begins(moment: str, inside: bool) -> None:
    assert Week(("fri",), "22:00", "06:00", "UTC").covers(utc(moment)) is inside


def test_the_night_to_monday_begins_on_sunday() -> None:
    week = Week(("sun",), "22:00", "06:00", "UTC")
    assert week.covers(utc("2026-11-30T05:00:00"))  # Monday
    assert not week.covers(utc("2026-11-23T22:00:00"))


@pytest.mark.parametrize(
    ("moment", "inside"),
    [
        ("2026-03-29T06:59:00", True),  # 08:59 in Berlin, which lacks an hour that day
        ("2026-03-29T07:00:00", False),
        ("2026-03-28T07:59:00", True),
        ("2026-10-25T07:59:00", True),  # 08:59, of a day that has one twice
        ("2026-10-25T08:00:00", False),
        ("2026-10-25T06:30:00", False),
    ],
)
def test_hours_go_by_the_clocks_there_on_the_days_on_which_they_change(moment: str, inside: bool) -> None:
    assert Week(EVERY_DAY, "08:00", "09:00", "Europe/Berlin").covers(utc(moment)) is inside


@pytest.mark.parametrize(
    ("moment", "begins"),
    [
        ("2026-11-22T12:00:00", "2026-11-23T08:00:00"),
        ("2026-11-23T07:59:59", "2026-11-23T08:00:00"),
        ("2026-11-23T08:00:00", "2026-11-30T08:00:00"),  # while they last, the next time is another
        ("2026-11-24T00:00:00", "2026-11-30T08:00:00"),
    ],
)
def test_the_next_time_is_after_the_moment(moment: str, begins: str) -> None:
    assert Week(("mon",), "08:00", "18:00", "UTC").next_after(utc(moment)) == utc(begins)


def test_the_next_time_is_told_by_the_clocks_there() -> None:
    begins = Week(EVERY_DAY, "08:00", "18:00", "Asia/Kathmandu").next_after(utc("2026-11-22T12:00:00"))
    assert begins.isoformat() == "2026-11-23T08:00:00+05:45"
    assert hours.told(begins, "UTC") == "Monday 02:15"
    assert hours.told(begins, "Pacific/Kiritimati") == "Monday 16:15"
    assert hours.told(begins, "America/Los_Angeles") == "Sunday 18:15"


@pytest.mark.parametrize(
    ("days", "told"),
    [
        (DAYS, "every day"),
        (("mon", "tue", "wed", "thu", "fri"), "Monday to Friday"),
        (("sat", "sun"), "Saturday, Sunday"),  # two are named
        (("mon", "tue", "thu"), "Monday, Tuesday, Thursday"),
        (("mon", "sun"), "Monday, Sunday"),
        (("wed",), "Wednesday"),
        ((), ""),
    ],
)
def test_days_are_told_as_people_say_them(days: tuple[str, ...], told: str) -> None:
    assert hours.days_told(days) == told


def test_hours_are_told_with_the_day_on_which_they_end() -> None:
    assert str(Week(("fri",), "22:00", "06:00", "UTC")) == "Friday, from 22:00 to 06:00 of the next day (UTC)"
    assert str(Week(DAYS, "00:00", "24:00", "Asia/Tokyo")) == "every day, from 00:00 to 24:00 (Asia/Tokyo)"


def test_days_are_kept_once_and_in_their_order() -> None:
    assert hours.in_order(["sun", "mon", "sun", "wed"]) == ["mon", "wed", "sun"]


@pytest.mark.parametrize(
    "text", ["8:00", "08:0", "24:00", "08:60", "0800", "08:00:00", " 08:00", "08:00\n", "٠٨:٠٠", ""]
)
def test_a_time_of_day_has_four_digits(text: str) -> None:
    with pytest.raises(ValueError, match="is not a time of day; write one as 08:00"):
        hours.clock(text)


def test_midnight_is_an_end_and_no_beginning() -> None:
    assert hours.clock_or_midnight("24:00") == "24:00"
    assert hours.clock_or_midnight("00:00") == "00:00"
    with pytest.raises(ValueError, match="'24:01' is not a time of day"):
        hours.clock_or_midnight("24:01")


@pytest.mark.parametrize("name", ["UTC", "Europe/Berlin", "America/Argentina/Ushuaia", "Etc/GMT+12"])
def test_a_zone_is_one_that_this_machine_knows(name: str) -> None:
    assert hours.zone_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        "Europe",
        "Europe/",
        "/UTC",
        "../etc/passwd",
        "Europe/../UTC",
        "Europe/Atlantis",
        "UTC\n",
        "ＵＴＣ",
        "a" * 65,
        "a/" * 40,
    ],
)
def test_what_is_no_zone_says_how_one_is_written(name: str) -> None:
    with pytest.raises(ValueError, match="is not a time zone; write one as Europe/Berlin or UTC") as refused:
        hours.zone_name(name)
    assert len(str(refused.value)) < 150
