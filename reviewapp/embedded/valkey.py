"""The embedded Valkey: broker, channel layer and cache, kept on disk every second."""

import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import redis

from reviewapp.embedded import processes
from reviewapp.embedded.credentials import CannotStart, Credentials, port_taken
from reviewapp.embedded.home import Account, Home, Programs
from reviewapp.embedded.postgres import _write

_CONFIGURATION = """\
# Written at every start.
bind 127.0.0.1
port {port}
protected-mode yes
requirepass "{password}"
dir "{folder}"
appendonly yes
appendfsync everysec
save ""
maxmemory-policy noeviction
loglevel notice
# The start of a process's environment is where a killed supervisor's successor finds it again.
set-proc-title no
"""


@dataclass
class Valkey:
    """Valkey of one home; a child process of ours once it is started."""

    home: Home
    programs: Programs
    account: Account | None
    credentials: Credentials
    log: Path
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start on the known port, or on another where that is taken."""
        if port_taken("127.0.0.1", self.credentials.valkey_port):
            self.credentials = self.credentials.moved(self.home.var)
        self._configure()
        self._launch()
        try:
            self._wait()
        except BaseException:
            self.stop()
            raise

    def stop(self, seconds: float = 9.0) -> None:
        if self.process and self.process.poll() is None:
            processes.end([self.process.pid], (signal.SIGTERM, seconds), (signal.SIGKILL, 1))
            self.process.wait()

    @property
    def fallen(self) -> bool:
        """Did it end without being asked to?"""
        return self.process is not None and self.process.poll() is not None

    def answers(self) -> bool:
        with redis.Redis.from_url(self.credentials.valkey_url, socket_timeout=5) as client:
            try:
                return bool(client.ping())
            except (redis.ConnectionError, redis.TimeoutError, redis.ResponseError):
                return False  # silent, still loading, or somebody else's

    def _configure(self) -> None:
        _write(
            self._file,
            _CONFIGURATION.format(
                port=self.credentials.valkey_port,
                password=self.credentials.valkey_password,
                folder=str(self.home.valkey).replace("\\", "\\\\").replace('"', '\\"'),
            ),
        )

    @property
    def _file(self) -> Path:
        return self.home.folder / "valkey.conf"

    def _launch(self) -> None:
        with self.log.open("ab") as log:
            self.process = processes.spawn(
                [self.programs.valkey, self._file],
                mark=self.credentials.id,
                environment={"LC_ALL": "C", "TZ": "UTC"},
                folder=self.home.folder,
                output=log,
                on_our_death=signal.SIGTERM,
                account=self.account,
            )

    def _wait(self) -> None:
        deadline = time.monotonic() + 60
        while not self.answers():
            if self.fallen:
                raise CannotStart(f"Valkey did not start; see {self.log}.")
            if time.monotonic() > deadline:
                raise CannotStart(f"Valkey did not answer in 60 s; see {self.log}.")
            time.sleep(0.02)
