"""The embedded PostgreSQL: one cluster, one database, two roles besides the superuser."""

import os
import re
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from reviewapp.embedded import processes
from reviewapp.embedded.credentials import APPLICATION, DATABASE, OWNER, SUPERUSER, CannotStart, Credentials
from reviewapp.embedded.home import Account, Home, Programs, temporary_folder

LONGEST_RECOVERY = 120.0  # seconds; replaying the log after a crash takes a while

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
include = '{extra}'
"""
_WHO_MAY_CONNECT = "local all all scram-sha-256\n"


@dataclass
class Postgres:
    """PostgreSQL of one home; a child process of ours once it is started."""

    home: Home
    programs: Programs
    account: Account | None
    credentials: Credentials
    log: Path
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._end_leftover()
        if not self.home.postgres.exists():
            self._make_cluster()
        self._check_version()
        self._configure()
        self._launch()
        try:
            self._wait()
            self._prepare()
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
            self._connect(DATABASE).close()
        except psycopg.OperationalError:
            return False
        return True

    # --- Before the start -------------------------------------------------------------------

    def _end_leftover(self) -> None:
        """Stop the PostgreSQL that a killed supervisor left behind, or forget a number that isn't one."""
        file = self.home.postgres / "postmaster.pid"
        try:
            pid = int(file.read_text().split()[0])
        except (FileNotFoundError, IndexError, ValueError):
            return
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
        password = workshop / "password"
        password.touch(mode=0o600)
        password.write_text(self.credentials.superuser_password)
        if self.account:
            os.chown(password, self.account.uid, self.account.gid)
        made = self._run(
            self.programs.postgres / "bin" / "initdb",
            f"--pgdata={workshop / 'data'}",
            f"--username={SUPERUSER}",
            f"--pwfile={password}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
        )
        if made.returncode:
            raise CannotStart(f"PostgreSQL can't make its data folder: {_cause(made.stdout)}")
        (workshop / "data").rename(self.home.postgres)
        shutil.rmtree(workshop)

    def _run(self, *command: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # noqa: S603
            [str(part) for part in command],
            env=_environment(),
            cwd=self.home.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            **processes.as_account(self.account),  # type: ignore[call-overload]
        )

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

    # --- The start --------------------------------------------------------------------------

    def _launch(self) -> None:
        with self.log.open("ab") as log:
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
        deadline = time.monotonic() + LONGEST_RECOVERY
        while True:
            try:
                return self._connect("postgres").close()
            except psycopg.OperationalError as problem:
                if "password authentication failed" in str(problem):
                    raise CannotStart(
                        f"The passwords in {self.home.var}/services.json are not those of the data "
                        f"in {self.home.postgres}."
                    ) from None
            if self.fallen:
                raise CannotStart(f"PostgreSQL did not start: {_cause(self._said())} (more in {self.log})")
            if time.monotonic() > deadline:
                raise CannotStart(f"PostgreSQL did not answer in {LONGEST_RECOVERY:.0f} s; see {self.log}.")
            time.sleep(0.03)

    def _said(self) -> str:
        with self.log.open("rb") as log:
            log.seek(self._log_from)
            return log.read(100_000).decode(errors="replace")

    def _connect(self, database: str) -> psycopg.Connection:
        url = self.credentials.database_url(SUPERUSER, self.home.sockets, database=database)
        return psycopg.connect(url, autocommit=True, connect_timeout=10)

    def _prepare(self) -> None:
        """Roles and database, whatever of them is not there yet."""
        passwords = {
            OWNER: self.credentials.owner_password,
            APPLICATION: self.credentials.application_password,
        }
        with self._connect("postgres") as connection:
            roles = {name for (name,) in connection.execute("SELECT rolname FROM pg_roles")}
            for role in passwords.keys() - roles:
                connection.execute(
                    sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(role), passwords[role])
                )
            made = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone()
            if not made:
                database, owner = sql.Identifier(DATABASE), sql.Identifier(OWNER)
                connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(database, owner))
            for grant in (
                "REVOKE ALL ON DATABASE {database} FROM PUBLIC",
                "GRANT CONNECT ON DATABASE {database} TO {application}",
            ):
                connection.execute(
                    sql.SQL(grant).format(
                        database=sql.Identifier(DATABASE), application=sql.Identifier(APPLICATION)
                    )
                )


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
