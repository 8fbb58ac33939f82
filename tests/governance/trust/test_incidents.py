"""Incidents: the same cause opens one, people are told until somebody takes it on, then others are."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connections, transaction

from audit.ground.actors import SYSTEM
from audit.ground.refusals import Invalid
from audit.models import Event
from governance.models import Incident, Paged, Team
from governance.trust import incidents
from governance.trust.incidents import MOST_REMINDERS, first_page, next_page
from tests.conftest import actor_of

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
Kind = Incident.Kind


def opened(cause: str = "past_deadline refund", **facts: Any) -> incidents.Opened:
    team = Team.objects.get(pk="operations")
    said: dict[str, Any] = {"actor": SYSTEM, "cause": cause, "team": team, **facts}
    return incidents.open_incident(Kind.PAST_DEADLINE, "Too late.", **said)


def told() -> list[str]:
    found = Event.objects.filter(type__startswith="incident.").order_by("id")
    return [one.type.partition(".")[2] for one in found]


def overdue(incident: Incident, **columns: Any) -> None:
    Incident.objects.filter(pk=incident.pk).update(remind_at=NOON - timedelta(days=400), **columns)


def test_the_same_cause_opens_one_and_is_counted(db: None) -> None:
    first, again, other = opened(), opened(), opened("past_deadline other")

    assert (first.is_new, again.is_new, other.is_new) == (True, False, True)
    assert again.incident == first.incident
    assert again.incident.count == 2
    assert again.incident.last_at >= first.incident.opened_at
    assert told() == ["opened", "repeated", "opened"]


def test_without_a_cause_each_is_its_own(db: None) -> None:
    assert opened("").is_new
    assert opened("").is_new


def test_what_was_closed_opens_anew(ana: Any) -> None:
    first = opened()
    incidents.close_incident(first.incident, by=ana, actor=actor_of(ana), reason="mended")
    assert opened().is_new


def test_the_database_has_no_two_open_of_one_cause(db: None) -> None:
    incident = opened().incident
    with pytest.raises(IntegrityError), transaction.atomic():
        Incident.objects.create(kind=Kind.PAST_DEADLINE, cause=incident.cause, detail="x")


@pytest.mark.django_db(transaction=True)
def test_of_many_at_one_moment_one_opens_it_and_all_are_counted() -> None:
    Team.objects.get_or_create(slug="operations", defaults={"name": "Operations"})

    def open_it(_: int) -> bool:
        try:
            return opened().is_new
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as threads:
        new = list(threads.map(open_it, range(8)))

    assert (new.count(True), Incident.objects.get().count) == (1, 8)


# --- Reminders ------------------------------------------------------------------------------------


def test_people_are_told_after_a_quarter_of_an_hour_then_hourly_and_others_at_the_deadline() -> None:
    paged, now = _Moment(first_page(NOON, 2 * HOUR)), NOON
    moments, escalated = [], []
    while paged.remind_at:
        now = paged.remind_at
        changes = next_page(paged, now)
        (escalated if "escalated_at" in changes else moments).append(now - NOON)
        paged = _Moment({**paged.__dict__, **changes})

    assert escalated == [2 * HOUR]
    assert moments[:3] == [HOUR / 4, HOUR * 1.25, HOUR * 3]
    assert len(moments) == MOST_REMINDERS


class _Moment(Paged):
    """The columns alone."""

    class Meta:
        abstract = True

    def __init__(self, columns: dict[str, Any]) -> None:
        self.__dict__.update(columns)


def test_a_reminder_is_written_down_once(db: None) -> None:
    incident = opened().incident
    assert not incidents.page_again(incident.pk, escalate_to=None)
    overdue(incident)

    assert incidents.page_again(incident.pk, escalate_to=None)
    assert not incidents.page_again(incident.pk, escalate_to=None)

    incident.refresh_from_db()
    assert (incident.reminders, incident.escalated_at, told()) == (1, None, ["opened", "reminded"])


def test_once_its_time_is_over_others_are_asked(db: None) -> None:
    finance = Team.objects.create(slug="finance", name="Finance")
    incident = opened().incident
    overdue(incident, escalate_at=NOON - timedelta(days=400))

    incidents.page_again(incident.pk, escalate_to=finance)

    incident.refresh_from_db()
    assert (incident.escalated_to, incident.escalate_at, incident.reminders) == (finance, None, 0)
    assert incident.escalated_at is not None
    assert json.loads(Event.objects.get(type="incident.escalated").body)["data"]["to"] == "finance"


def test_nobody_is_told_again_of_what_somebody_took_on(ana: Any, ben: Any) -> None:
    incident = opened().incident
    incidents.acknowledge(incident, by=ana, actor=actor_of(ana))
    incidents.acknowledge(incident, by=ana, actor=actor_of(ana))
    with pytest.raises(incidents.AlreadyTakenOn):
        incidents.acknowledge(incident, by=ben, actor=actor_of(ben))

    incident.refresh_from_db()
    assert (incident.remind_at, told()) == (None, ["opened", "acknowledged"])
    with pytest.raises(IntegrityError), transaction.atomic():
        overdue(incident)


def test_who_closes_it_without_taking_it_on_has_taken_it_on(ana: Any) -> None:
    incident = opened().incident
    closed = incidents.close_incident(
        incident, by=ana, actor=actor_of(ana), reason="x", found_to_be="expected"
    )
    assert (closed.acknowledged_by, closed.found_to_be, closed.remind_at) == (ana, "expected", None)
    with pytest.raises(incidents.IncidentIsClosed):
        incidents.acknowledge(incident, by=ana, actor=actor_of(ana))


def test_notes_are_words_and_the_log_holds_a_commitment_to_them(ana: Any) -> None:
    incident = opened().incident
    for text in ("", "  ", "x" * 2_001):
        with pytest.raises(Invalid):
            incidents.note(incident, by=ana, actor=actor_of(ana), text=text)
    note = incidents.note(incident, by=ana, actor=actor_of(ana), text=" Called the shop. ")
    event = Event.objects.get(type="incident.noted")
    assert note.text == "Called the shop."
    assert "Called" not in event.body
