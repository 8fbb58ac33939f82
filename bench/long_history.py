"""(s) The questions about the past of (i), at ten million proposals."""

from __future__ import annotations

from bench.figures import Figure
from bench.history import asked_at
from bench.scale import Scale
from bench.stage import Stage


def measure(stage: Stage, *, scale: Scale) -> list[Figure]:
    return asked_at(stage, [scale.of(10_000_000, 1_000_000, 2_000)], times=scale.of(200, 50, 3))
