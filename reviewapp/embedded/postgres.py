"""The embedded PostgreSQL: one cluster, one database, two roles besides the superuser.

Roles and database are made and passwords set before the server starts, by PostgreSQL's single-user mode.
So nobody ever has to log in as superuser, and the superuser has no password.
"""

import os
import re
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import psycopg

from reviewapp.embedded import processes
from reviewapp.embedded.credentials import (
    APPLICATION,
    DATABASE,
    OWNER,
    SUPERUSER,
    CannotStart,
    Credentials,
    Privileged,
)
from reviewapp.embedded.home import Account, Home, Programs, private_log, temporary_folder
from reviewapp.embedded.waiting import Pause, Say, Waiting

# Durability is left as PostgreSQL has it: fsync and synchronous_commit are on.
_CONFIGURATION = """\
# Written at every start; put changes into {extra}
hba_file = '{hba}'
listen_addresses = ''
unix_socket_directories = '{sockets}'
unix_socket_permissions = 0700
password_encryption = 'scram-sha-256'
max_connections = 120
shared_buffers = '256MB'
effective_cache_size = '1GB'
max_wal_size = '1GB'
min_wal_size = '160MB'
wal_compression = on
random_page_cost = 1.1
jit = off
timezone = 'UTC'
log_timezone = 'UTC'
log_checkpoints = off
log_line_prefix = '%m [%p] %q%u %a '
# Nothing of what was stored or sent stands in the log: neither statements nor the rows they failed for.
log_statement = 'none'
log_min_duration_statement = -1
log_min_error_statement = 'panic'
log_error_verbosity = 'terse'
log_parameter_max_length = 0
log_parameter_max_length_on_error = 0
include = '{extra}'
"""
_WHO_MAY_CONNECT = "local all all scram-sha-256\n"

# One statement a line. What is there already stays, and is complained of to nobody. "Invalid input …"
# quotes what was sent, so the roles' errors are told by the application alone.
_ROLE = """\
DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{0}') \
THEN CREATE ROLE {0}; END IF; END $$"""
_PREPARE = f"""\
{_ROLE.format(OWNER)}
{_ROLE.format(APPLICATION)}
ALTER ROLE {OWNER} LOGIN PASSWORD {{owner}}
ALTER ROLE {APPLICATION} LOGIN PASSWORD {{application}}
ALTER ROLE {SUPERUSER} PASSWORD {{superuser}}
ALTER ROLE {OWNER} SET log_min_messages = 'fatal'
ALTER ROLE {APPLICATION} SET log_min_messages = 'fatal'
CREATE DATABASE {DATABASE} OWNER {OWNER}
REVOKE ALL ON DATABASE {DATABASE} FROM PUBLIC
GRANT CONNECT ON DATABASE {DATABASE} TO {APPLICATION}
"""
_THERE_ALREADY = f'database "{DATABASE}" already exists'


@dataclass
class Postgres:
    """PostgreSQL of one home; a child process of ours once it is started."""

    home: Home
    programs: Programs
    account: Account | None
    credentials: Credentials
    log: Path
    privileged: Privileged = field(default_factory=Privileged)
    say: Say = print
    pause: Pause = time.sleep
    process: subprocess.Popen[bytes] | None = None
    name: ClassVar[str] = "PostgreSQL"

    def start(self) -> None:
        """Start it, with its roles and database; returns when it answers, however long it recovers."""
        self._end_leftover()
        if not self.home.postgres.exists():
            self._make_cluster()
        self._check_version()
        self._configure()
        self._prepare()
        self._run_server()

    def start_again(self) -> None:
        """Start after an unasked end, with the passwords that it has."""
        self._end_leftover()
        self._run_server()

    def _run_server(self) -> None:
        self._launch()
        try:
            self._wait()
        except BaseException:
            self.stop()
            raise

    def ask_to_stop(self) -> None:
        """Fast shutdown: open transactions are rolled back, and nothing is left to recover."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)

    def stop(self, seconds: float = 9.0) -> None:
        if self.process and self.process.poll() is None:
            quickly, at_once = (signal.SIGQUIT, 0.7), (signal.SIGKILL, 0.3)
            processes.end([self.process.pid], (signal.SIGINT, seconds), quickly, at_once)
            self.process.wait()

    @property
    def fallen(self) -> bool:
        """Did it end without being asked to?"""
        return self.process is not None and self.process.poll() is not None

    def answers(self) -> bool:
        try:
            self._connect().close()
        except psycopg.OperationalError:
            return False
        return True

    # --- Before the start -------------------------------------------------------------------

    def _end_leftover(self) -> None:
        """Stop the PostgreSQL that a killed supervisor left behind, or forget a number that isn't one."""
        for file in (self.home.postgres / "postmaster.pid", *self.home.sockets.glob(".s.PGSQL.*.lock")):
            try:
                # Single-user mode writes its number with a minus.
                pid = abs(int(file.read_text().split()[0]))
            except (FileNotFoundError, IndexError, ValueError):
                continue
            command = processes.command_of(pid) if processes.running(pid) else ["gone"]
            if str(self.home.postgres) in command:
                processes.end([pid], (signal.SIGINT, 10), (signal.SIGQUIT, 5), (signal.SIGKILL, 1))
            elif command:
                # PostgreSQL takes any process with this number for its own.
                file.unlink(missing_ok=True)

    def _make_cluster(self) -> None:
        # Made aside and moved into place whole, so that a start which is cut short leaves nothing half made.
        for draft in self.home.folder.glob("new-*"):
            shutil.rmtree(draft)
        workshop = temporary_folder("new-", self.home.folder, self.account)
        status, said = self._run(
            "PostgreSQL to make its data folder",
            self.programs.postgres / "bin" / "initdb",
            f"--pgdata={workshop / 'data'}",
            f"--username={SUPERUSER}",
            "--auth=reject",  # of a file that is not used
            "--encoding=UTF8",
            "--locale=C",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
        )
        if status:
            raise CannotStart(f"PostgreSQL can't make its data folder: {_cause(said)}")
        (workshop / "data").rename(self.home.postgres)
        shutil.rmtree(workshop)

    def _run(self, what: str, *command: str | Path, given: str = "") -> tuple[int, str]:
        """Run one of PostgreSQL's programs to its end; returns its status and all that it said."""
        waiting, text = Waiting(what, say=self.say, pause=self.pause), given or None
        with subprocess.Popen(  # noqa: S603
            [str(part) for part in command],
            env=_environment(),
            cwd=self.home.folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            **processes.as_account(self.account),  # type: ignore[call-overload]
        ) as process:
            try:
                while True:
                    try:
                        said, _ = process.communicate(text, timeout=0.1)
                        return process.returncode, said
                    except subprocess.TimeoutExpired:
                        text = None  # it was handed over
                        waiting.on(0)
            except BaseException:
                process.kill()
                raise

    def _check_version(self) -> None:
        file = self.home.postgres / "PG_VERSION"
        found = file.read_text().strip() if file.exists() else "an unknown version"
        if found != str(self.programs.major):
            raise CannotStart(
                f"The data in {self.home.postgres} is from PostgreSQL {found}, but this is PostgreSQL "
                f"{self.programs.major}: move it with pg_upgrade, or set VAR_DIR to another folder."
            )

    def _configure(self) -> None:
        hba, extra = self.home.folder / "pg_hba.conf", self.home.folder / "postgresql.extra.conf"
        values = {"hba": hba, "sockets": self.home.sockets, "extra": extra}
        quoted = {name: str(path).replace("'", "''") for name, path in values.items()}
        if not extra.exists():
            _write(extra, "# Yours: kept, and read last.\n")
        _write(hba, _WHO_MAY_CONNECT)
        _write(self._file, _CONFIGURATION.format_map(quoted))

    @property
    def _file(self) -> Path:
        return self.home.folder / "postgresql.conf"

    def _prepare(self) -> None:
        """Roles and database, whatever of them is not there yet, and this start's passwords."""
        passwords = {
            "owner": self.privileged.owner,
            "application": self.credentials.application_password,
            "superuser": self.privileged.superuser,
        }
        status, said = self._run(
            "PostgreSQL to look after its data",
            self.programs.postgres / "bin" / "postgres",
            "--single",
            *("-D", self.home.postgres),
            *("-c", f"config_file={self._file}"),
            # A password that is in a statement that fails goes to no log.
            *("-c", "log_min_error_statement=panic"),
            "postgres",
            given=_PREPARE.format(**{name: _quoted(value) for name, value in passwords.items()}),
        )
        said = "\n".join(line for line in said.splitlines() if _THERE_ALREADY not in line)
        if status or re.search(r"FATAL|PANIC|ERROR", said):
            raise CannotStart(f"PostgreSQL can't be prepared: {_cause(said)}")

    # --- The start --------------------------------------------------------------------------

    def _launch(self) -> None:
        with private_log(self.log) as log:
            self._log_from = log.tell()
            self.process = processes.spawn(
                [
                    self.programs.postgres / "bin" / "postgres",
                    *("-D", self.home.postgres),
                    *("-c", f"config_file={self._file}"),
                ],
                mark=self.credentials.id,
                environment=_environment(),
                folder=self.home.folder,
                output=log,
                on_our_death=signal.SIGINT,
                account=self.account,
            )

    def _wait(self) -> None:
        waiting = Waiting("PostgreSQL", say=self.say, pause=self.pause)
        while True:
            try:
                return self._connect().close()
            except psycopg.OperationalError as problem:
                said = _cause(str(problem))
            if "password authentication failed" in said:
                raise CannotStart(
                    f"The passwords in {self.home.var}/services.json are not those of the data "
                    f"in {self.home.postgres}."
                )
            if self.fallen:
                raise CannotStart(f"PostgreSQL did not start: {self._why()} (more in {self.log})")
            waiting.on(0.03, because=said)

    def _why(self) -> str:
        """Why it ended; what it told callers meanwhile is not that."""
        if self.process and self.process.returncode < 0:
            return f"it was ended by signal {-self.process.returncode}"
        return _cause(self._said())

    def _said(self) -> str:
        with self.log.open("rb") as log:
            log.seek(self._log_from)
            return log.read(100_000).decode(errors="replace")

    def _connect(self) -> psycopg.Connection:
        url = self.credentials.database_url(self.home.sockets)
        return psycopg.connect(url, autocommit=True, connect_timeout=10)


def _quoted(password: str) -> str:
    return "'" + password.replace("'", "''") + "'" if password else "NULL"


def _environment() -> dict[str, str]:
    """Nothing of ours: no secret of this process reaches the server."""
    return {"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}


def _write(file: Path, text: str) -> None:
    """Readable by the group, which as root is the services' user, and by nobody else."""
    file.touch(mode=0o640)
    file.write_text(text)
    if os.geteuid() == 0:
        os.chown(file, 0, file.parent.stat().st_gid)
        file.chmod(0o640)


def _cause(output: str) -> str:
    """The line of the server's output that says why it gave up."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    telling = [line for line in lines if re.search(r"FATAL|PANIC|error:|ERROR", line)]
    return re.sub(r"^.*?(FATAL|PANIC|ERROR|error):\s*", "", (telling or lines or ["it said nothing"])[-1])
