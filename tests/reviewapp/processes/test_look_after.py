"""Services that end unasked start again where they are looked for, or move along with everybody."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from django.db import OperationalError

from reviewapp import embedded
from reviewapp.embedded import CannotStart, valkey, waiting
from reviewapp.embedded.credentials import OWNER, SUPERUSER, Credentials, address
from reviewapp.embedded.services import Services
from reviewapp.management.commands.up import Start
from reviewapp.processes import look_after, supervise
from reviewapp.processes.look_after import LookAfter
from reviewapp.processes.supervise import Child, Stopped


@pytest.fixture(scope="module")
def var(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("kept") / "var"
    yield folder
    embedded.erase(folder)


@pytest.fixture(scope="module")
def services(var: Path) -> Iterator[Services]:
    with embedded.start(var) as services:
        yield services


class Told:
    def __init__(self, services: Any) -> None:
        self.said: list[str] = []
        self.moves: list[str] = []
        self.care = LookAfter(services, say=self.said.append, moved=self.moves.append)
        if isinstance(services, Services):
            services.valkey.say = services.postgres.say = self.said.append

    def look(self) -> None:
        self.care._looked = 0.0
        self.care.look()


def kill(service: Any) -> None:
    os.kill(service.process.pid, signal.SIGKILL)
    service.process.wait()


class Thief:
    """A program that holds a port."""

    def __init__(self, port: int) -> None:
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(("127.0.0.1", port))
        self.socket.listen()


def test_valkey_waits_for_its_port_and_comes_back_where_everybody_looks_for_it(services: Services) -> None:
    told, url = Told(services), services.environment["VALKEY_URL"]
    kill(services.valkey)
    thief = Thief(services.valkey.credentials.valkey_port)
    services.valkey.pause = lambda _: thief.socket.close()

    told.look()

    assert (services.environment["VALKEY_URL"], told.moves) == (url, [])
    assert services.valkey.answers()
    assert any("has taken Valkey's port" in line for line in told.said)


def test_valkey_moves_when_its_port_stays_taken_and_everybody_is_told(
    services: Services, var: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(valkey, "HOLD_ON", 0.2)
    services.valkey.pause = time.sleep
    told, url = Told(services), services.environment["VALKEY_URL"]
    kill(services.valkey)
    thief = Thief(services.valkey.credentials.valkey_port)

    told.look()
    thief.socket.close()

    moved = services.environment["VALKEY_URL"]
    assert moved != url
    assert told.moves == [moved]
    assert embedded.environment(var)["VALKEY_URL"] == moved
    assert services.valkey.answers()


def test_postgresql_that_was_killed_recovers_without_a_new_password(services: Services) -> None:
    told = Told(services)
    with psycopg.connect(services.owner_url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1 AS n")
    kill(services.postgres)

    until = time.monotonic() + 60
    while not services.postgres.answers() and time.monotonic() < until:
        told.look()

    with psycopg.connect(services.owner_url) as connection:
        assert connection.execute("SELECT n FROM kept").fetchall() == [(1,)]
    assert told.said[-1] == "PostgreSQL is there again."


@pytest.mark.parametrize(
    "problem",
    [
        OperationalError("server closed the connection unexpectedly"),
        CannotStart("No space left on device"),
        OSError(28, "No space left on device"),
        RuntimeError(),
    ],
)
def test_no_failure_to_start_a_service_ends_the_looking_after(
    problem: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(look_after, "FIRST_PAUSE", 0.01)
    tries: list[float] = []

    def start_again() -> None:
        tries.append(time.monotonic())
        if len(tries) < 4:
            raise problem

    service = SimpleNamespace(name="PostgreSQL", log="its.log", start_again=start_again)
    services = SimpleNamespace(
        fallen=lambda: [service] if len(tries) < 4 else [], environment={"VALKEY_URL": "here"}
    )
    told = Told(services)
    until = time.monotonic() + 30
    while len(tries) < 4 and time.monotonic() < until:
        told.look()

    failed = [line for line in told.said if "did not start" in line]
    assert [line.partition(" in ")[2].partition(":")[0] for line in failed] == ["0.01 s", "0.02 s", "0.04 s"]
    assert failed[0].endswith(str(problem) or "RuntimeError")
    assert told.said[-1] == "PostgreSQL is there again."


def test_being_asked_to_stop_ends_the_wait_for_a_service(services: Services) -> None:
    def stopped(_: float) -> None:
        raise Stopped

    told = Told(services)
    services.valkey.pause = stopped
    kill(services.valkey)
    try:
        with pytest.raises(Stopped):
            told.look()
        assert services.valkey.fallen
    finally:
        services.valkey.pause = time.sleep
    told.look()
    assert services.valkey.answers()


@pytest.mark.parametrize("minus", ["", "-"])
def test_numbers_that_a_killed_postgresql_left_are_no_obstacle(services: Services, minus: str) -> None:
    services.postgres.stop()
    assert services.valkey.process  # of the same user, so PostgreSQL takes it for itself
    home, stranger = services.postgres.home, f"{minus}{services.valkey.process.pid}\n"
    for file in (home.postgres / "postmaster.pid", home.sockets / ".s.PGSQL.5432.lock"):
        file.write_text(f"{stranger}{home.postgres}\n")

    services.postgres.start()

    assert services.postgres.answers()
    assert services.valkey.answers()


# --- Who may know what ----------------------------------------------------------------------------


def is_let_in(url: str) -> bool:
    try:
        psycopg.connect(url).close()
    except psycopg.OperationalError:
        return False
    return True


def test_nothing_in_a_file_lets_anybody_in_as_owner_or_superuser(services: Services, var: Path) -> None:
    kept = [str(value) for value in json.loads((var / "services.json").read_text()).values()]
    sockets = services.postgres.home.sockets

    assert is_let_in(services.environment["DATABASE_URL"])
    assert is_let_in(services.owner_url)
    for role in (OWNER, SUPERUSER):
        assert [word for word in ["", *kept] if is_let_in(address(role, word, sockets))] == []
    for folder in (var, services.postgres.home.folder):
        for file in folder.rglob("*"):
            if file.is_file() and not file.is_relative_to(services.postgres.home.postgres):
                assert services.postgres.privileged.owner.encode() not in file.read_bytes()


def test_passwords_that_an_older_version_kept_are_forgotten_and_open_nothing(tmp_path: Path) -> None:
    var = tmp_path / "var"
    file = var / "services.json"
    try:
        known = embedded.Privileged(owner="old-owner", superuser="old-superuser")
        with embedded.start(var, privileged=known) as services:
            assert is_let_in(services.superuser_url)
            old = [services.owner_url, services.superuser_url]
        kept = json.loads(file.read_text())
        file.write_text(
            json.dumps({**kept, "superuser_password": "old-superuser", "owner_password": "old-owner"})
        )
        assert Credentials.of(var).application_password == kept["application_password"]

        with embedded.start(var) as services:
            assert [url for url in old if is_let_in(url)] == []
            assert is_let_in(services.environment["DATABASE_URL"])
        assert json.loads(file.read_text()) == kept
    finally:
        embedded.erase(var)


# --- The first answer -----------------------------------------------------------------------------


@pytest.fixture
def start(tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    settings.VAR_DIR = tmp_path
    monkeypatch.setattr(supervise, "FIRST_PAUSE", 0.01)
    said: list[str] = []
    start = Start(said.append, "127.0.0.1", 1, verbose=False)
    start.said = said  # type: ignore[attr-defined]
    yield start
    start.supervisor.stop(patience=0)


def test_a_slow_machine_is_waited_for_and_it_is_said_what_for(
    start: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "TOLD_AFTER", 0.0)
    answers = iter([False, False, True])
    monkeypatch.setattr(start, "_answers", lambda: next(answers))

    start._wait_for_answer()

    assert start.said[0].startswith("  Still waiting for the web process to answer (")
    assert start.said[0].endswith("log/web.log")


def test_a_web_process_that_keeps_dying_is_not_waited_for(start: Any) -> None:
    start.supervisor.start(Child("web", [sys.executable, "-c", "raise SystemExit(3)"], {}))

    with pytest.raises(CannotStart, match="ended 3 times before it answered"):
        start._wait_for_answer()


def test_the_children_are_looked_after_while_a_service_is_waited_for(start: Any) -> None:
    program = "import time; print('hello', flush=True); time.sleep(60)"
    start.supervisor.start(Child("beat", [sys.executable, "-c", program], {}))
    log = start.supervisor.logs / "beat.log"

    until = time.monotonic() + 30
    while not (log.exists() and "hello" in log.read_text()) and time.monotonic() < until:
        start.supervisor.breathe(0.1)

    assert log.read_text() == "hello\n"
    assert log.stat().st_mode & 0o077 == 0


def test_a_child_that_is_restarted_starts_at_once_with_its_new_environment(
    start: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VALKEY_URL", "old")  # what the command changes of it is put back
    program = "import os, time; print(os.environ['VALKEY_URL'], flush=True); time.sleep(60)"
    child = Child("worker", [sys.executable, "-c", program], {"VALKEY_URL": "old"})
    start.supervisor.start(child)
    log = start.supervisor.logs / "worker.log"

    def shows(words: str) -> bool:
        return log.exists() and log.read_text() == words

    assert start.supervisor.wait(lambda: shows("old\n"), seconds=60)
    start._move_with_valkey("new")

    assert start.supervisor.wait(lambda: shows("old\nnew\n"), seconds=60)
    assert child.deaths == 0


def test_a_child_that_cannot_be_started_just_now_is_tried_again(
    start: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    child = Child("beat", [sys.executable, "-c", "import time; time.sleep(60)"], {})
    launch, tries = start.supervisor._launch, []

    def short_of_memory(child: Child) -> None:
        tries.append(child.name)
        if len(tries) < 3:
            raise OSError(12, "Cannot allocate memory")
        launch(child)

    monkeypatch.setattr(start.supervisor, "_launch", short_of_memory)
    start.supervisor.children.append(child)

    assert start.supervisor.wait(lambda: child.process is not None, seconds=60)
    assert "Cannot allocate memory" in start.said[0]
