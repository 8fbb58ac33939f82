"""When something is to be told outside: by the person's clocks, whatever they are set to."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from approvals.models.kinds import Outside, may_ring_at_night
from approvals.models.notices import Notice, Wishes
from audit.ground.hours import DAYS, Week

GAP = timedelta(minutes=5)  # between two messages to one person; what comes meanwhile travels together
DAILY = 24


def due(notice: Notice, wishes: Wishes, now: datetime) -> datetime:
    """When to send this; a time that is over where it may be sent now."""
    wish = wishes.wish(notice.kind, urgent=notice.urgent)
    if wish.outside == Outside.DIGEST:
        # It was put off to the time of its digest, and that is over.
        at = notice.due_at if notice.in_digest and notice.due_at else next_digest(wishes, now)
    else:
        at = max(now, wishes.sent_at + GAP) if wishes.sent_at else now
    may_ring = wishes.critical_breaks_quiet and may_ring_at_night(notice.kind, notice.risk)
    if may_ring and wish.outside == Outside.AT_ONCE:
        return at
    return after_quiet(wishes, max(at, now))


def after_quiet(wishes: Wishes, moment: datetime) -> datetime:
    """The moment itself, or the end of the quiet hours that it falls into."""
    quiet = quiet_hours(wishes)
    for _ in range(2 * len(DAYS)):  # one end can be the next beginning
        if quiet is None or not quiet.covers(moment):
            return moment
        moment = _next(moment, [wishes.quiet_to], wishes.zone, again=True)
    return moment  # they never end: telling late is better than never


def quiet_hours(wishes: Wishes) -> Week | None:
    if not wishes.quiet_days:
        return None
    return Week(tuple(wishes.quiet_days), wishes.quiet_from, wishes.quiet_to, wishes.zone)


def next_digest(wishes: Wishes, after: datetime) -> datetime:
    """The next time of a digest: daily at an hour, or every few hours beginning at midnight."""
    if wishes.digest_every >= DAILY:
        return _next(after, [wishes.digest_at], wishes.zone)
    return _next(after, [f"{hour:02}:00" for hour in range(0, 24, wishes.digest_every)], wishes.zone)


def _next(after: datetime, clocks: list[str], zone: str, *, again: bool = False) -> datetime:
    """The first moment after this one at which clocks in the zone show one of these times.

    In the night in which an hour comes twice they show it twice: the second counts where `again` is said.
    """
    local = ZoneInfo(zone)
    today = after.astimezone(local).date()
    coming = sorted(
        at
        for ahead in (0, 1, 2)
        for clock in clocks
        for at in _at(today + timedelta(days=ahead), clock, local)[: 2 if again else 1]
    )
    return next(moment for moment in coming if moment > after)


def _at(day: date, clock: str, zone: ZoneInfo) -> list[datetime]:
    """When clocks show this time on this day: once, or twice."""
    if clock == "24:00":
        day, clock = day + timedelta(days=1), "00:00"
    # By way of UTC, for two times of one zone are compared by what the clocks show.
    first, second = (
        datetime.combine(day, time.fromisoformat(clock).replace(fold=fold), zone).astimezone(ZoneInfo("UTC"))
        for fold in (0, 1)
    )
    return [first, second] if second > first else [first]  # before it is a time that this day lacks
