"""A thread's connection serves many tasks or requests, and is let go of when its server has gone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, connection, reset_queries, transaction

from audit.statements.prepared import execute
from reviewapp.connections import look_after, look_after_requests
from tests.execution.conftest import wait_for
from tests.queries import sent, spent

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _kept(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Connections are kept, as `DATABASE_MAX_AGE` has it in workers."""
    connection.close()
    monkeypatch.setitem(connection.settings_dict, "CONN_MAX_AGE", 60)
    monkeypatch.setitem(settings.DATABASES["default"], "CONN_MAX_AGE", 60)
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
    end(first)

    assert task() != first


def test_so_it_is_before_the_next_request_whose_first_question_is_a_prepared_one(
    kept_by_requests: None,
) -> None:
    first = request()
    assert request() == first
    end(first)

    assert request() != first


def test_a_request_looks_at_nothing_that_is_in_order(kept_by_requests: None) -> None:
    request()

    with sent() as statements:
        request()

    assert statements == ["SELECT pg_backend_pid()"]


@pytest.fixture
def kept_by_requests() -> Iterator[None]:
    """As a server process has it: what Django does before and after each request is left to us."""
    look_after_requests()
    yield
    request_started.disconnect(dispatch_uid="look_after")
    request_started.connect(reset_queries)
    request_started.connect(close_old_connections)
    request_finished.connect(close_old_connections)


def request() -> int:
    """What a request does first and last; the server process that answered it."""
    request_started.send(sender=None)
    [(server,)] = execute("SELECT pg_backend_pid()", [])
    request_finished.send(sender=None)
    return int(server)


def end(server: int) -> None:
    """Let a process of PostgreSQL go, and wait until it has."""
    with psycopg.connect(_address(), autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s)", [server])
        gone = "SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = %s)"
        wait_for(lambda: other.execute(gone, [server]).fetchone() == (True,))


def _address() -> str:
    values: Any = connection.get_connection_params()
    names = ("host", "port", "user", "password", "dbname")
    return psycopg.conninfo.make_conninfo(**{name: values[name] for name in names if name in values})
