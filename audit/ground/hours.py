"""Hours of a week in a time zone: are we within them, and when do they begin again?"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_CLOCK = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
_ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*")
MIDNIGHT = "24:00"


@dataclass(frozen=True)
class Week:
    """From `begin` to `end` on some days, by the clocks of a zone.

    An end before the beginning is on the next day: what begins on Friday at 22:00 ends on
    Saturday at 06:00. `24:00` is the end of a day.
    """

    days: tuple[str, ...]
    begin: str
    end: str
    zone: str

    def covers(self, moment: datetime) -> bool:
        """Whether a moment is within these hours; the beginning is, the end is not."""
        local = moment.astimezone(_zone(self.zone))
        now = local.strftime("%H:%M:%S.%f")
        today, yesterday = DAYS[local.weekday()], DAYS[local.weekday() - 1]
        if self.begin < self.end:
            return today in self.days and self.begin <= now < self.end
        return (today in self.days and now >= self.begin) or (yesterday in self.days and now < self.end)

    def next_after(self, moment: datetime) -> datetime:
        """When they begin the next time."""
        local = moment.astimezone(_zone(self.zone))
        coming = (self._beginning(local.date() + timedelta(days=ahead)) for ahead in range(9))
        return next(at for at in coming if at > moment and DAYS[at.weekday()] in self.days)

    def _beginning(self, day: date) -> datetime:
        return datetime.combine(day, time.fromisoformat(self.begin), _zone(self.zone))

    def __str__(self) -> str:
        until = f"{self.end} of the next day" if self.end < self.begin else self.end
        return f"{days_told(self.days)}, from {self.begin} to {until} ({self.zone})"


def days_told(days: tuple[str, ...]) -> str:
    """`Monday to Friday`, `every day`, `Monday, Sunday`."""
    numbers = [DAYS.index(day) for day in days]
    if len(numbers) == 7:
        return "every day"
    if len(numbers) > 2 and numbers == list(range(numbers[0], numbers[0] + len(numbers))):
        return f"{_NAMES[numbers[0]]} to {_NAMES[numbers[-1]]}"
    return ", ".join(_NAMES[number] for number in numbers)


def told(moment: datetime, zone: str) -> str:
    """`Sunday 19:07`, as the clocks there show it."""
    local = moment.astimezone(_zone(zone))
    return f"{_NAMES[local.weekday()]} {local:%H:%M}"


def in_order(days: list[str]) -> list[str]:
    return sorted(set(days), key=DAYS.index)


def clock(text: str) -> str:
    if not _CLOCK.fullmatch(text):
        raise ValueError(f"{text!r} is not a time of day; write one as 08:00")
    return text


def clock_or_midnight(text: str) -> str:
    return text if text == MIDNIGHT else clock(text)


def zone_name(text: str) -> str:
    try:
        if len(text) > 64 or not _ZONE.fullmatch(text):
            raise ValueError
        _zone(text)
    except (ValueError, OSError, KeyError):
        raise ValueError(f"{text[:64]!r} is not a time zone; write one as Europe/Berlin or UTC") from None
    return text


@lru_cache(maxsize=64)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)
