"""The embedded services: private to their user, safe to kill, and out of the way of everything else."""

import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
import redis

from reviewapp import embedded
from reviewapp.embedded import home as homes
from reviewapp.embedded import processes
from reviewapp.embedded.credentials import Credentials, port_taken
from reviewapp.embedded.home import Home
from reviewapp.embedded.services import Services

HOUSE = Path(__file__).resolve().parent.parent.parent
AS_ROOT = os.geteuid() == 0
KNOWN = embedded.Privileged(superuser="told-to-this-test-alone")
VARIABLES = ("DATABASE_URL", "DATABASE_OWNER_URL", "VALKEY_URL", "SECRET_KEY")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A `var` so deep that its sockets must live elsewhere, in a folder that others may look into."""
    open_folder = tmp_path_factory.mktemp("open")
    open_folder.chmod(0o755)
    var = open_folder.joinpath(*["quite-a-long-name"] * 6, "var")
    var.mkdir(parents=True)
    yield var
    embedded.erase(var)


@pytest.fixture(scope="module")
def services(place: Path) -> Iterator[Services]:
    with embedded.start(place, privileged=KNOWN) as services:
        yield services


@pytest.fixture
def home(place: Path) -> Home:
    return Home.of(place, Credentials.of(place))


@pytest.fixture
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def modes(folder: Path) -> dict[str, int]:
    return {str(path): stat.S_IMODE(path.lstat().st_mode) for path in [folder, *folder.parents]}


# --- The environment ----------------------------------------------------------------------------


def test_an_empty_environment_is_filled_with_the_embedded_services(
    tmp_path: Path, no_environment: None
) -> None:
    embedded.fill_environment(tmp_path / "var")

    assert {name: os.environ[name] for name in VARIABLES} == embedded.environment(tmp_path / "var")
    assert stat.S_IMODE((tmp_path / "var/services.json").stat().st_mode) == 0o600
    assert sorted(path.name for path in (tmp_path / "var").iterdir()) == ["services.json"]
    assert urlsplit(os.environ["DATABASE_OWNER_URL"]).password is None


@pytest.mark.parametrize("given", ["DATABASE_URL", "VALKEY_URL"])
def test_who_brings_a_service_brings_the_secrets_too(
    tmp_path: Path, no_environment: None, monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    monkeypatch.setenv(given, "somewhere://else")

    embedded.fill_environment(tmp_path / "var")

    assert [name for name in VARIABLES if name in os.environ] == [given]
    assert not (tmp_path / "var").exists()


def test_a_missing_secret_key_is_named_in_one_line(tmp_path: Path) -> None:
    given = {"DATABASE_URL": "postgres://a:b@h/d", "VALKEY_URL": "redis://h", "VAR_DIR": str(tmp_path)}

    asked = subprocess.run(
        [sys.executable, "manage.py", "up", "--only", "web"],
        cwd=HOUSE,
        env={"PATH": os.environ["PATH"], **given},
        capture_output=True,
        text=True,
        check=False,
    )

    assert asked.returncode == 1
    assert "SECRET_KEY" in asked.stderr
    assert asked.stderr.strip().count("\n") == 0


def test_two_first_processes_agree_on_the_passwords(tmp_path: Path) -> None:
    program = (
        "import sys, pathlib; from reviewapp.embedded.credentials import Credentials\n"
        "print(Credentials.of(pathlib.Path(sys.argv[1])))"
    )
    ask = [sys.executable, "-c", program, str(tmp_path / "var")]
    asked = [subprocess.Popen(ask, cwd=HOUSE, stdout=subprocess.PIPE) for _ in range(4)]

    assert len({process.communicate()[0] for process in asked}) == 1


# --- Privacy ------------------------------------------------------------------------------------


def test_only_the_services_user_can_enter_data_and_sockets(services: Services, home: Home) -> None:
    owner = (home.postgres / "PG_VERSION").stat().st_uid

    for folder in (home.postgres, home.valkey, home.sockets):
        assert (stat.S_IMODE(folder.stat().st_mode), folder.stat().st_uid) == (0o700, owner)
    assert (owner == os.geteuid()) is not AS_ROOT
    assert stat.S_IMODE((home.var / "log").stat().st_mode) == 0o700


def test_a_start_changes_the_permissions_of_nothing_above(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    before, packages = modes(closed), Path(psycopg.__file__).parent
    packages_before = modes(packages)
    var = closed / "var"
    try:
        with embedded.start(var):
            assert modes(closed) == before
    finally:
        embedded.erase(var)

    assert modes(closed) == before
    assert modes(packages) == packages_before


@pytest.mark.skipif(not AS_ROOT, reason="needs root to become somebody else")
def test_another_user_cannot_connect(services: Services, home: Home) -> None:
    pid = os.fork()
    if pid == 0:
        os.setgid(65534)
        os.setuid(65534)
        try:
            socket.socket(socket.AF_UNIX).connect(f"{home.sockets}/.s.PGSQL.5432")
        except PermissionError:
            os._exit(42)
        os._exit(0)

    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 42


def test_postgresql_listens_on_no_port_and_trusts_nobody(services: Services) -> None:
    with psycopg.connect(services.superuser_url) as connection:
        settings = dict(
            connection.execute(
                "SELECT name, setting FROM pg_settings WHERE name IN"
                " ('listen_addresses', 'fsync', 'synchronous_commit', 'password_encryption')"
            ).fetchall()
        )
        rules = connection.execute("SELECT type, auth_method FROM pg_hba_file_rules").fetchall()
    url = services.environment["DATABASE_URL"]
    password = url.split(":")[2].partition("@")[0]

    assert settings == {
        "listen_addresses": "",
        "fsync": "on",
        "synchronous_commit": "on",
        "password_encryption": "scram-sha-256",
    }
    assert rules == [("local", "scram-sha-256")]
    with pytest.raises(psycopg.OperationalError, match="authentication failed"):
        psycopg.connect(url.replace(password, "guess"))


def test_valkey_asks_for_its_password_and_keeps_what_it_is_told(services: Services) -> None:
    url = services.environment["VALKEY_URL"]
    stranger = redis.Redis.from_url(f"redis://{url.partition('@')[2]}")
    with redis.Redis.from_url(url, decode_responses=True) as ours:
        kept = {
            key: ours.config_get(key)[key]
            for key in ("appendonly", "appendfsync", "maxmemory-policy", "bind")
        }

    assert kept == {
        "appendonly": "yes",
        "appendfsync": "everysec",
        "maxmemory-policy": "noeviction",
        "bind": "127.0.0.1",
    }
    with pytest.raises(redis.AuthenticationError):
        stranger.ping()


def test_no_password_is_on_a_command_line(services: Services) -> None:
    shown = " ".join(
        " ".join(processes.command_of(int(folder.name))) for folder in Path("/proc").glob("[0-9]*")
    )

    assert services.valkey.credentials.valkey_password not in shown
    assert services.postgres.credentials.application_password not in shown
    assert services.postgres.privileged.owner not in shown
    assert services.postgres.privileged.superuser not in shown


def test_the_application_may_create_nothing(services: Services) -> None:
    with psycopg.connect(services.environment["DATABASE_URL"], autocommit=True) as connection:
        role = connection.execute(
            "SELECT rolname, rolsuper, rolcreatedb, rolcreaterole, rolbypassrls FROM pg_roles"
            " WHERE rolname = current_user"
        ).fetchone()
        for forbidden in (
            "CREATE TABLE t (i int)",
            "CREATE TEMP TABLE t (i int)",
            "CREATE SCHEMA s",
            "CREATE ROLE r",
            "CREATE DATABASE d",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(forbidden)

    assert role == ("reviewapp_app", False, False, False, False)


# --- A second start, and starts after a bad end ---------------------------------------------------


def test_a_second_start_uses_the_running_services_and_leaves_them_running(
    services: Services, place: Path
) -> None:
    second = embedded.start(place)
    second.stop()

    assert (services.ours, second.ours) == (True, False)
    assert second.environment == services.environment
    assert services.postgres.answers()
    assert services.valkey.answers()


def test_services_that_others_still_use_are_not_stopped_under_them(tmp_path: Path) -> None:
    var = tmp_path / "var"
    first = embedded.start(var)
    try:
        second = embedded.start(var)
        stopping = threading.Thread(target=first.stop)
        stopping.start()
        stopping.join(0.5)
        assert second.postgres.answers()
        second.stop()
        stopping.join(10)
        assert not second.postgres.answers()
    finally:
        first.stop(seconds=5)
        embedded.erase(var)


def test_sockets_of_a_deep_folder_are_short_and_private(services: Services, home: Home) -> None:
    assert len(f"{home.sockets}/.s.PGSQL.5432") <= 100
    assert stat.S_IMODE(home.sockets.stat().st_mode) == 0o700


def test_a_socket_folder_that_somebody_else_made_is_not_used(tmp_path: Path) -> None:
    var = tmp_path.joinpath(*["quite-a-long-name"] * 6)
    home = Home.of(var, Credentials.of(var))
    trap = home.sockets
    trap.mkdir(mode=0o755, parents=True)
    trap.chmod(0o777)
    try:
        with pytest.raises(embedded.CannotStart, match="not a private folder of ours"):
            embedded.start(var)
    finally:
        shutil.rmtree(trap)
        embedded.erase(var)


class Killed:
    """Services whose starter was killed with SIGKILL."""

    def __init__(self, var: Path, *, spare: bool) -> None:
        program = (
            "import sys, pathlib, time; from reviewapp import embedded\n"
            "s = embedded.start(pathlib.Path(sys.argv[1]))\n"
            "print(s.postgres.process.pid, s.valkey.process.pid, flush=True); time.sleep(60)"
        )
        starter = subprocess.Popen(
            [sys.executable, "-c", program, str(var)], cwd=HOUSE, stdout=subprocess.PIPE
        )
        assert starter.stdout
        self.pids = [int(pid) for pid in starter.stdout.readline().split()]
        if spare:
            for pid in self.pids:  # asleep, they cannot follow their starter
                os.kill(pid, signal.SIGSTOP)
        starter.kill()
        starter.wait()
        starter.stdout.close()


def test_services_end_when_their_starter_is_killed_and_nothing_written_is_lost(tmp_path: Path) -> None:
    var = tmp_path / "var"
    with embedded.start(var) as services, psycopg.connect(services.owner_url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1 AS n")
    try:
        killed = Killed(var, spare=False)
        deadline = time.monotonic() + 5
        while any(processes.running(pid) for pid in killed.pids) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert [pid for pid in killed.pids if processes.running(pid)] == []

        with embedded.start(var) as services, psycopg.connect(services.owner_url) as connection:
            assert connection.execute("SELECT n FROM kept").fetchall() == [(1,)]
    finally:
        embedded.erase(var)


def test_what_a_killed_starter_left_behind_is_ended_and_started_anew(tmp_path: Path) -> None:
    var = tmp_path / "var"
    try:
        killed = Killed(var, spare=True)
        for pid in killed.pids:
            os.kill(pid, signal.SIGCONT)
        with embedded.start(var) as services:
            now = [service.process.pid for service in (services.postgres, services.valkey) if service.process]
            assert services.ours
            assert not set(now) & set(killed.pids)
            assert [pid for pid in killed.pids if processes.running(pid)] == []
    finally:
        embedded.erase(var)


def test_a_stale_pid_file_that_names_a_stranger_is_no_obstacle(
    services: Services, home: Home, place: Path
) -> None:
    services.postgres.stop()
    assert services.valkey.process  # of the same user, so PostgreSQL takes it for itself
    (home.postgres / "postmaster.pid").write_text(f"{services.valkey.process.pid}\n{home.postgres}\n")

    services.postgres.start()

    assert services.postgres.answers()


def test_valkey_moves_when_its_port_is_taken(services: Services, place: Path) -> None:
    services.valkey.stop()
    old = services.valkey.credentials.valkey_port
    with socket.socket() as thief:
        thief.bind(("127.0.0.1", old))
        thief.listen()
        services.valkey.start()

    assert services.valkey.credentials.valkey_port != old
    assert embedded.environment(place) == services.environment
    assert services.valkey.answers()
    assert not port_taken("127.0.0.1", old)


# --- One clear line -------------------------------------------------------------------------------


def test_data_of_another_version_is_not_touched(tmp_path: Path) -> None:
    var = tmp_path / "var"
    home = Home.of(var, Credentials.of(var))
    home.postgres.mkdir(parents=True)
    (home.postgres / "PG_VERSION").write_text("14\n")
    try:
        with pytest.raises(embedded.CannotStart) as problem:
            embedded.start(var)
        assert [path.name for path in home.postgres.iterdir()] == ["PG_VERSION"]
    finally:
        embedded.erase(var)

    assert "is from PostgreSQL 14, but this is PostgreSQL 18" in str(problem.value)


def test_a_full_disk_is_said_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = shutil.disk_usage(tmp_path)._replace(free=499 * 1024 * 1024)
    monkeypatch.setattr(homes.shutil, "disk_usage", lambda _: full)
    var = tmp_path / "var"
    try:
        with pytest.raises(embedded.CannotStart, match="Less than 500 MB of disk space"):
            embedded.start(var)
        assert not Home.of(var, Credentials.of(var)).postgres.exists()
    finally:
        embedded.erase(var)


def test_damaged_credentials_are_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "services.json").write_text("{")

    with pytest.raises(embedded.CannotStart, match="is damaged"):
        embedded.start(tmp_path)
    assert (tmp_path / "services.json").read_text() == "{"


@pytest.mark.skipif(not AS_ROOT, reason="only root can make another user's file")
def test_the_folder_of_another_user_is_refused(tmp_path: Path) -> None:
    Credentials.of(tmp_path)
    os.chown(tmp_path / "services.json", 65534, 65534)

    with pytest.raises(embedded.CannotStart, match="belongs to another user"):
        embedded.start(tmp_path)


@pytest.mark.skipif(not AS_ROOT, reason="an ordinary user's data is inside the folder and copied with it")
def test_a_copy_of_the_folder_does_not_share_its_data(
    place: Path, services: Services, tmp_path: Path
) -> None:
    shutil.copy(place / "services.json", tmp_path)

    with pytest.raises(embedded.CannotStart, match="is a copy of"):
        embedded.start(tmp_path)


def test_running_services_are_not_erased(place: Path, services: Services) -> None:
    with pytest.raises(embedded.CannotStart, match="are running"):
        embedded.erase(place)
    assert json.loads((place / "services.json").read_text())["id"] == services.postgres.credentials.id
