"""(p) The whole system by its supervisor: how soon it answers, and what it uses while nothing happens."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from statistics import median
from urllib.parse import urlunsplit

from bench.figures import Figure, measured
from bench.processes import ROOT, Running, command_of, cpu_of, family, proportional_memory
from bench.scale import Scale
from bench.stage import NOT_OURS, Stage
from bench.tables import address_of

EMPTY = "bench_empty"
MOST_MIGRATING, MOST_STARTING = 4.0, 5.0  # seconds
MOST_CPU, MOST_MEMORY = 3.0, 500.0  # per cent of a core, MB
PARTS = {  # by a word of the command
    "worker": "celery -A reviewapp worker",
    "beat": "reviewapp.processes.beat",
    "web": "reviewapp.processes.serve",
    "PostgreSQL": "postgres",
    "Valkey": "valkey",
    "supervisor": "manage.py up",
}
WINDOWS = 4


def measure(stage: Stage, *, scale: Scale) -> list[Figure]:
    rounds, settling, seconds = scale.of((3, 10.0, 45.0), (1, 5.0, 20.0), (1, 0.0, 0.4))
    tiny = scale is Scale.TINY  # then nothing is empty, and the services are ours
    migrating = [_migrate({}) if tiny else _migrated(stage) for _ in range(rounds)]
    environment = _environment(stage, left_out=() if tiny else NOT_OURS)
    if not tiny:
        with _up(stage, environment):
            pass  # the first start of all makes the database
    starting = []
    for _ in range(rounds - 1):
        with _up(stage, environment) as (_, took):
            starting.append(took)
    with _up(stage, environment) as (system, took):
        starting.append(took)
        time.sleep(settling)
        idle = _idle(system, seconds)
    return [
        measured("p", "migrations of an empty database", "s", migrating, most=MOST_MIGRATING),
        measured("p", "start to the first answer, not the first time", "s", starting, most=MOST_STARTING),
        *idle,
    ]


def _migrated(stage: Stage) -> float:
    """Seconds, from the command to its end."""
    with stage.database(EMPTY):
        names = ("DATABASE_URL", "DATABASE_OWNER_URL")
        return _migrate({name: urlunsplit(address_of(name)._replace(path=f"/{EMPTY}")) for name in names})


def _migrate(database: dict[str, str]) -> float:
    command = [sys.executable, "manage.py", "migrate", "--no-input"]
    began = time.perf_counter()
    subprocess.run(command, cwd=ROOT, env=os.environ | database, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - began


# --- Starting -----------------------------------------------------------------------------------------


def _environment(stage: Stage, *, left_out: Sequence[str]) -> dict[str, str]:
    """Without the addresses of our services it has services and data of its own."""
    from reviewapp.embedded.credentials import free_port

    kept = {name: value for name, value in os.environ.items() if name not in left_out}
    return {**kept, "VAR_DIR": str((stage.var / "system").resolve()), "PORT": str(free_port()), "DEMO": "0"}


@contextmanager
def _up(stage: Stage, environment: dict[str, str]) -> Iterator[tuple[Running, float]]:
    """The running system, and the seconds until it answered."""
    command: list[str | Path] = [sys.executable, "manage.py", "up"]
    began = time.perf_counter()
    with stage.running("up", command, environment, int(environment["PORT"])) as system:
        system.wait_until_it_answers(120)
        yield system, time.perf_counter() - began


# --- Idle ---------------------------------------------------------------------------------------------


def _idle(system: Running, seconds: float) -> list[Figure]:
    window = seconds / WINDOWS
    readings = [_by_part(system, lambda pid: cpu_of([pid]))]
    for _ in range(WINDOWS):
        time.sleep(window)
        readings.append(_by_part(system, lambda pid: cpu_of([pid])))
    shares = [
        {part: 100 * (after[part] - before[part]) / window for part in PARTS}
        for before, after in pairwise(readings)
    ]
    memory = _by_part(system, lambda pid: proportional_memory(pid) * 1.048576)
    each = {part: median(share[part] for share in shares) for part in PARTS}
    in_all, held = [sum(share.values()) for share in shares], [sum(memory.values())]
    return [
        measured("p", "idle system", "% of a core", in_all, most=MOST_CPU, note=_told(each, "{:.1f}")),
        measured("p", "memory when idle", "MB", held, most=MOST_MEMORY, note=_told(memory)),
    ]


def _by_part(system: Running, reading: Callable[[int], float]) -> dict[str, float]:
    found = dict.fromkeys(PARTS, 0.0)
    for pid in family(system.process.pid):
        found[_part_of(pid)] += reading(pid)
    return found


def _part_of(pid: int) -> str:
    command = command_of(pid)
    return next((part for part, word in PARTS.items() if word in command), "supervisor")


def _told(values: dict[str, float], form: str = "{:.0f}") -> str:
    return ", ".join(f"{part} {form.format(value)}" for part, value in values.items() if value)
