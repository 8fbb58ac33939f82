"""Figures that are kept: a file of JSON lines for each run, with the commit and the machine in every line."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.figures import Figure
from bench.processes import ROOT

FOLDER = ROOT / "bench" / "results"
UNKNOWN = "unknown"  # the commit, outside a repository

Line = dict[str, Any]


class Results:
    """One run's: each measure's figures are written when it is over, so that they outlive a run cut short."""

    def __init__(self, file: Path | None, *, scale: str, database: dict[str, str]) -> None:
        self.about = {
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "commit": commit(),
            "machine": machine(),
            "scale": scale,
            "database": database,
        }
        stamp = self.about["at"].replace(":", "").replace("-", "").partition("+")[0]
        self.file = file or FOLDER / f"{stamp}-{self.about['commit']}.jsonl"
        self.file.parent.mkdir(parents=True, exist_ok=True)

    def keep(self, figures: Sequence[Figure]) -> None:
        with self.file.open("a") as file:
            for figure in figures:
                file.write(json.dumps(figure.as_json() | self.about, ensure_ascii=False) + "\n")


def read(file: Path) -> list[Line]:
    return [json.loads(line) for line in file.read_text().splitlines() if line]


def of(name: str, folder: Path = FOLDER) -> list[Line]:
    """The newest of each figure in a file, or in all runs of a commit. Raises `LookupError` without any."""
    lines = read(Path(name)) if Path(name).is_file() else list(_of_commit(name, folder))
    if not lines:
        raise LookupError(f"{name} is neither a file nor a commit of which there are results in {folder}.")
    newest = {key(line): line for line in sorted(lines, key=lambda line: line["at"])}
    return list(newest.values())


def _of_commit(name: str, folder: Path) -> Iterator[Line]:
    for file in sorted(folder.glob("*.jsonl")):
        yield from (line for line in read(file) if line["commit"].startswith(name))


def key(line: Line) -> tuple[str, ...]:
    """What makes two figures of different runs the same."""
    return line["measure"], line["what"], line["unit"], line["scale"]


def commit() -> str:
    """The commit that is checked out, with a plus where files differ from it."""
    asked = ["git", "describe", "--always", "--exclude=*", "--abbrev=10", "--dirty=+"]
    done = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() or UNKNOWN


def machine() -> str:
    """Cores, memory and processor: enough to see that two runs are not of the same one."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} × {_processor()}, {memory:.0f} GiB, Python {platform.python_version()}"


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
