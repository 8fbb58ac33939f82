"""Keeps a handful of child processes running, files what they say, and ends them together.

One thread and no polling of output: a child that dies is started again, later
and later the more often it dies; when we are told to stop, the children get a
few seconds in a given order, and whatever is left then is killed.
"""

from __future__ import annotations

import contextlib
import json
import logging
import logging.handlers
import os
import re
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from io import TextIOWrapper
from pathlib import Path
from typing import IO, Any

from reviewapp.embedded import processes

LOG_BYTES, LOG_FILES = 10 * 1024 * 1024, 3
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0  # seconds before a dead child is started again
STEADY_AFTER = 60.0  # seconds of life after which a child's earlier deaths are forgotten
LONGEST_ALARM = 200  # characters
SAME_AGAIN_AFTER = 60.0  # seconds before the same warning is shown again
_TASK_ID = re.compile(r"\[[0-9a-f-]{36}\]")  # a hundred tasks that fail alike are one alarm
_ALARMING = re.compile(r"\b(WARNING|ERROR|CRITICAL|Traceback|[A-Z]\w*(Error|Exception):)")


class Stopped(BaseException):
    """A signal asked us to stop while something else was being done."""


@dataclass
class Child:
    """A process to keep running. A lower `wave` is stopped before a higher one.

    `ready` is what it says when it is, and `sockets` are the numbers of those that it inherits.
    """

    name: str
    command: Sequence[str | Path]
    environment: dict[str, str]
    wave: int = 1
    ready: str = ""
    sockets: Sequence[int] = ()
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    deaths: int = 0
    due: float = 0.0
    leave_by: float = 0.0  # when it was asked to end and start again, and has not ended yet
    is_ready: bool = False
    is_replaced: bool = False  # it ends, and another one is there already
    rest: bytes = b""


@dataclass
class Supervisor:
    mark: str  # by which a successor finds what we leave behind when we are killed
    folder: Path
    logs: Path
    say: Callable[[str], None]
    verbose: bool = False
    look_after: Callable[[], None] = lambda: None  # called about once a second
    children: list[Child] = field(default_factory=list)
    signals: int = 0
    _running: bool = False
    _shown: dict[tuple[str, str], float] = field(default_factory=dict)
    _files: dict[str, logging.Handler] = field(default_factory=dict)
    _selector: selectors.BaseSelector = field(default_factory=selectors.DefaultSelector)

    # --- Signals ----------------------------------------------------------------------------

    def listen(self) -> None:
        """From here on Ctrl-C, SIGTERM and a closed terminal stop us in good order."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._asked)

    def _asked(self, *_: Any) -> None:
        self.signals += 1
        if not self._running:
            self._running = True  # a second one must not interrupt the cleaning up
            raise Stopped

    # --- Children ---------------------------------------------------------------------------

    def start(self, child: Child) -> None:
        self.children.append(child)
        self._launch(child)

    def restart(self, child: Child, *, patience: float) -> None:
        """End it within `patience` seconds, and start it again at once as it is described now."""
        if child.process:
            child.leave_by = time.monotonic() + patience
            child.process.terminate()

    def replace(self, child: Child, command: Sequence[str | Path], *, within: float, patience: float) -> bool:
        """Start another one of it, and once that is ready let the old one end within `patience` seconds.

        False where the new one ends, or is not ready `within` so many seconds: then the old one stays.
        """
        successor = Child(
            child.name, command, child.environment, child.wave, ready=child.ready, sockets=child.sockets
        )
        self.start(successor)
        self.wait(lambda: successor.is_ready or successor.deaths or self.signals, seconds=within)
        left, stays = (child, successor) if successor.is_ready else (successor, child)
        left.is_replaced = True
        if left.process is None:
            self.children.remove(left)
        else:
            self.restart(left, patience=patience)
        return stays is successor

    def _launch(self, child: Child) -> None:
        child.is_ready = False
        child.process = processes.spawn(
            child.command,
            mark=self.mark,
            environment=child.environment,
            folder=self.folder,
            output=subprocess.PIPE,
            on_our_death=signal.SIGTERM,
            sockets=child.sockets,
        )
        child.started_at = time.monotonic()
        output = child.process.stdout
        if output is not None:
            os.set_blocking(output.fileno(), False)
            self._selector.register(output, selectors.EVENT_READ, child)

    def run(self, between: Callable[[], None] = lambda: None) -> None:
        """Look after the children until a signal says stop; `between` is called after each turn."""
        self._running = True
        while not self.signals:
            self.turn()
            between()

    def turn(self) -> None:
        """Read what there is to read, start what is due."""
        self._read(0.5)
        self._care()
        self.look_after()

    def breathe(self, seconds: float) -> None:
        """For whoever waits for something else: wait without neglecting the children.

        May be over sooner. Raises `Stopped` once a signal says stop.
        """
        self._read(seconds)
        self._care()
        if self.signals:
            raise Stopped

    def _care(self) -> None:
        for child in list(self.children):
            if child.process and self._ended(child):
                self._mourn(child)
            elif child.process and 0 < child.leave_by < time.monotonic():
                _kill_group(child.process.pid)
            elif child.process is None and child.due <= time.monotonic():
                self._try_to_launch(child)

    def _try_to_launch(self, child: Child) -> None:
        try:
            self._launch(child)
        except OSError as problem:  # no memory, no processes, no open files left: there will be again
            self._put_off(child, f"can't be started ({problem})")

    def wait(
        self,
        answered: Callable[[], object],
        *,
        seconds: float = float("inf"),
        meanwhile: Callable[[], None] = lambda: None,
    ) -> bool:
        """Take turns, and do something `meanwhile`, until `answered`; False when it takes too long."""
        deadline = time.monotonic() + seconds
        while not answered():
            if time.monotonic() > deadline:
                return False
            self._read(0.1)
            self.turn()
            meanwhile()
        return True

    def _ended(self, child: Child) -> bool:
        """Did it end? Then its own children are ended too, while its number still is its own."""
        process = child.process
        if process is None:
            return True
        if process.returncode is None:
            if os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
                return False
            _kill_group(process.pid)
            process.wait()
        return True

    def _mourn(self, child: Child) -> None:
        status = child.process.returncode if child.process else 0
        self._forget(child)
        if child.is_replaced:
            self.children.remove(child)
            return
        if child.leave_by:
            child.leave_by = child.due = 0.0
            return
        if time.monotonic() - child.started_at > STEADY_AFTER:
            child.deaths = 0
        self._put_off(child, f"ended ({f'signal {-status}' if status < 0 else f'status {status}'})")

    def _put_off(self, child: Child, what: str) -> None:
        pause = min(FIRST_PAUSE * 2**child.deaths, LONGEST_PAUSE)
        child.deaths += 1
        child.due = time.monotonic() + pause
        log = self.logs / f"{child.name}.log"
        self.say(f"{child.name} {what} and starts again in {pause:g} s; see {log}")

    def _forget(self, child: Child) -> None:
        output = child.process.stdout if child.process else None
        if output is not None and not output.closed:
            self._drain(child, output)
            self._close(output)
        child.process = None

    def _close(self, output: IO[bytes]) -> None:
        if not output.closed:
            self._selector.unregister(output)
            output.close()

    # --- The end ----------------------------------------------------------------------------

    def stop(self, *, patience: float) -> None:
        """End all children within about `patience` seconds, wave by wave, and then without mercy."""
        self._running = True
        began, waves = time.monotonic(), sorted({child.wave for child in self.children})
        for number, wave in enumerate(waves, start=1):
            asked = [child for child in self.children if child.wave == wave and child.process]
            for child in asked:
                if child.process:
                    child.process.terminate()
            self._wait_for(asked, began + patience * number / len(waves) - time.monotonic())
        left = [child for child in self.children if child.process]
        for child in left:
            if child.process:
                _kill_group(child.process.pid)
        self._wait_for(left, 1.0)
        processes.end(processes.marked(self.mark), (signal.SIGKILL, 1.0))  # whoever left its group
        for handler in self._files.values():
            handler.close()

    def _wait_for(self, children: list[Child], seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while any(child.process for child in children) and time.monotonic() < deadline:
            self._read(0.05)  # a child that can't write can't end
            for child in children:
                if child.process and self._ended(child):
                    self._forget(child)

    # --- What they say ----------------------------------------------------------------------

    def _read(self, seconds: float) -> None:
        if not self._selector.get_map():
            time.sleep(seconds)
            return
        for key, _ in self._selector.select(seconds):
            self._drain(key.data, key.fileobj)  # type: ignore[arg-type]

    def _drain(self, child: Child, output: IO[bytes]) -> None:
        try:
            chunk = os.read(output.fileno(), 1 << 18)
        except BlockingIOError:
            return
        *lines, child.rest = (child.rest + chunk).split(b"\n")
        if not chunk:
            self._close(output)
            lines, child.rest = [child.rest] if child.rest else [], b""
        for line in lines:
            said = line.decode(errors="replace")
            child.is_ready |= bool(child.ready) and child.ready in said
            self._file(child, said)

    def _file(self, child: Child, line: str) -> None:
        name = child.name
        self._log(name).emit(logging.makeLogRecord({"msg": line}))
        if self.verbose:
            self.say(f"{name:8} {line}")
            return
        # What ends complains of what has ended.
        alarm = "" if self.signals or child.is_replaced else _TASK_ID.sub("", alarm_in(line))
        if alarm and time.monotonic() - self._shown.get((name, alarm), -SAME_AGAIN_AFTER) >= SAME_AGAIN_AFTER:
            self._shown[(name, alarm)] = time.monotonic()
            self.say(f"{name}: {alarm}")

    def _log(self, name: str) -> logging.Handler:
        if name not in self._files:
            self.logs.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._files[name] = _PrivateLog(
                self.logs / f"{name}.log", maxBytes=LOG_BYTES, backupCount=LOG_FILES, encoding="utf-8"
            )
        return self._files[name]


class _PrivateLog(logging.handlers.RotatingFileHandler):
    """A log that nobody but us can read."""

    def _open(self) -> TextIOWrapper:
        Path(self.baseFilename).touch(mode=0o600)
        return super()._open()


def alarm_in(line: str) -> str:
    """What a log line says to somebody who only wants to know of trouble; mostly nothing."""
    try:
        entry = json.loads(line)
    except ValueError:
        return line[:LONGEST_ALARM] if _ALARMING.search(line) else ""
    if not isinstance(entry, dict) or entry.get("level") not in {"warning", "error", "critical"}:
        return ""
    event = str(entry.get("event", "")).strip().partition("\n")[0]
    cause = str(entry.get("exception", "")).strip().rpartition("\n")[2]
    return " · ".join(part for part in (event, cause) if part)[:LONGEST_ALARM]


def _kill_group(leader: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGKILL)
