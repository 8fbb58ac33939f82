"""The embedded Valkey: broker, channel layer and cache, kept on disk every second."""

import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from reviewapp.embedded import processes
from reviewapp.embedded.credentials import CannotStart, Credentials, port_taken
from reviewapp.embedded.home import Account, Home, Programs, private_log
from reviewapp.embedded.postgres import _write
from reviewapp.embedded.waiting import Pause, Say, Waiting

HOLD_ON = 10.0  # seconds in which whoever took our port while we were down may give it back

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
    say: Say = print
    pause: Pause = time.sleep
    process: subprocess.Popen[bytes] | None = None
    name: ClassVar[str] = "Valkey"

    def start(self, *, hold_on: float = 0.0) -> None:
        """Start on the known port, or on another where that stays taken for `hold_on` seconds."""
        if not self._port_is_free(hold_on):
            self.credentials = self.credentials.moved(self.home.var)
        self._configure()
        self._launch()
        try:
            self._wait()
        except BaseException:
            self.stop()
            raise

    def start_again(self) -> None:
        """Start after an unasked end: who uses it knows the port, so that is waited for a while."""
        self.start(hold_on=HOLD_ON)

    def stop(self, seconds: float = 9.0) -> None:
        if self.process and self.process.poll() is None:
            processes.end([self.process.pid], (signal.SIGTERM, seconds), (signal.SIGKILL, 1))
            self.process.wait()

    @property
    def fallen(self) -> bool:
        """Did it end without being asked to?"""
        return self.process is not None and self.process.poll() is not None

    def answers(self) -> bool:
        """Asked without a client library, which the supervisor would hold for as long as it lives: 6 MB."""
        good = b"+OK\r\n+PONG\r\n"
        try:
            with socket.create_connection(("127.0.0.1", self.credentials.valkey_port), timeout=5) as asked:
                asked.sendall(f"AUTH {self.credentials.valkey_password}\r\nPING\r\n".encode())
                return asked.makefile("rb").read(len(good)) == good
        except OSError:
            return False  # silent, still loading, or somebody else's

    def _port_is_free(self, hold_on: float) -> bool:
        port, until = self.credentials.valkey_port, time.monotonic() + hold_on
        if hold_on and port_taken("127.0.0.1", port):
            self.say(f"Another program has taken Valkey's port {port}: waiting {hold_on:g} s for it.")
        while port_taken("127.0.0.1", port):
            if time.monotonic() >= until:
                return False
            self.pause(0.1)
        return True

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
        with private_log(self.log) as log:
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
        waiting = Waiting("Valkey", say=self.say, pause=self.pause)
        while not self.answers():
            if self.fallen:
                raise CannotStart(f"Valkey did not start; see {self.log}.")
            waiting.on(0.02, because=f"it reads what it kept; see {self.log}")
