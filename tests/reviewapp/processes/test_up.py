"""`manage.py up`: one command starts everything, one signal ends it, and no kill leaves a mess."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote, urlsplit

import psycopg
import pytest

from reviewapp import embedded
from reviewapp.embedded import processes
from reviewapp.embedded.credentials import OWNER, SUPERUSER, Credentials, address, free_port
from reviewapp.embedded.home import Home
from reviewapp.processes import restarting

HOUSE = Path(__file__).resolve().parents[3]
# `manage.py`, but Valkey moves after a second without its port: otherwise it waits ten for whoever took it.
IMPATIENT = "from reviewapp.embedded import valkey; valkey.HOLD_ON = 1.0; import manage; manage.main()"
# In this order: each test leaves the run in a state that the next one needs, for starts are slow.
pytestmark = pytest.mark.xdist_group("up")


class Up:
    """`manage.py up` on a folder of its own, in an environment that names no services."""

    def __init__(self, var: Path, port: int) -> None:
        self.var = var
        self.port = port
        self.said: list[str] = []
        self.process: subprocess.Popen[str] | None = None

    def command(
        self, *arguments: str, manage: str = "up", program: tuple[str, ...] = ("manage.py",)
    ) -> "subprocess.Popen[str]":
        passed = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        settings = {"VAR_DIR": str(self.var), "DEMO": "0", "WORKER_CONCURRENCY": "1", "STATIC_UNHASHED": "1"}
        return subprocess.Popen(
            [sys.executable, *program, manage, *arguments],
            cwd=HOUSE,
            env={**passed, **settings},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def start(self) -> None:
        self.process = self.command("--port", str(self.port), program=("-c", IMPATIENT))
        assert self.hear("Ctrl-C stops it"), "\n".join(self.said)

    def hear(self, words: str) -> bool:
        """Read what it says up to these words."""
        assert self.process
        assert self.process.stdout
        for line in self.process.stdout:
            self.said.append(line.rstrip())
            if words in line:
                return True
        return False

    def fails(self, *arguments: str) -> str:
        process = self.command(*arguments)
        said, _ = process.communicate(timeout=30)
        assert process.returncode == 1
        return said.strip()

    def answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/healthz", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    @property
    def children(self) -> dict[str, int]:
        """The processes the supervisor started, by what they are."""
        found = {}
        for pid in processes.marked(f"up {self.var.resolve()}"):
            with suppress(OSError):  # it ended meanwhile
                parent = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
                if self.process and parent == self.process.pid:
                    found[environment_of(pid)["PROCESS_NAME"]] = pid
        return found

    def left(self) -> set[int]:
        return processes.marked(f"up {self.var.resolve()}") | processes.marked(Credentials.of(self.var).id)


def environment_of(pid: int) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/environ").read_text().split("\0")
    return dict(line.split("=", 1) for line in lines if line)


def can_connect(url: str) -> bool:
    try:
        psycopg.connect(url).close()
    except psycopg.OperationalError:
        return False
    return True


def soon(true: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 60
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    up = Up(tmp_path_factory.mktemp("up") / "var", free_port())
    (up.var / "log").mkdir(parents=True)
    (up.var / "log/web.log").write_text("An older version let everybody read this.\n")
    up.start()
    yield up
    if up.process and up.process.poll() is None:
        up.process.terminate()
        up.process.wait(20)
    embedded.erase(up.var)


def test_one_command_starts_everything_and_says_where(up: Up) -> None:
    assert any(line.endswith(f"http://localhost:{up.port}") for line in up.said)
    assert up.answers()
    assert sorted(up.children) == ["beat", "web", "worker"]


def test_no_child_knows_the_owner_of_the_tables(up: Up) -> None:
    for pid in up.children.values():
        environment = environment_of(pid)
        assert "reviewapp_app:" in environment["DATABASE_URL"]
        assert "reviewapp_owner" not in " ".join(environment.values())


def test_what_is_written_is_readable_by_its_user_alone(up: Up) -> None:
    home = Home.of(up.var, Credentials.of(up.var))
    assert soon((up.var / "log/worker.log").exists)
    inside = [path for folder in (up.var, home.sockets, home.valkey) for path in [folder, *folder.rglob("*")]]

    public = up.var / "static"  # collected assets, which everybody is served
    open_to_others = {
        str(path)
        for path in inside
        if path.lstat().st_mode & 0o077 and (path == public or public not in path.parents)
    }

    assert {path.name for path in inside} >= {"services.json", "web.log", "worker.log", "postgres.log"}
    assert open_to_others == set()


def test_nothing_that_a_child_can_read_makes_it_owner_or_superuser(up: Up) -> None:
    sockets = Home.of(up.var, Credentials.of(up.var)).sockets
    words = {str(word) for word in json.loads((up.var / "services.json").read_text()).values()} | {""}
    for pid in up.children.values():
        words |= set(environment_of(pid).values())
        words |= {str(urlsplit(value).password) for value in environment_of(pid).values() if "://" in value}
    if up.process:
        words |= set(environment_of(up.process.pid).values())

    assert can_connect(embedded.environment(up.var)["DATABASE_URL"])
    for role in (OWNER, SUPERUSER):
        assert [word for word in words if can_connect(address(role, quote(word, safe=""), sockets))] == []


def test_migrating_by_hand_says_who_migrates(up: Up) -> None:
    process, look = up.command(manage="migrate"), up.command("--check", manage="migrate")
    said, seen = process.communicate(timeout=120)[0], look.communicate(timeout=120)[0]

    assert process.returncode == 1
    assert said.strip().endswith("`manage.py up` migrates whenever it starts, so start it again.")
    assert (look.returncode, seen) == (0, "")


def test_a_second_start_names_the_first(up: Up) -> None:
    assert up.process
    assert up.fails() == (
        f"CommandError: reviewapp is already running on {up.var.resolve()} (process {up.process.pid})."
    )


def test_a_taken_port_is_said_before_anything_is_started(up: Up, tmp_path: Path) -> None:
    other = Up(tmp_path / "var", up.port)

    said = other.fails("--port", str(up.port))

    assert said == (
        f"CommandError: Port {up.port} of 127.0.0.1 is taken: "
        "stop what uses it, or choose another with --port or PORT."
    )
    assert not Home.of(other.var, Credentials.of(other.var)).folder.exists()


def test_a_single_process_says_when_its_services_are_missing(tmp_path: Path) -> None:
    said = Up(tmp_path / "var", free_port()).fails("--only", "worker")

    assert said.startswith("CommandError: The embedded services are not running: start `manage.py up` first")
    assert "\n" not in said


def test_a_single_process_runs_in_the_foreground_and_ends_when_told(up: Up) -> None:
    port = free_port()
    alone = Up(up.var, port)
    alone.process = alone.command("--only", "api", "--port", str(port))
    try:
        assert alone.hear("Started worker-1"), "\n".join(alone.said)
        assert soon(alone.answers)
    finally:
        alone.process.terminate()
        assert alone.process.wait(10) == 0


def test_a_child_that_dies_is_started_again(up: Up) -> None:
    beat = up.children["beat"]
    os.kill(beat, signal.SIGKILL)

    assert up.hear("beat ended (signal 9) and starts again in 1 s")
    assert soon(lambda: up.children.get("beat", beat) != beat)


class Visitors:
    """Some who ask for a page again and again, each time over a new connection, and once."""

    def __init__(self, port: int) -> None:
        self.port, self.going, self.answers = port, True, Counter[object]()
        self.threads = [threading.Thread(target=self._ask, daemon=True) for _ in range(3)]
        for thread in self.threads:
            thread.start()

    def _ask(self) -> None:
        while self.going:
            try:
                with urllib.request.urlopen(
                    f"http://127.0.0.1:{self.port}/accounts/login/", timeout=60
                ) as answer:
                    self.answers[answer.status] += 1
            except OSError as problem:
                self.answers[repr(problem)] += 1

    def leave(self) -> Counter[object]:
        self.going = False
        for thread in self.threads:
            thread.join(60)
        return self.answers


def test_all_processes_are_restarted_while_every_visitor_is_answered(up: Up) -> None:
    before, visitors = up.children, Visitors(up.port)
    restart = up.command(manage="restart")

    said, _ = restart.communicate(timeout=300)

    assert (restart.returncode, said) == (0, "Restarted.\n")
    assert soon(lambda: len(up.children) == 3 and not set(up.children.values()) & set(before.values()))
    assert {*visitors.leave()} == {200}
    assert up.hear("Restarted.")


def test_without_anything_that_runs_nothing_is_restarted(tmp_path: Path) -> None:
    with pytest.raises(restarting.NotRunning):
        restarting.ask(tmp_path, seconds=1)


def test_a_database_that_dies_is_started_again(up: Up) -> None:
    home = Home.of(up.var, Credentials.of(up.var))
    os.kill(int((home.postgres / "postmaster.pid").read_text().split()[0]), signal.SIGQUIT)

    assert up.hear("PostgreSQL ended and is started again")
    assert soon(lambda: can_connect(embedded.environment(up.var)["DATABASE_URL"]))


def takes(thief: socket.socket, port: int) -> bool:
    try:
        thief.bind(("127.0.0.1", port))
    except OSError:
        return False
    return True


def test_everybody_follows_when_valkeys_port_stays_taken(up: Up) -> None:
    before = up.children
    credentials = Credentials.of(up.var)
    [valkey] = [
        pid for pid in processes.marked(credentials.id) if "valkey-server" in processes.command_of(pid)[0]
    ]
    with socket.socket() as thief:
        thief.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Who looks after it is held meanwhile, or the port would be Valkey's again at once.
        assert up.process
        up.process.send_signal(signal.SIGSTOP)
        os.kill(valkey, signal.SIGKILL)
        assert soon(lambda: takes(thief, credentials.valkey_port))
        thief.listen()
        up.process.send_signal(signal.SIGCONT)
        assert up.hear("web, worker and beat start again to follow it")

    now = embedded.environment(up.var)["VALKEY_URL"]
    assert now != credentials.valkey_url
    assert soon(lambda: len(up.children) == 3 and not set(up.children.values()) & set(before.values()))
    assert {environment_of(pid)["VALKEY_URL"] for pid in up.children.values()} == {now}
    assert soon(up.answers)


def test_after_kill_9_the_next_start_recovers_by_itself(up: Up) -> None:
    assert up.process
    up.process.kill()
    up.process.wait()

    up.start()

    assert up.answers()
    assert sorted(up.children) == ["beat", "web", "worker"]


def test_sigterm_ends_everything_within_ten_seconds(up: Up) -> None:
    assert up.process
    began = time.monotonic()
    up.process.terminate()

    assert up.hear("Stopped.")
    assert up.process.wait(10) == 0
    assert time.monotonic() - began < 10
    assert up.left() == set()
    home = Home.of(up.var, Credentials.of(up.var))
    assert not (home.postgres / "postmaster.pid").exists()
    assert "database system is shut down" in (up.var / "log/postgres.log").read_text().splitlines()[-1]
