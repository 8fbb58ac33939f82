"""(c) The queue page and the API's list, while a thousand, a hundred thousand, a million proposals wait."""

from __future__ import annotations

import statistics

from bench import filling
from bench.figures import Figure, compared
from bench.load import Heard, Load, request
from bench.processes import Running
from bench.scale import Scale
from bench.stage import Stage

SIZES = (1_000, 100_000, 1_000_000)
SMALL = (2_000,)
FEW = "bench_few"  # the database that stays with a thousand, asked in turn with the other
MOST = 1.3  # times slower at the most


def measure(stage: Stage, *, scale: Scale) -> list[Figure]:
    filling.first(stage)
    filling.fill(stage, SIZES[0])
    requests, rounds = scale.of((100, 3), (100, 2), (5, 1))
    figures, pages = [], _pages(stage)  # the session has to be in both databases
    with stage.copy(FEW), stage.process("web", database=FEW) as few, stage.process("web") as many:
        for size in scale.of(SIZES[1:], SIZES[1:2], SMALL):
            filling.fill(stage, size)
            for page, text in pages.items():
                pairs = [(_heard(many, text, requests), _heard(few, text, requests)) for _ in range(rounds)]
                figures.append(_figure(page, size, pairs))
    return sorted(figures, key=lambda figure: figure.what.partition(",")[0])


def _pages(stage: Stage) -> dict[str, str]:
    token, key = f"Bearer {stage.token}", f"Bearer {stage.key}"
    return {
        "queue page": request("GET", "/queue/", Cookie=stage.session(), Accept="text/html"),
        "API list for a reviewer": request("GET", "/api/v1/proposals/?status=pending", Authorization=token),
        "API list for an agent": request("GET", "/api/v1/proposals/", Authorization=key),
    }


def _heard(web: Running, text: str, requests: int) -> Heard:
    Load(web.port, text, count=requests // 5).run().checked()
    return Load(web.port, text, count=requests).run().checked()


def _figure(page: str, size: int, pairs: list[tuple[Heard, Heard]]) -> Figure:
    p50 = statistics.median(many.percentile(50) for many, _ in pairs)
    return compared(
        "c",
        f"{page}, {size:,} pending",
        "ms, p95",
        [(many.percentile(95), few.percentile(95)) for many, few in pairs],
        most=MOST,
        note=f"p50 {p50:.1f}; limit: {SIZES[0]:,}",
    )
