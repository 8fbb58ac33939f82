"""A worker's connection serves many tasks, and is let go of when its server has gone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.db import connection, transaction

from reviewapp.connections import look_after
from tests.execution.conftest import wait_for
from tests.queries import spent

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _kept(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Connections are kept, as `DATABASE_MAX_AGE` has it in workers."""
    connection.close()
    monkeypatch.setitem(connection.settings_dict, "CONN_MAX_AGE", 60)
    monkeypatch.setitem(connection.settings_dict, "CONN_HEALTH_CHECKS", True)
    connection.connect()
    yield
    connection.close()


def task() -> int:
    """What a task does first; the server process that did it."""
    look_after()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0])


def test_a_good_connection_is_kept_and_not_asked_about() -> None:
    first = task()

    with spent() as cost:
        second = task()

    assert (second, cost.statements) == (first, ["SELECT pg_backend_pid()"])


def test_a_connection_whose_server_has_gone_is_replaced_before_the_next_task() -> None:
    first = task()
    with psycopg.connect(_address(), autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s)", [first])
        gone = "SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = %s)"
        wait_for(lambda: other.execute(gone, [first]).fetchone() == (True,))

    assert task() != first


def _address() -> str:
    values: Any = connection.get_connection_params()
    names = ("host", "port", "user", "password", "dbname")
    return psycopg.conninfo.make_conninfo(**{name: values[name] for name in names if name in values})
