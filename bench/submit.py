"""(a) Submitting over HTTP, against a bare endpoint that writes the same rows."""

from __future__ import annotations

import json

from bench.figures import Figure, compared
from bench.given import proposal
from bench.load import KEY, Load, request
from bench.processes import Running
from bench.scale import Scale
from bench.stage import Stage
from bench.turns import Pairs, Turn, of_each, shares, turn

CLIENTS = (1, 8, 32)
CROWD = 200
LEAST = {"api": 0.65, "web": 0.55}


def measure(stage: Stage, *, scale: Scale) -> list[Figure]:
    stage.empty()
    rounds, seconds = scale.of((3, 2.0), (2, 1.5), (1, 0.3))
    with stage.together(stage.bare(), *map(stage.process, LEAST)) as (bare, *products):
        ours = dict(zip(LEAST, products, strict=True))
        for running in (bare, *ours.values()):
            _turn(stage, running, 8, scale.of(1.0, 1.0, 0.2))  # connections made, statements prepared
        figures = []
        for clients in scale.of(CLIENTS, CLIENTS, (2,)):
            for name, pairs in _alternating(stage, bare, ours, clients, rounds, seconds).items():
                figures += _figures(name, clients, pairs)
        crowd = scale.of(CROWD, CROWD, 20)
        figures += [_crowd(stage, running, crowd, seconds) for running in ours.values()]
    return figures


def _alternating(
    stage: Stage, bare: Running, ours: dict[str, Running], clients: int, rounds: int, seconds: float
) -> dict[str, list[tuple[Turn, Turn]]]:
    pairs: dict[str, list[tuple[Turn, Turn]]] = {name: [] for name in ours}
    for _ in range(rounds):
        limit = _turn(stage, bare, clients, seconds)
        for name, running in ours.items():
            pairs[name].append((_turn(stage, running, clients, seconds), limit))
    return pairs


def _turn(stage: Stage, running: Running, clients: int, seconds: float) -> Turn:
    return turn(stage, running, Load(running.port, _request(stage, running), clients, seconds))


def _request(stage: Stage, running: Running) -> str:
    path = "/submit" if running.name == "bare" else "/api/v1/proposals/"
    headers = {"Authorization": f"Bearer {stage.key}", "Idempotency_Key": KEY.decode()}
    return request("POST", path, body=json.dumps(proposal()).encode(), **headers)


def _figures(name: str, clients: int, pairs: Pairs) -> list[Figure]:
    # One client measures latency; the target is about what several get out of it.
    least = LEAST[name] if clients > 1 else None
    who = f"{clients} client{'s' if clients > 1 else ''}"
    rates, costs = of_each(pairs, lambda one: one.heard.per_second), of_each(pairs, lambda one: one.cpu)
    return [
        compared("a", f"submit to {name}, {who}", "proposals/s", rates, least=least),
        compared("a", f"CPU of submitting to {name}, {who}", "ms of CPU", costs, note=shares(pairs)),
    ]


def _crowd(stage: Stage, running: Running, clients: int, seconds: float) -> Figure:
    heard = Load(running.port, _request(stage, running), clients, seconds).run()
    note = f"{heard.per_second:.0f}/s, p99 {heard.percentile(99):.0f} ms"
    what = f"submit to {running.name}, {clients} clients"
    return Figure("a", what, heard.bad, None, "errors", None, "0", heard.bad == 0, note)
