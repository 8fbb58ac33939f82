"""(f) From handing a proposal in to its row on every open queue page."""

from __future__ import annotations

import statistics

from bench.figures import Figure
from bench.scale import Scale
from bench.sockets import Watch
from bench.stage import Stage, proposal

PAGES = (1, 100, 500)
MOST = 500  # milliseconds


def measure(stage: Stage, *, scale: Scale) -> list[Figure]:
    figures = []
    times = scale.of(25, 8, 2)
    for pages in scale.of(PAGES, PAGES[:2], (5,)):
        stage.empty()
        cookies = [stage.session() for _ in range(pages)]
        with stage.process("web") as web:
            latencies = Watch(web.port, cookies, stage.key, proposal(), times).run()
        figures.append(_figure(pages, latencies))
    return figures


def _figure(pages: int, latencies: list[float]) -> Figure:
    p95 = statistics.quantiles(latencies, n=20, method="inclusive")[18]
    what = f"submit to screen, {pages} page{'s' if pages > 1 else ''} open"
    note = f"p50 {statistics.median(latencies):.0f}"
    return Figure("f", what, p95, None, "ms, p95", None, f"≤ {MOST}", p95 <= MOST, note)
