"""What the database says of what it was given goes no further than to us, and not all of it even there."""

from __future__ import annotations

import contextlib
import logging
import re
import time
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.db import DatabaseError, connection

from audit.ground.database_errors import is_away, named
from reviewapp import logs
from reviewapp.processes import metrics
from tests.conftest import ApiClient

SECRET = "the-customers-iban"
pytestmark = pytest.mark.django_db(transaction=True)


def fails(statement: str) -> Any:
    """Something that asks the database this, and fails at it."""

    def ask(*_: Any, **__: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute(statement)

    return ask


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The lines as they would leave the process."""
    lines: list[str] = []
    config = logs.config(level="INFO", as_json=True)["formatters"]["structured"]
    formatter = config.pop("()")(**{k: v for k, v in config.items() if k != "()"})
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(formatter.format(record))  # type: ignore[method-assign]
    monkeypatch.setattr(logging.getLogger(), "handlers", [handler])
    monkeypatch.setattr(logging.getLogger(), "level", logging.INFO)
    return lines


def counted(kind: str) -> float:
    """What Prometheus would read."""
    found = re.search(rf'reviewapp_database_errors_total{{kind="{kind}"}} (\S+)', metrics.page().decode())
    return float(found[1]) if found else 0.0


BAD_VALUES = [
    f"SELECT '{SECRET}'::int",
    f"SELECT '{SECRET}'::uuid",
    f"SELECT '{SECRET}'::jsonb",
    f"INSERT INTO auth_group (name) VALUES ('{SECRET}'), ('{SECRET}')",
    f"INSERT INTO auth_group (id, name) VALUES (NULL, '{SECRET}')",
    f"SELECT 1 / 0 -- {SECRET}",
]


@pytest.mark.parametrize("statement", BAD_VALUES)
def test_a_value_that_it_refuses_is_our_mistake_and_tells_nobody_the_value(
    api: ApiClient, logged: list[str], monkeypatch: pytest.MonkeyPatch, statement: str
) -> None:
    monkeypatch.setattr("suggestions.intake.api.standing", fails(statement))
    before = counted("error")
    response = api.get("proposals/")
    assert response.status_code == 500
    assert response["Content-Type"] == "application/problem+json"
    assert "Retry-After" not in response
    assert SECRET not in response.content.decode()
    assert any('"database refused"' in line for line in logged)
    assert SECRET not in "\n".join(logged)
    assert counted("error") == before + 1


def test_a_page_tells_nobody_the_value_either(
    client: Any, ana: Any, logged: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    client.force_login(ana)
    client.raise_request_exception = False
    monkeypatch.setattr("execution.halting.views.halts.on", fails(BAD_VALUES[0]))
    response = client.get("/governance/halts/")
    assert response.status_code == 500
    assert SECRET not in response.content.decode() + "\n".join(logged)
    assert any("invalid_text" in line or "InvalidTextRepresentation 22P02" in line for line in logged)


def test_where_it_is_away_the_answer_says_to_ask_again(
    api: ApiClient, client: Any, ana: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.force_login(ana)
    client.raise_request_exception = False
    goes_away = fails("SELECT pg_terminate_backend(pg_backend_pid())")
    monkeypatch.setattr("suggestions.intake.api.standing", goes_away)
    monkeypatch.setattr("execution.halting.views.halts.on", goes_away)
    response = api.get("proposals/")
    assert (response.status_code, response["Retry-After"]) == (503, "2")
    connection.close()
    assert client.get("/governance/halts/").status_code == 503
    connection.close()


@pytest.mark.parametrize(
    ("error", "away"),
    [
        (psycopg.errors.AdminShutdown(), True),
        (psycopg.errors.CannotConnectNow(), True),
        (psycopg.errors.TooManyConnections(), True),
        (psycopg.errors.DiskFull(), True),
        (psycopg.errors.LockNotAvailable(), True),
        (psycopg.errors.DeadlockDetected(), True),
        (psycopg.OperationalError("connection failed"), True),
        (psycopg.InterfaceError("the connection is closed"), True),
        (psycopg.DataError("PostgreSQL text fields cannot contain NUL (0x00) bytes"), False),
        (psycopg.errors.NumericValueOutOfRange(), False),
        (psycopg.errors.UniqueViolation(), False),
        (psycopg.errors.UndefinedTable(), False),
        (psycopg.errors.ProgramLimitExceeded(), False),
        (psycopg.errors.QueryCanceled(), False),
        (DatabaseError("x"), False),
    ],
    ids=lambda value: type(value).__name__,
)
def test_it_is_away_where_asking_again_is_right(error: Exception, away: bool) -> None:
    assert is_away(error) is away
    wrapped = DatabaseError(SECRET)
    wrapped.__cause__ = error
    if isinstance(error, psycopg.Error):
        assert is_away(wrapped) is away
        assert SECRET not in named(wrapped)


def test_a_traceback_keeps_its_lines_and_loses_what_was_sent() -> None:
    def third() -> None:
        raise psycopg.errors.UniqueViolation(f"Key (name)=({SECRET}) already exists.")

    try:
        try:
            third()
        except psycopg.Error as error:
            raise RuntimeError("could not be stored") from error
    except RuntimeError as error:
        told = logs.without_what_was_sent((type(error), error, error.__traceback__))
    assert "in third" in told
    assert "psycopg.errors.UniqueViolation 23505" in told
    assert told.endswith("RuntimeError: could not be stored")
    assert SECRET not in told


def test_a_failing_task_does_not_put_its_cause_into_the_log(logged: list[str]) -> None:
    configured = logs.config(level="INFO", as_json=True)
    assert configured["loggers"]["celery.app.trace"]["filters"] == ["without_cause"]
    said = "Task %(name)s[%(id)s] %(description)s: %(exc)s"
    facts = {"name": "t", "id": "1", "description": "raised unexpected", "exc": SECRET}
    record = logging.LogRecord("celery.app.trace", logging.ERROR, "", 0, said, (facts,), None)
    assert logs.WithoutCause().filter(record)
    assert record.getMessage() == "Task t[1] raised unexpected"


def test_nothing_that_was_sent_stands_in_the_log_of_postgresql(services: Any) -> None:
    """An attempt to reach a database that is not there comes last: it is still told, so all before it is."""
    for statement in BAD_VALUES:
        with contextlib.suppress(DatabaseError):
            fails(statement)()
        with contextlib.suppress(DatabaseError), connection.cursor() as cursor:
            cursor.execute("SELECT %s::int", [SECRET])
    mark = f"not-there-{time.monotonic_ns()}"
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(services.superuser_url, dbname=mark)
    log = Path(settings.VAR_DIR) / "log" / "postgres.log"
    until = time.monotonic() + 30
    while mark not in log.read_text(errors="replace"):
        assert time.monotonic() < until
        time.sleep(0.05)
    assert SECRET not in log.read_text(errors="replace")
