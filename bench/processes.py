"""Processes that the bench starts, and what /proc says of them: CPU, memory, and what others took."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parent.parent
TICKS = os.sysconf("SC_CLK_TCK")


class Running:
    def __init__(
        self, name: str, command: Sequence[str | Path], environment: dict[str, str], port: int, log: IO[bytes]
    ) -> None:
        self.name = name
        self.port = port
        self.process = subprocess.Popen(
            [str(part) for part in command], cwd=ROOT, env=environment, stdout=log, stderr=log
        )

    def wait_until_it_answers(self, seconds: float = 30.0) -> None:
        deadline = time.monotonic() + seconds
        while not answers(self.port):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{self.name} does not answer; see its log.")
            time.sleep(0.02)

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """It and its children do nothing meanwhile; what comes for them waits."""
        members = family(self.process.pid)
        self._signal(members, signal.SIGSTOP)
        try:
            yield
        finally:
            self._signal(members, signal.SIGCONT)

    def _signal(self, members: Iterable[int], number: signal.Signals) -> None:
        for pid in members:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def cpu(self) -> float:
        """Seconds of CPU that it and its children have used."""
        return cpu_of(family(self.process.pid))

    def own_memory(self) -> float:
        """What it and its children hold, in MiB, but files: of these their part depends on others."""
        return sum(_kilobytes(pid, "smaps_rollup", "Pss_Anon") for pid in family(self.process.pid)) / 1024

    def peak_memory(self) -> float:
        """The most that its largest process ever held, in MiB."""
        return max(_kilobytes(pid, "status", "VmHWM") for pid in family(self.process.pid)) / 1024

    def forget_peak_memory(self) -> None:
        for pid in family(self.process.pid):
            with contextlib.suppress(OSError):
                Path(f"/proc/{pid}/clear_refs").write_text("5")


def answers(port: int) -> bool:
    """Does something answer `/healthz` there? The bare endpoints answer that there is no such page."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/healthz", headers={"Host": "localhost"})
        return connection.getresponse().status in (200, 404)
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


class Others:
    """What processes beside ours use of the machine from now on. `ours` names the heads of our families."""

    def __init__(self, ours: Callable[[], Iterable[int]]) -> None:
        self.ours = ours
        self.began, self.all, self.own = self._now()

    def share(self) -> float:
        """The share of all cores that they used since."""
        now, all_of_them, own = self._now()
        used = (all_of_them - self.all) - (own - self.own)
        return max(0.0, used / ((now - self.began) * (os.cpu_count() or 1)))

    def _now(self) -> tuple[float, float, float]:
        members = {pid for head in self.ours() for pid in family(head)}
        return time.monotonic(), cpu_of_all(), cpu_of(members)


def cpu_of_all() -> float:
    """Seconds of CPU that anything has used since the machine started, interrupts left aside."""
    user, nice, system, _idle, _waiting, _hard, _soft, stolen = _first_line("/proc/stat")[1:9]
    return (int(user) + int(nice) + int(system) + int(stolen)) / TICKS


def cpu_of(pids: Iterable[int]) -> float:
    """Seconds of CPU of these processes, and of children of theirs that have ended."""
    return sum(int(ticks) for pid in pids for ticks in _stat(pid)[11:15]) / TICKS


def used(before: float, after: float) -> float:
    """Seconds of CPU between two readings: a tick at least, for /proc tells no less."""
    return max(after - before, 1 / TICKS)


def family(pid: int) -> list[int]:
    """A process and all below it."""
    pids = [int(entry.name) for entry in Path("/proc").glob("[0-9]*")]
    parents = {other: int(stat[1]) for other in pids if (stat := _stat(other))}
    members = [pid]
    for member in members:
        members += [child for child, parent in parents.items() if parent == member]
    return members


def proportional_memory(pid: int) -> float:
    """MiB that a process holds, with its part of what it shares."""
    return _kilobytes(pid, "smaps_rollup", "Pss") / 1024


def command_of(pid: int) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    return ""


def _first_line(file: str) -> list[str]:
    return Path(file).read_text().partition("\n")[0].split()


def _stat(pid: int) -> list[str]:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return []


def _kilobytes(pid: int, file: str, field: str) -> int:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/{file}").read_text().splitlines():
            if line.startswith(f"{field}:"):
                return int(line.split()[1])
    return 0
