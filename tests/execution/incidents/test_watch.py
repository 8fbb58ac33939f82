"""Workflows that fall or stop are found against their own weeks; of what has none nothing is said."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db.models import Min

from audit.ground.actors import SYSTEM
from execution.incidents import watch
from execution.incidents.watch import Success, has_stopped
from execution.models import Execution, Hour
from governance.actions.action_types import register
from governance.models import Incident
from governance.trust import incidents
from governance.trust.incidents import moment
from tests.conftest import REFUND, actor_of

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)
ACTION = "refund_payment"


@pytest.fixture
def now(db: None) -> datetime:
    """When the present hour began; `refund_payment` is known."""
    register(REFUND, actor=SYSTEM)
    return moment().replace(minute=0, second=0, microsecond=0)


def past(now: datetime, *hours: tuple[int, int, int, int], weeks: int = 4, action: str = ACTION) -> None:
    """The same hours of each week before: so many hours ago, begun, ended, succeeded by themselves."""
    for week in range(1, weeks + 1):
        these(now - timedelta(weeks=week), *hours, action=action)


def these(now: datetime, *hours: tuple[int, int, int, int], action: str = ACTION) -> None:
    Hour.objects.bulk_create(
        Hour(action=action, at=now - ago * HOUR, begun=begun, ended=ended, by_itself=good)
        for ago, begun, ended, good in hours
    )


def found() -> list[tuple[str, str]]:
    watch.look()
    return list(Incident.objects.order_by("id").values_list("kind", "action"))


# --- The rules ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("counts", "fell"),
    [
        ((12, 40, 388, 400), True),
        ((0, 20, 190, 200), True),
        ((38, 40, 388, 400), False),  # within what chance does
        ((12, 19, 400, 400), False),  # too few now
        ((0, 40, 49, 49), False),  # too little of a past
        ((0, 40, 0, 0), False),  # none
        ((0, 40, 0, 400), False),  # it never worked
        ((9_200, 10_000, 98_000, 100_000), False),  # sure, and small
        ((8_500, 10_000, 98_000, 100_000), True),
        ((40, 40, 200, 400), False),  # it rose
    ],
)
def test_success_fell_where_that_is_no_chance_and_no_trifle(counts: tuple[int, ...], fell: bool) -> None:
    assert Success(*counts).fell is fell


@pytest.mark.parametrize(
    ("before", "stopped"),
    [
        ([12, 12, 12, 12], True),
        ([11, 11, 12, 11], False),  # once in 80,000 by chance
        ([100, 0, 0, 100], False),  # not the rhythm of a week
        ([100, 0, 90, 80], True),  # it was closed once
        ([0, 0, 0, 0], False),
        ([], False),
    ],
)
def test_volume_stopped_where_something_came_in_these_hours_of_most_weeks(
    before: list[int], stopped: bool
) -> None:
    assert has_stopped(before) is stopped


# --- Histories ------------------------------------------------------------------------------------


def test_a_new_installation_raises_no_alarm(now: datetime) -> None:
    assert found() == []
    these(now, *((ago, 50, 50, 0) for ago in range(2, 30)))  # a day of failures, and then nothing
    assert found() == []


def test_success_that_falls_is_found_once_with_figures(now: datetime, settings: Any) -> None:
    past(now, *((ago, 25, 25, 24) for ago in range(-1, 5)))
    these(now, *((ago, 25, 25, 10) for ago in range(4)))

    assert found() == [("success_fell", ACTION)]
    assert found() == [("success_fell", ACTION)]

    incident = Incident.objects.get()
    assert incident.detail == (
        "60 of 100 that were begun in the last 4 hours failed or needed a person. At these hours of the 4 "
        "weeks before it was 16 of 400."
    )
    assert (incident.agent, incident.count) == (None, 1)


def test_what_has_not_ended_yet_has_not_failed(now: datetime) -> None:
    """What fails does so at once, what succeeds takes hours."""
    past(now, *((ago, 100, 100, 95) for ago in range(4)))
    these(now, *((ago, 100, 5, 0) for ago in range(4)))
    assert found() == []


def test_what_comes_seldom_is_looked_at_over_a_day(now: datetime) -> None:
    past(now, *((ago, 1, 1, 1) for ago in range(24)))
    these(now, *((ago, 1, 1, ago % 2) for ago in range(24)))
    assert found() == [("success_fell", ACTION)]
    assert "in the last 24 hours" in Incident.objects.get().detail


def test_other_hours_of_the_week_do_not_count(now: datetime) -> None:
    """At night a batch that mostly fails, as every night: that days are better is no news."""
    past(now, *((ago, 25, 25, 5) for ago in range(4)), *((ago, 500, 500, 500) for ago in range(30, 40)))
    these(now, *((ago, 25, 25, 5) for ago in range(4)))
    assert found() == []


def test_silence_where_something_always_came(now: datetime) -> None:
    past(now, *((ago, 6, 6, 6) for ago in range(1, 6)))
    these(now, (4, 6, 6, 6))
    assert found() == [("volume_stopped", ACTION)]
    since = now - 3 * HOUR
    assert Incident.objects.get().detail == (
        f"Nothing was approved since {since:%-d %b %H:%M} UTC. At these hours of the weeks before, the "
        "latest first, it was 18, 18, 18, 18."
    )


def test_silence_at_night_is_the_rhythm(now: datetime) -> None:
    past(now, (4, 50, 50, 50), (5, 50, 50, 50))
    these(now, (4, 50, 50, 50))
    assert found() == []


def test_work_that_goes_on_has_not_stopped(now: datetime) -> None:
    past(now, *((ago, 50, 50, 50) for ago in range(1, 6)))
    these(now, (1, 3, 3, 3))
    assert found() == []


def test_an_action_that_there_is_no_more_is_not_missed(now: datetime) -> None:
    past(now, *((ago, 50, 50, 50) for ago in range(1, 6)), action="gone")
    these(now, (4, 50, 50, 50), action="gone")
    assert found() == []


def test_what_a_person_closed_is_left_alone_for_a_day(now: datetime, ana: Any) -> None:
    past(now, *((ago, 50, 50, 50) for ago in range(1, 6)))
    these(now, (4, 50, 50, 50))
    watch.look()
    incidents.close_incident(
        Incident.objects.get(), by=ana, actor=actor_of(ana), reason="holiday", found_to_be="expected"
    )
    assert len(found()) == 1
    Incident.objects.update(closed_at=moment() - timedelta(days=1, minutes=1))
    assert len(found()) == 2


def test_what_executions_came_to_is_added_up_and_team_is_the_last_one_asked(
    propose: Any, approved: Any, now: datetime
) -> None:
    execution = approved(None)
    watch.look()
    assert Hour.objects.get().at == execution.created_at.replace(minute=0, second=0, microsecond=0)
    counted = Hour.objects.values_list("action", "begun", "ended", "by_itself")
    assert counted.get() == (ACTION, 1, 0, 0)
    Execution.objects.update(status="succeeded", reason="")
    watch.look()
    assert counted.get() == (ACTION, 1, 1, 1)
    Execution.objects.update(reason="Marked done by Olga.")
    watch.look()
    assert counted.get() == (ACTION, 1, 1, 0)
    Execution.objects.update(status="needs_attention", created_at=execution.created_at - 9 * HOUR)
    watch.look()
    assert counted.get() == (ACTION, 1, 1, 0)  # too old to be written anew

    past(now, *((ago, 60, 60, 60) for ago in range(1, 6)))
    Hour.objects.filter(at__gt=now - 8 * HOUR).update(at=now - 3 * HOUR)
    watch.look()
    assert Incident.objects.get().team_id == "operations"


def test_weeks_that_nothing_is_compared_with_are_let_go(now: datetime) -> None:
    past(now, (1, 1, 1, 1), weeks=7)
    watch.look()
    assert Hour.objects.aggregate(oldest=Min("at"))["oldest"] == now - timedelta(weeks=4) - HOUR
