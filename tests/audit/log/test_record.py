from __future__ import annotations

import json
from typing import Any

import psycopg
import pytest
from django.db import ProgrammingError, connection, transaction

from audit.ground.actors import SYSTEM, Actor
from audit.ground.canonical import canonical
from audit.log.record import record
from audit.models import Event
from audit.statements.writes import NotInTransaction
from tests.database import owner_connection

FORBIDDEN = [
    "UPDATE audit_event SET body = body",
    "DELETE FROM audit_event",
    "TRUNCATE audit_event",
    "ALTER TABLE audit_event ADD COLUMN note text",
    "ALTER TABLE audit_event DISABLE TRIGGER ALL",
    "DROP TABLE audit_event",
    "CREATE OR REPLACE FUNCTION audit_event_refuse_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN END'",
    "SET session_replication_role = replica",
]


@pytest.mark.parametrize("statement", FORBIDDEN)
def test_the_applications_role_cannot_change_the_log(db: None, statement: str) -> None:
    record("session.closed", actor=SYSTEM, data={})
    before = list(Event.objects.values())

    with pytest.raises(ProgrammingError) as refused, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)

    assert isinstance(refused.value.__cause__, psycopg.errors.InsufficientPrivilege)
    assert list(Event.objects.values()) == before


@pytest.mark.parametrize("statement", FORBIDDEN[:3])
def test_even_the_owner_of_the_table_runs_into_its_trigger(transactional_db: None, statement: str) -> None:
    with transaction.atomic():
        record("session.closed", actor=SYSTEM, data={})

    with (
        owner_connection() as owner,
        pytest.raises(psycopg.errors.InsufficientPrivilege, match="append-only"),
    ):
        owner.execute(statement)

    assert Event.objects.get().type == "session.closed"


def test_an_event_is_never_saved_or_deleted_through_its_model(db: None) -> None:
    record("session.closed", actor=SYSTEM, data={})

    with pytest.raises(TypeError):
        Event.objects.get().save()
    with pytest.raises(TypeError):
        Event.objects.get().delete()


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"b": 1, "a": [1.0, 1e21, -0.0, True, None]},
        {"text": 'quotes " and \\ and , "at":" and \u2028 and 🙂 and é and \x7f and \t'},
        {"\u20ac": 1, "\r": 2, "\ufb33": 3, "1": 4, "\U0001f600": 5, "\u0080": 6, "ö": 7},
    ],
)
def test_a_body_is_its_own_canonical_form(db: None, data: Any) -> None:
    actor = Actor("user", "7", 'O"Neil \\ söhne', session="abc", authenticated_by="password")

    record("events.exported", actor=actor, data={"format": "csv", "filters": data}, proposal=None)

    body = Event.objects.get().body
    assert body.encode() == canonical(json.loads(body))
    assert json.loads(body)["data"]["filters"] == data
    assert json.loads(body)["actor"]["name"] == actor.name


def test_the_columns_say_what_the_body_says(db: None, proposal: Any) -> None:
    event = Event.objects.filter(type="proposal.submitted").get()

    body = json.loads(event.body)
    assert (body["type"], body["proposal"]) == (event.type, str(event.proposal_id))
    assert body["proposal"] == str(proposal.pk)
    assert f"{body['actor']['type']}:{body['actor']['id']}" == event.actor
    assert body["actor"]["name"] == event.actor_name
    assert body["at"] == event.at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def test_an_event_needs_the_transaction_of_its_change(transactional_db: None) -> None:
    with pytest.raises(NotInTransaction):
        record("session.closed", actor=SYSTEM, data={})
    assert not Event.objects.exists()


def test_no_change_stays_without_its_event(transactional_db: None) -> None:
    from governance.models import Team

    @transaction.atomic
    def change() -> None:
        Team.objects.create(slug="new", name="New")
        record("events.exported", actor=SYSTEM, data={"format": "csv", "filters": {"bad": float("nan")}})

    with pytest.raises(ValueError):
        change()

    assert not Team.objects.filter(slug="new").exists()
