"""Migrating: by the owner of the tables, one machine at a time; the application gets rows and no tables."""

import io
import os
import threading
import time
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connection, connections

from reviewapp.management.commands import migrate

OWNER, APPLICATION = settings.DATABASES["owner"]["USER"], settings.DATABASES["default"]["USER"]


@pytest.fixture
def application(db: None) -> Any:
    with connection.cursor() as cursor:
        yield cursor


def test_owner_and_application_are_two_roles_and_the_owner_owns_every_table(application: Any) -> None:
    application.execute("SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'")
    owners = application.fetchall()
    application.execute("SELECT current_user, rolsuper FROM pg_roles WHERE rolname = current_user")

    assert owners == [(OWNER,)]
    assert application.fetchall() == [(APPLICATION, False)]


def test_the_application_reads_and_writes_rows_but_only_adds_to_the_log(application: Any) -> None:
    application.execute(
        "SELECT tablename, array_agg(kind ORDER BY kind) FROM pg_tables,"
        " unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'TRIGGER', 'REFERENCES']) AS kind"
        " WHERE schemaname = 'public' AND has_table_privilege(quote_ident(tablename), kind) GROUP BY 1"
    )
    rights = dict(application.fetchall())

    assert rights.pop("audit_event") == ["INSERT", "SELECT"]
    assert rights.pop("django_migrations") == ["SELECT"]
    assert set(map(tuple, rights.values())) == {("DELETE", "INSERT", "SELECT", "UPDATE")}


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE audit_event ADD COLUMN note text",
        "ALTER TABLE audit_event DISABLE TRIGGER ALL",
        "DROP TABLE audit_event",
        "TRUNCATE audit_event",
        "UPDATE audit_event SET body = body",
        "DELETE FROM audit_event",
        "SET session_replication_role = replica",
        "SET ROLE {owner}",
        "CREATE TABLE mine (n int)",
    ],
)
def test_the_application_can_not(application: Any, statement: str) -> None:
    with pytest.raises(Exception) as refusal:
        application.execute(statement.format(owner=OWNER))

    assert isinstance(refusal.value.__cause__, psycopg.errors.InsufficientPrivilege)


@pytest.mark.django_db(databases=["default", "owner"], transaction=True)
def test_a_second_machine_waits_until_the_first_has_migrated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migrate, "WAIT_SECONDS", 0.05)
    said = io.StringIO()

    def second_machine() -> None:
        call_command("migrate", verbosity=0, stdout=said)
        connections.close_all()

    with psycopg.connect(os.environ["DATABASE_OWNER_URL"], autocommit=True) as first:
        first.execute("SELECT pg_advisory_lock(%s)", [migrate.LOCK])
        second = threading.Thread(target=second_machine)
        second.start()
        deadline = time.monotonic() + 10
        while "waiting" not in said.getvalue() and time.monotonic() < deadline:
            time.sleep(0.05)
        assert second.is_alive()
    second.join(20)

    assert not second.is_alive()
    assert said.getvalue() == "Another machine is migrating this database; waiting for it.\n"
