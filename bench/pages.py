"""(l) The panel of an opened proposal and the queue page: CPU of the web process, and queries."""

from __future__ import annotations

from bench import filling
from bench.counting import statements
from bench.figures import Figure, judged, measured
from bench.load import Load, request
from bench.processes import Running
from bench.scale import Scale
from bench.stage import Stage
from bench.turns import turn

OPEN = 200
PANEL = {"HX-Request": "true", "HX-Target": "detail"}
MOST = {"opened proposal, the panel alone": (15.0, 8), "queue page, first load": (30.0, 6)}  # ms, queries


def measure(stage: Stage, *, scale: Scale) -> list[Figure]:
    past = scale.of(200_000, 20_000, 200)
    filling.first(stage)
    filling.fill(stage, past)
    filling.decide(stage, share=1.0)
    opened = [stage.hand_in(f"#W{number}")["id"] for number in range(scale.of(OPEN, 60, 6))]
    cookie = {"Cookie": stage.session()}
    asked = {
        "opened proposal, the panel alone": ([f"/queue/{one}/" for one in opened], {**cookie, **PANEL}),
        "queue page, first load": (["/queue/"], cookie),
    }
    rounds, requests = scale.of((5, 60), (3, 30), (2, 3))
    figures = []
    with stage.process("web") as web:
        for what, (paths, headers) in asked.items():
            values = [_cpu(stage, web, paths, headers, requests) for _ in range(rounds + 1)][1:]
            milliseconds, queries = MOST[what]
            note = f"{past:,} past proposals"
            figures.append(measured("l", what, "ms of CPU", values, most=milliseconds, note=note))
            figures.append(_queries(stage, what, paths[0], headers, queries))
    return figures


def _cpu(stage: Stage, web: Running, paths: list[str], headers: dict[str, str], requests: int) -> float:
    """Milliseconds that the web process works for one answer."""
    texts = [request("GET", path, **headers) for path in paths]
    return turn(stage, web, Load(web.port, texts, count=requests)).server


def _queries(stage: Stage, what: str, path: str, headers: dict[str, str], most: int) -> Figure:
    number = statements(lambda: stage.get(path, headers))
    target, ok = judged(number, most=most)
    return Figure("l", what, number, None, "queries", None, target, ok)
