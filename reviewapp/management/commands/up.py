"""`manage.py up`: everything reviewapp needs on one machine, or one of its processes alone."""

import fcntl
import http.client
import os
import shutil
import signal
import socket
import sys
import time
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import django
from django.conf import settings
from django.core.management import CommandError, call_command
from django.core.management.base import BaseCommand
from django.db import OperationalError, connections

from reviewapp import embedded
from reviewapp.embedded import CannotStart, processes
from reviewapp.embedded.credentials import port_taken
from reviewapp.embedded.services import running
from reviewapp.embedded.waiting import Waiting
from reviewapp.processes import children, restarting
from reviewapp.processes.apart import Apart
from reviewapp.processes.demonstrate import Demo
from reviewapp.processes.look_after import LookAfter
from reviewapp.processes.supervise import Child, Stopped, Supervisor
from reviewapp.web import static_files

PRODUCT = ("web", "worker", "beat")
ALL_GONE = 19.5  # seconds after we are told to stop
PATIENCE = 16.5  # of these for the children, of whom workers take STOP_SECONDS; the rest is the services'
READY_WITHIN = 120.0  # seconds that a process which replaces another may take to start
ANSWERS_WITHIN = 10.0  # seconds, on a machine that is very slow
BACKLOG = 1024  # connections that wait while no web process takes them
DEATHS = 3  # of the web process before it ever answered: then it never will


class Command(BaseCommand):
    """Outlives every start, and loads no apps: what needs them is done in processes that end (`Apart`)."""

    help = (
        "Start reviewapp: embedded services where DATABASE_URL is not set, migrations, web, worker and beat. "
        "With --only, run one process in the foreground and leave everything else to you."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--only", choices=children.COMMANDS, help="run this process alone, logging to stdout"
        )
        parser.add_argument("--port", type=int, default=os.environ.get("PORT", "8000"))
        parser.add_argument(
            "--host", default=os.environ.get("HOST", "127.0.0.1"), help="address to listen on"
        )
        parser.add_argument("--verbose", action="store_true", help="show everything the processes say")

    def handle(self, *args: Any, **options: Any) -> None:
        os.umask(0o077)  # whatever we and our children write is ours alone
        try:
            if options["only"]:
                self._alone(options["only"], options["host"], options["port"])
            else:
                Start(self._say, options["host"], options["port"], verbose=options["verbose"]).run()
        except CannotStart as problem:
            raise CommandError(str(problem)) from None
        except OperationalError as problem:
            raise CommandError(f"The database does not answer: {_first_line(problem)}") from None

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()

    def _alone(self, name: str, host: str, port: int) -> None:
        """Become that process: whoever supervises us supervises it."""
        var = settings.VAR_DIR.resolve()
        if embedded.in_use() and not running(var):
            raise CommandError(
                "The embedded services are not running: start `manage.py up` first, "
                "or set DATABASE_URL, VALKEY_URL and SECRET_KEY."
            )
        if name in {"web", "api"}:
            _check_port(host, port)
            django.setup()
            static_files.collect()
        metrics = _own_metrics(var / "metrics", name)
        environment = children.environment(name, port=port, metrics=metrics)
        os.chdir(settings.BASE_DIR)
        os.execve(sys.executable, children.COMMANDS[name](host, port), environment)  # noqa: S606


class Start:
    """One start of everything, from the first check to the last child's end."""

    def __init__(self, say: Callable[[str], None], host: str, port: int, *, verbose: bool) -> None:
        self.say = say
        self.host = host
        self.port = port
        self.var: Path = settings.VAR_DIR.resolve()
        self.began = time.monotonic()
        self.care: LookAfter | None = None
        self.preparing: Apart[None] | None = None
        self.demo: Demo | None = None
        self.logins = ""
        self.socket: socket.socket | None = None
        self.renewal_is_asked = False
        self.supervisor = Supervisor(
            mark=f"up {self.var}",
            folder=settings.BASE_DIR,
            logs=self.var / "log",
            say=self._say_aside,
            verbose=verbose,
            look_after=self._look_after_services,
        )

    def run(self) -> None:
        with ExitStack() as stack:
            stack.enter_context(_claimed(self.var))
            self.supervisor.listen()
            try:
                self._end_leftovers()
                _check_port(self.host, self.port)
                stack.callback(self._stop)
                self._prepare()
                self._start_children()
                self._start_demo()  # while the children are loading
                self._wait_for_answer()
                self._announce()
                signal.signal(restarting.SIGNAL, self._ask_to_renew)
                self.supervisor.run(self._renew_if_asked)
            except Stopped:
                pass
            self.say("Stopping …")
        self.say("Stopped.")

    # --- Before the children ----------------------------------------------------------------

    def _end_leftovers(self) -> None:
        """Whoever started them is dead, or it would hold the claim."""
        left = processes.marked(self.supervisor.mark)
        if left:
            self.say(f"Ending {len(left)} processes that an earlier run left behind.")
            processes.end(left, (signal.SIGTERM, 1), (signal.SIGKILL, 2))

    def _prepare(self) -> None:
        self.preparing = Apart(self._prepare_apart)  # while the services start
        try:
            owner = self._start_services() if embedded.in_use() else ""
            self.preparing.tell(owner)
            self.preparing.result(self.supervisor.breathe)
        finally:
            self.preparing.end()

    def _prepare_apart(self, told: Connection) -> None:
        django.setup()
        with self._step("Static files"):
            static_files.collect()
        if owner := told.recv():
            connections["owner"].settings_dict["PASSWORD"] = owner
        with self._step("Database up to date"):
            call_command("migrate", verbosity=0, interactive=False)
        if owner:
            _lock_out_the_owner()

    def _start_services(self) -> str:
        """Start PostgreSQL and Valkey; returns the password of the tables' owner."""
        with self._step("PostgreSQL and Valkey"):
            services = embedded.start(self.var, say=self._say_aside, pause=self.supervisor.breathe)
        self.care = LookAfter(services, say=self._say_aside, moved=self._move_with_valkey)
        if not services.ours:
            raise CannotStart(f"Another process runs the services of {self.var}: stop it first.")
        if services.environment["VALKEY_URL"] != settings.VALKEY_URL:
            # The settings know only the old address.
            self._say_aside("Valkey's port was taken, so it moved to another; starting again with it.")
            services.stop()
            if self.preparing:
                self.preparing.end()
            os.execve(sys.executable, sys.orig_argv, embedded.own_environment())  # noqa: S606
        return services.postgres.privileged.owner

    def _move_with_valkey(self, url: str) -> None:
        """Valkey runs elsewhere: whoever talks to it starts again with the new address."""
        os.environ["VALKEY_URL"] = url
        self._say_aside("Valkey moved to another port; web, worker and beat start again to follow it.")
        for child in self.supervisor.children:
            if child.name in PRODUCT:
                child.environment["VALKEY_URL"] = url
                self.supervisor.restart(child, patience=PATIENCE)

    @contextmanager
    def _step(self, title: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        self.say(f"  {title:<24}{time.monotonic() - began:5.1f} s")

    # --- The children -----------------------------------------------------------------------

    def _start_children(self) -> None:
        if settings.DEMO:
            self.demo = Demo(self.var)
        self.socket = _listening(self.host, self.port)
        metrics = self.var / "metrics" / "up"
        shutil.rmtree(metrics, ignore_errors=True)
        for name in PRODUCT:
            environment = children.environment(name, port=self.port, metrics=metrics)
            if self.demo:
                environment["EGRESS_ALLOW"] = self.demo.reachable
            child = Child(name, self._command(name), environment, ready=children.READY[name], wave=2)
            if name == "web":
                child.wave, child.sockets = 1, [self.socket.fileno()]
                environment[children.SOCKET] = str(self.socket.fileno())
            self.supervisor.start(child)

    def _command(self, name: str) -> list[str]:
        return children.COMMANDS[name](self.host, self.port)

    # --- One after the other ----------------------------------------------------------------

    def _ask_to_renew(self, *_: Any) -> None:
        self.renewal_is_asked = True

    def _renew_if_asked(self) -> None:
        if self.renewal_is_asked:
            self.renewal_is_asked = False
            restarting.say(self.var, self._renewed())

    def _renewed(self) -> str:
        """Start each process anew before its predecessor ends; what is said when it is done, or not."""
        self._say_aside("Restarting web, worker and beat, one after the other.")
        for child in [one for one in self.supervisor.children if one.name in PRODUCT]:
            command = self._command(child.name)
            if not self.supervisor.replace(child, command, within=READY_WITHIN, patience=PATIENCE):
                log = self.var / "log" / f"{child.name}.log"
                problem = f"The new {child.name} did not get ready, so the old one goes on; see {log}."
                self._say_aside(problem)
                return problem
        self._say_aside("Restarted.")
        return ""

    def _start_demo(self) -> None:
        if self.demo is None:
            return
        setting_up = Apart(self.demo.set_up)
        try:
            with self._step("Demo accounts and agents"):
                self.logins = setting_up.result(self.supervisor.breathe)
        finally:
            setting_up.end()
        url = f"http://{_reachable(self.host)}:{self.port}"
        for name, command in self.demo.commands(url).items():
            self.supervisor.start(Child(name, command, self.demo.environment(), wave=1))

    def _wait_for_answer(self) -> None:
        """However long it takes on a slow machine, unless the web process keeps dying."""
        waiting = Waiting("the web process to answer", say=self._say_aside, pause=lambda _: None)
        log = f"see {self.var}/log/web.log"

        def tell() -> None:
            waiting.on(0, because=log)
            if any(child.name == "web" and child.deaths >= DEATHS for child in self.supervisor.children):
                raise CannotStart(f"The web process ended {DEATHS} times before it answered; {log}.")

        with self._step("Web, worker and beat"):
            self.supervisor.wait(self._answers, meanwhile=tell)

    def _answers(self) -> bool:
        address = _reachable(self.host)
        connection = http.client.HTTPConnection(address, self.port, timeout=ANSWERS_WITHIN)
        try:
            connection.request("GET", "/healthz", headers={"Host": "localhost"})
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def _announce(self) -> None:
        self.say(
            f"\nreviewapp is up after {time.monotonic() - self.began:.1f} s: {children.public_url(self.port)}"
        )
        if self.logins:
            self.say(f"\n{self.logins}")
        self.say(f"\nCtrl-C stops it. Logs are in {self.var / 'log'}.")

    def _say_aside(self, line: str) -> None:
        self.say(f"  {line}")

    def _look_after_services(self) -> None:
        if self.care:
            self.care.look()

    def _stop(self) -> None:
        deadline = time.monotonic() + ALL_GONE
        if self.socket:
            self.socket.close()  # from here on nobody new is to wait for us
        self.supervisor.stop(patience=PATIENCE)
        if self.care:
            self.care.services.stop(deadline - time.monotonic())


def _lock_out_the_owner() -> None:
    """From here on nobody can be the owner of the tables, until the next start makes a password anew."""
    with connections["owner"].cursor() as cursor:
        cursor.execute("ALTER ROLE CURRENT_USER PASSWORD NULL")


def _check_port(host: str, port: int) -> None:
    if not 0 < port < 65536:
        raise CannotStart(f"{port} is not a port: give one between 1 and 65535 with --port or PORT.")
    if port_taken(host, port):
        raise CannotStart(
            f"Port {port} of {host} is taken: stop what uses it, or choose another with --port or PORT."
        )


def _listening(host: str, port: int) -> socket.socket:
    """The socket that web processes share, one after the other: nobody who connects finds none."""
    _check_port(host, port)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    both = family == socket.AF_INET6 and socket.has_dualstack_ipv6()  # `::` is every address there is
    try:
        shared = socket.create_server((host, port), family=family, backlog=BACKLOG, dualstack_ipv6=both)
    except OSError as problem:
        raise CannotStart(f"Nobody can listen on port {port} of {host}: {problem.strerror}.") from None
    shared.setblocking(False)  # of two that hear of one connection, the slower one must not wait for the next
    return shared


def _reachable(host: str) -> str:
    """Where a server that listens on `host` is asked from here."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104


@contextmanager
def _claimed(var: Path) -> Iterator[None]:
    """Be the only `up` of this `var`, for as long as we live."""
    var.mkdir(mode=0o700, parents=True, exist_ok=True)
    var.chmod(0o700)  # whatever an older version left in it
    with (var / restarting.LOCK).open("a+") as claim:
        try:
            fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            claim.seek(0)
            raise CannotStart(
                f"reviewapp is already running on {var} (process {claim.read().strip()})."
            ) from None
        claim.truncate(0)
        claim.write(str(os.getpid()))
        claim.flush()
        yield


def _own_metrics(folder: Path, name: str) -> Path:
    """A folder for this process's metrics; those of processes that are gone are removed."""
    for old in folder.glob("*-[0-9]*"):
        if not processes.running(int(old.name.rpartition("-")[2])):
            shutil.rmtree(old, ignore_errors=True)
    return folder / f"{name}-{os.getpid()}"


def _first_line(problem: Exception) -> str:
    return str(problem).strip().partition("\n")[0]
