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
from reviewapp.privileges import LOGS

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

    assert [rights.pop(table) for table in LOGS] == [["INSERT", "SELECT"]] * len(LOGS)
    assert rights.pop("django_migrations") == ["SELECT"]
    assert set(map(tuple, rights.values())) == {("DELETE", "INSERT", "SELECT", "UPDATE")}


@pytest.mark.parametrize(
    "statement",
    [
        *(
            statement.format(log, column)
            for log, column in zip(LOGS, ("body", "hash", "hash", "note", "line"), strict=True)
            for statement in (
                "ALTER TABLE {} ADD COLUMN more text",
                "ALTER TABLE {} DISABLE TRIGGER ALL",
                "ALTER TABLE {} OWNER TO CURRENT_USER",
                "DROP TABLE {}",
                "DROP TRIGGER {0}_rows_stay ON {0}",
                "TRUNCATE {}",
                "UPDATE {} SET {} = NULL",
                "DELETE FROM {}",
            )
        ),
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
