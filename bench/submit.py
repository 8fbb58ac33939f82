"""(a) Submitting over HTTP, against a bare endpoint that writes the same rows."""

from __future__ import annotations

import json
from contextlib import ExitStack

from bench.figures import Figure, compared
from bench.given import proposal
from bench.load import KEY, Load, request
from bench.processes import Running
from bench.scale import Scale
from bench.stage import Stage

CLIENTS = (1, 8, 32)
CROWD = 200
TARGETS = {"api": 0.65, "web": 0.55}


def measure(stage: Stage, *, scale: Scale) -> list[Figure]:
    stage.empty()
    rounds, seconds = scale.of((3, 3.0), (2, 1.5), (1, 0.3))
    with ExitStack() as processes:
        bare = processes.enter_context(stage.bare())
        ours = {name: processes.enter_context(stage.process(name)) for name in TARGETS}
        for running in (bare, *ours.values()):
            _load(
                stage, running, clients=8, seconds=scale.of(1.0, 1.0, 0.2)
            )  # connections made, statements prepared
        figures = []
        for clients in scale.of(CLIENTS, CLIENTS, (2,)):
            rates = _alternating(stage, bare, ours, clients, rounds, seconds)
            figures += [_figure(name, clients, pairs) for name, pairs in rates.items()]
        figures += _costs(stage, bare, ours, seconds)
        crowd = scale.of(CROWD, CROWD, 20)
        figures += [_crowd(stage, name, running, crowd, seconds) for name, running in ours.items()]
    return figures


def _alternating(
    stage: Stage, bare: Running, ours: dict[str, Running], clients: int, rounds: int, seconds: float
) -> dict[str, list[tuple[float, float]]]:
    rates: dict[str, list[tuple[float, float]]] = {name: [] for name in ours}
    for _ in range(rounds):
        limit = _load(stage, bare, clients, seconds)
        for name, running in ours.items():
            rates[name].append((_load(stage, running, clients, seconds), limit))
    return rates


def _load(stage: Stage, running: Running, clients: int, seconds: float) -> float:
    return Load(running.port, _request(stage, running), clients, seconds).run().checked().per_second


def _request(stage: Stage, running: Running) -> str:
    path = "/submit" if running.name == "bare" else "/api/v1/proposals/"
    headers = {"Authorization": f"Bearer {stage.key}", "Idempotency_Key": KEY.decode()}
    return request("POST", path, body=json.dumps(proposal()).encode(), **headers)


def _figure(name: str, clients: int, pairs: list[tuple[float, float]]) -> Figure:
    # One client measures latency; the target is about what several get out of it.
    least = TARGETS[name] if clients > 1 else None
    what = f"submit to {name}, {clients} client{'s' if clients > 1 else ''}"
    return compared("a", what, "proposals/s", pairs, least=least)


def _costs(stage: Stage, bare: Running, ours: dict[str, Running], seconds: float) -> list[Figure]:
    """CPU for each submission at 8 clients: what is left of the figures above on a busy machine."""
    limit = _cost(stage, bare, seconds)
    costs = {name: _cost(stage, running, seconds) for name, running in ours.items()}
    return [
        Figure(
            "a",
            f"CPU in {name} and PostgreSQL",
            sum(cost),
            sum(limit),
            "ms/proposal",
            sum(limit) / (sum(cost) or 1),
            note=f"{cost[0]:.2f} + {cost[1]:.2f} against {limit[0]:.2f} + {limit[1]:.2f}",
        )
        for name, cost in costs.items()
    ]


def _cost(stage: Stage, running: Running, seconds: float) -> tuple[float, float]:
    before = running.cpu(), stage.database_cpu()
    heard = Load(running.port, _request(stage, running), 8, seconds).run().checked()
    after = running.cpu(), stage.database_cpu()
    return (after[0] - before[0]) * 1000 / heard.good, (after[1] - before[1]) * 1000 / heard.good


def _crowd(stage: Stage, name: str, running: Running, clients: int, seconds: float) -> Figure:
    heard = Load(running.port, _request(stage, running), clients, seconds).run()
    note = f"{heard.per_second:.0f}/s, p99 {heard.percentile(99):.0f} ms"
    return Figure(
        "a",
        f"submit to {name}, {clients} clients",
        heard.bad,
        None,
        "errors",
        None,
        "0",
        heard.bad == 0,
        note,
    )
