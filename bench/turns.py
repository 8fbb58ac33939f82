"""One load on one server: how it went, and the CPU that each answer cost the server and PostgreSQL."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench.load import Heard, Load
from bench.processes import Running, used
from bench.stage import Stage


@dataclass(frozen=True)
class Turn:
    heard: Heard
    server: float  # milliseconds of CPU for each good answer
    database: float

    @property
    def cpu(self) -> float:
        return self.server + self.database


Pairs = Sequence[tuple[Turn, Turn]]


def turn(stage: Stage, running: Running, load: Load) -> Turn:
    """Raises where not every answer was good."""
    server, database = running.cpu(), stage.database_cpu()
    heard = load.run().checked()
    each = 1000 / heard.good
    return Turn(heard, used(server, running.cpu()) * each, used(database, stage.database_cpu()) * each)


def of_each(pairs: Pairs, figure: Callable[[Turn], float]) -> list[tuple[float, float]]:
    """One figure of ours and of the limit, for each pair."""
    return [(figure(ours), figure(limit)) for ours, limit in pairs]


def shares(pairs: Pairs) -> str:
    """How the CPU is shared out between server and PostgreSQL."""
    return " against ".join(
        f"{statistics.median(t.server for t in side):.2f} + {statistics.median(t.database for t in side):.2f}"
        for side in zip(*pairs, strict=True)
    )
