"""The system that is broken: `manage.py up` on a folder of its own, and a worker on a machine apart.

The second worker talks to the database through a wire that can be cut, and has a clock that can be moved.
Whatever of it dies is started again, as whoever runs it would.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from kombu import Connection, Exchange, Queue

from reviewapp import embedded
from reviewapp.embedded import processes
from reviewapp.embedded.credentials import Credentials, free_port
from reviewapp.embedded.home import Home
from reviewapp.processes import queues
from tests.faults.proxy import Proxy
from tests.rabbitmq import Node

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = "tests.faults.settings"
LEASE = 4  # seconds
HAND_BACK_LEASE = LEASE + 1  # of an agent
PASSED_ON = ("PATH", "HOME", "LANG")
AGAIN_AFTER = 0.5  # seconds, the second worker
STARTS_WITHIN = 180.0


class System:
    """Use it as a context: it is up inside, and nothing of it is left afterwards."""

    def __init__(
        self, folder: Path, shop: str, inbox: str, *, mutant: str = "", rabbitmq: bool = False
    ) -> None:
        self.folder, self.shop, self.inbox, self.mutant = folder, shop, inbox, mutant
        self.rabbitmq = Node(_made(folder / "rabbitmq")) if rabbitmq else None  # the broker; else Valkey is
        self.var = (folder / "var").resolve()
        self.port = free_port()
        self.clock, self.orders = folder / "clock", folder / "orders"
        self.said: list[str] = []
        self.up: subprocess.Popen[bytes] | None = None
        self.apart: subprocess.Popen[bytes] | None = None
        self.keys: dict[str, Any] = {}
        self._ready, self._migrated = threading.Event(), threading.Event()
        self._going = True

    # --- Start and end ----------------------------------------------------------------------

    def __enter__(self) -> System:
        self.var.mkdir(mode=0o700, parents=True)
        self.orders.mkdir()
        self.move_clock(0)
        try:
            if self.rabbitmq:
                _start_for_a_while(self.rabbitmq)
                self.rabbitmq.start()
            self._start_up()
            self._wait(self._migrated, "the database")
            self.wire = Proxy(self.home.sockets / ".s.PGSQL.5432")
            self.wire.__enter__()
            self._keeper = threading.Thread(target=self._keep_apart, daemon=True)
            self._keeper.start()
            self.keys = self._people()
            self._wait(self._ready, "the web process")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: Any) -> None:
        """As if the power went: nothing of it is needed any more."""
        self._going = False
        if self.up:
            self.up.kill()
            self.up.wait()
        marks = (self.mark, f"apart {self.var}", self.credentials.id)
        processes.end({pid for mark in marks for pid in processes.marked(mark)}, (signal.SIGKILL, 5.0))
        if hasattr(self, "wire"):
            self.wire.__exit__()
        if self.rabbitmq:
            self.rabbitmq.stop()
        embedded.erase(self.var)

    def start_again(self) -> None:
        """Start `up` once more, after it was killed."""
        self._start_up()
        self._wait(self._ready, "the web process")

    def _start_up(self) -> None:
        self._ready.clear()
        self.up = processes.spawn(
            [sys.executable, "manage.py", "up", "--port", str(self.port)],
            mark=f"faults {self.var}",
            environment=self.environment,
            folder=ROOT,
            output=subprocess.PIPE,
            on_our_death=signal.SIGTERM,
        )
        threading.Thread(target=self._listen, args=(self.up,), daemon=True).start()

    def _listen(self, up: subprocess.Popen[bytes]) -> None:
        for line in up.stdout or ():
            self.said.append(line.decode(errors="replace").rstrip())
            if b"Database up to date" in line:
                self._migrated.set()
            if b"Ctrl-C stops it" in line:
                self._ready.set()

    def _wait(self, event: threading.Event, what: str) -> None:
        until = time.monotonic() + STARTS_WITHIN
        while not event.wait(0.1):
            if (self.up and self.up.poll() is not None) or time.monotonic() > until:
                raise RuntimeError("\n".join([f"{what} did not start:", *self.said[-20:]]))

    def _people(self) -> dict[str, Any]:
        command = [sys.executable, "-m", "tests.faults.people", self.shop]
        done = subprocess.run(
            command, cwd=ROOT, env=self._whole_environment(), stdout=subprocess.PIPE, check=True
        )
        keys: dict[str, Any] = json.loads(done.stdout)
        return keys

    def fsck(self) -> list[dict[str, Any]]:
        """What `manage.py fsck` finds. Raises `RuntimeError` where it could not look."""
        command = [sys.executable, "manage.py", "fsck", "--json"]
        done = subprocess.run(command, cwd=ROOT, env=self._whole_environment(), capture_output=True)
        if done.returncode not in (0, 1):
            raise RuntimeError(done.stderr.decode(errors="replace"))
        return [json.loads(line) for line in done.stdout.splitlines()]

    # --- Environments -----------------------------------------------------------------------

    @property
    def environment(self) -> dict[str, str]:
        passed = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        return {
            **passed,
            "DJANGO_SETTINGS_MODULE": SETTINGS,
            "VAR_DIR": str(self.var),
            "DEMO": "0",
            "STATIC_UNHASHED": "1",
            "LOG_LEVEL": "WARNING",
            "RATE_LIMIT": "1000000/minute",
            "WEB_PROCESSES": "1",
            "WORKER_CONCURRENCY": "2",
            "EGRESS_ALLOW": self.shop,
            "CALLBACK_ALLOW": self.inbox,
            "FAULTS_LEASE": str(LEASE),
            "FAULTS_MUTANT": self.mutant,
            "FAULTS_ORDERS": str(self.orders),
            **({"CELERY_BROKER_URL": self.rabbitmq.url} if self.rabbitmq else {}),
        }

    def _whole_environment(self) -> dict[str, str]:
        """For a process that runs apart from `up`."""
        return {**self.environment, **self.services}

    @property
    def services(self) -> dict[str, str]:
        return {k: v for k, v in embedded.environment(self.var).items() if k != "DATABASE_OWNER_URL"}

    @property
    def broker(self) -> str:
        return self.rabbitmq.url if self.rabbitmq else self.credentials.valkey_url

    @property
    def credentials(self) -> Credentials:
        return Credentials.of(self.var)

    @property
    def home(self) -> Home:
        return Home.of(self.var, self.credentials)

    @property
    def database(self) -> str:
        """Where the application's role finds the database."""
        return self.credentials.database_url(self.home.sockets)

    # --- The worker on a machine apart --------------------------------------------------------

    def _keep_apart(self) -> None:
        while self._going:
            self._start_apart()
            if self.apart:
                self.apart.wait()
            time.sleep(AGAIN_AFTER)

    def _start_apart(self) -> None:
        password = self.credentials.application_password
        over_the_wire = f"postgres://reviewapp_app:{password}@127.0.0.1:{self.wire.port}/reviewapp"
        environment = {
            **self._whole_environment(),
            "DATABASE_URL": over_the_wire,
            "FAULTS_CLOCK": str(self.clock),
            "PYTHONPATH": str(ROOT / "tests" / "faults" / "clock"),
            "VAR_DIR": str(self.folder / "apart"),
        }
        with (self.folder / "apart.log").open("ab") as log:
            self.apart = processes.spawn(
                [sys.executable, "manage.py", "up", "--only", "worker"],
                mark=f"apart {self.var}",
                environment=environment,
                folder=ROOT,
                output=log,
                on_our_death=signal.SIGKILL,
            )

    def move_clock(self, seconds: float) -> None:
        """Set the clock of the worker apart so far ahead of what it is, or behind."""
        with self.clock.open("r+b" if self.clock.exists() else "wb") as file:
            file.write(struct.pack("d", seconds))

    # --- Who is there -------------------------------------------------------------------------

    @property
    def mark(self) -> str:
        return f"up {self.var}"

    def child(self, name: str) -> int | None:
        """The process of this name that `up` started, if it lives."""
        return next(
            (pid for pid in self._children() if _environment_of(pid).get("PROCESS_NAME") == name), None
        )

    def _children(self) -> Iterator[int]:
        above = self.up.pid if self.up else 0
        return (pid for pid in processes.marked(self.mark) if _parent_of(pid) == above)

    def workers(self) -> list[int]:
        """The heads of the workers that live: of `up`, and apart."""
        apart = self.apart.pid if self.apart and self.apart.poll() is None else None
        return [pid for pid in (self.child("worker"), apart) if pid]

    def postgres(self) -> int | None:
        """Its head; none where the number in its file is that of one that has gone, and may be anybody's."""
        with contextlib.suppress(OSError, ValueError, IndexError):
            pid = int((self.home.postgres / "postmaster.pid").read_text().split()[0])
            return pid if str(self.home.postgres) in processes.command_of(pid) else None
        return None

    def valkey(self) -> int | None:
        marked = processes.marked(self.credentials.id)
        return next((pid for pid in marked if "valkey-server" in processes.command_of(pid)[0]), None)


def _start_for_a_while(node: Node) -> None:
    """Long enough that its queues are on disk. RabbitMQ 3.10 that is killed within minutes after it first had
    a queue comes back with no leader for it, and lets everybody wait for one."""
    node.start()
    with Connection(node.url) as connection:
        for name in queues.ORDER:
            queue = Queue(name, Exchange(name), routing_key=name, queue_arguments=queues.arguments(node.url))
            queue(connection.default_channel).declare()
    node.stop()


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def pool_of(head: int) -> list[int]:
    """The processes of a worker that carry tasks out."""
    everybody = [int(entry.name) for entry in Path("/proc").glob("[0-9]*")]
    return [pid for pid in everybody if _parent_of(pid) == head]


def group_of(head: int) -> list[int]:
    return [head, *pool_of(head)]


def _parent_of(pid: int) -> int:
    with contextlib.suppress(OSError, IndexError):
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return 0


def _environment_of(pid: int) -> dict[str, str]:
    with contextlib.suppress(OSError):
        lines = Path(f"/proc/{pid}/environ").read_text(errors="replace").split("\0")
        return dict(line.split("=", 1) for line in lines if "=" in line)
    return {}


def until(condition: Callable[[], Any], *, seconds: float, every: float = 0.05) -> Any:
    """What the condition returns once it is true; False when it takes longer."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > end:
            return False
        time.sleep(every)
    return found
