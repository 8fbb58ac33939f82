"""Both services of one `var`, started and stopped together by whoever holds their lock."""

import fcntl
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from reviewapp.embedded import processes
from reviewapp.embedded.credentials import (
    FILE,
    OWNER,
    SUPERUSER,
    CannotStart,
    Credentials,
    Privileged,
    address,
)
from reviewapp.embedded.home import Home, installed_programs
from reviewapp.embedded.postgres import Postgres
from reviewapp.embedded.valkey import Valkey
from reviewapp.embedded.waiting import Pause, Say, Waiting

LONGEST_WAIT = 300.0  # seconds, for another process that still uses the services
LOG_BYTES = 10 * 1024 * 1024


Service = Postgres | Valkey


@dataclass
class Services:
    """Running services. `ours` says whether we started them, and so may stop them."""

    postgres: Postgres
    valkey: Valkey
    lock: int | None
    use: int | None = None

    @property
    def ours(self) -> bool:
        return self.lock is not None

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs in its environment to use them."""
        return self.valkey.credentials.environment(self.postgres.home.sockets)

    @property
    def owner_url(self) -> str:
        """For migrating; only whoever started them knows the owner's password."""
        postgres = self.postgres
        return address(OWNER, postgres.privileged.owner, postgres.home.sockets)

    @property
    def superuser_url(self) -> str:
        """For making test databases; lets in whoever started them with a password for the superuser."""
        postgres = self.postgres
        return address(SUPERUSER, postgres.privileged.superuser, postgres.home.sockets)

    def fallen(self) -> list[Service]:
        """Those of our services that ended without being asked to."""
        both: tuple[Service, Service] = (self.valkey, self.postgres)
        return [one for one in both if self.ours and one.fallen]

    def stop(self, seconds: float | None = None) -> None:
        """Stop what we started, once nobody else uses it; safe to call twice.

        Given `seconds`, it waits for no one and is done in that time: cleanly if
        it can be, else as if the power went.
        """
        _let_go(self.use)
        self.use = None
        if self.lock is None:
            return
        if seconds is None:
            _wait_for_the_others(self.postgres.home)
        deadline = time.monotonic() + (seconds or 10.0)
        self.postgres.ask_to_stop()
        self.valkey.stop(deadline - time.monotonic() - 1)
        self.postgres.stop(deadline - time.monotonic() - 1)
        _let_go(self.lock)
        self.lock = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def start(var_dir: Path, *, say: Say, pause: Pause, privileged: Privileged) -> Services:
    credentials = Credentials.of(var_dir)
    home = Home.of(var_dir, credentials)
    account = home.make(say=say)
    lock = _take_or_wait(home, say=say, pause=pause)
    if lock is None:
        services = _attached(var_dir, privileged)
        services.use = _use(home)
        return services
    try:
        _end_leftovers(credentials)
        credentials.keep_nothing_else(home.var)
        programs = home.programs(account)
        logs = _logs(home)
        postgres, valkey = logs / "postgres.log", logs / "valkey.log"
        services = Services(
            Postgres(home, programs, account, credentials, postgres, privileged, say, pause),
            Valkey(home, programs, account, credentials, valkey, say, pause),
            lock,
        )
        services.postgres.start()
        try:
            services.valkey.start()
        except BaseException:
            services.postgres.stop()
            raise
    except BaseException:
        os.close(lock)
        raise
    return services


def running(var_dir: Path) -> bool:
    """Do the services of this `var` answer?"""
    services = _attached(var_dir)
    return services.valkey.answers() and services.postgres.answers()


def erase(var_dir: Path) -> None:
    if not (var_dir / FILE).exists():
        return
    home = Home.of(var_dir, Credentials.of(var_dir))
    if home.folder.exists():
        lock = _take(home)
        if lock is None:
            raise CannotStart(f"The services of {home.var} are running: stop them first.")
        _end_leftovers(Credentials.of(var_dir))
        home.erase()
        os.close(lock)
    (var_dir / FILE).unlink()


def _attached(var_dir: Path, privileged: Privileged | None = None) -> Services:
    """A handle on services that another process runs."""
    credentials = Credentials.of(var_dir)
    home, programs, log = Home.of(var_dir, credentials), installed_programs(), Path(os.devnull)
    unknown = privileged or Privileged(owner="")
    return Services(
        Postgres(home, programs, None, credentials, log, unknown),
        Valkey(home, programs, None, credentials, log),
        None,
    )


def _take_or_wait(home: Home, *, say: Say, pause: Pause) -> int | None:
    """The lock of the services, or None once another living process runs them."""
    waiting = Waiting("the services to answer", say=say, pause=pause)
    while True:
        lock = _take(home)
        if lock is not None or running(home.var):
            return lock
        waiting.on(0.1, because=f"process {home.lock.read_text().strip()} starts them")


def _take(home: Home) -> int | None:
    """The lock, held until we close it or die. It says who has it, for people."""
    lock = os.open(home.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    os.ftruncate(lock, 0)
    os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
    return lock


def _use(home: Home) -> int:
    """A note that we use the services, taken back when it is closed or we die."""
    note = os.open(home.users, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(note, fcntl.LOCK_SH)
    return note


def _wait_for_the_others(home: Home) -> None:
    deadline = time.monotonic() + LONGEST_WAIT
    note = os.open(home.users, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    while time.monotonic() < deadline:
        try:
            fcntl.flock(note, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(0.1)
        else:
            break
    os.close(note)


def _let_go(lock: int | None) -> None:
    if lock is not None:
        os.close(lock)


def _end_leftovers(credentials: Credentials) -> None:
    """Whoever started them is dead, or it would hold the lock. PostgreSQL ends its own, in its own way."""
    left = {pid for pid in processes.marked(credentials.id) if "valkey" in processes.command_of(pid)[0]}
    processes.end(left, (signal.SIGTERM, 5), (signal.SIGKILL, 1))


def _logs(home: Home) -> Path:
    folder = home.var / "log"
    folder.mkdir(mode=0o700, exist_ok=True)
    folder.chmod(0o700)
    for file in folder.iterdir():  # an older version let others read them
        file.chmod(0o600)
    for file in (folder / "postgres.log", folder / "valkey.log"):
        if file.exists() and file.stat().st_size > LOG_BYTES:
            file.replace(file.with_suffix(".log.1"))
    return folder
