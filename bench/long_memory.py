"""(t) What web processes hold after a million odd requests."""

from __future__ import annotations

from bench.figures import Figure
from bench.memory import grown
from bench.scale import Scale
from bench.stage import Stage


def measure(stage: Stage, *, scale: Scale) -> list[Figure]:
    warm, requests = scale.of((20_000, 1_000_000), (16_000, 40_000), (60, 120))
    return [grown(stage, "t", warm=warm, requests=requests)]
