"""(j) Deciding over HTTP, against a bare endpoint that locks the proposal, writes the same rows and commits.

Each request decides another proposal. What is approved waits for a worker that is not there.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import Any

from bench import filling
from bench.counting import statements
from bench.figures import Figure, compared, judged
from bench.load import KEY, Load, request
from bench.processes import Running
from bench.scale import Scale
from bench.stage import Stage
from bench.turns import Pairs, Turn, of_each, shares, turn

CLIENTS = (8, 32)
CROWD = 200
LEAST = 0.4
MOST_CPU = 6.0  # milliseconds
MOST_STATEMENTS = 6


def measure(stage: Stage, *, scale: Scale) -> list[Figure]:
    rounds, seconds, most = scale.of((5, 2.0, 2_000), (2, 1.5, 1_500), (1, 0.3, 100))
    crowd = scale.of((CROWD, 1_000), (CROWD, 600), (20, 40))
    filling.first(stage)
    filling.fill(stage, (2 * len(CLIENTS) * rounds + 2) * most + crowd[1])
    open_ones = _open(stage)
    with stage.together(stage.process("api"), stage.bare()) as (api, bare):

        def decided(running: Running, clients: int, seconds: float = seconds) -> Turn:
            requests = _requests(stage, running, itertools.islice(open_ones, most))
            return turn(stage, running, Load(running.port, requests, clients, seconds))

        for running in (api, bare):
            decided(running, 8, seconds / 2)  # connections made, statements prepared
        figures = []
        for clients in scale.of(CLIENTS, CLIENTS, CLIENTS[:1]):
            figures += _figures(
                clients, [(decided(api, clients), decided(bare, clients)) for _ in range(rounds)]
            )
        figures.append(_crowd(api, _requests(stage, api, itertools.islice(open_ones, crowd[1])), crowd[0]))
    return [*figures, _statements(stage)]


def _open(stage: Stage) -> Iterator[tuple[Any, ...]]:
    """Proposals that are open, with the suggestion that is approved and its digest; each of them once."""
    with stage.application() as connection:
        rows = connection.execute(
            """SELECT p.id, s.id, s.action_digest FROM suggestions_proposal p
                 JOIN suggestions_suggestion s ON s.proposal_id = p.id AND s.rank = 1
                WHERE p.status = 'pending'"""
        ).fetchall()
    return iter(rows)


def _requests(stage: Stage, running: Running, open_ones: Iterator[tuple[Any, ...]]) -> list[str]:
    headers = {**stage.bearer(), "Idempotency_Key": KEY.decode()}
    path = "/proposals/{}/decisions" if running.name == "bare" else "/api/v1/proposals/{}/decisions/"
    return [
        request("POST", path.format(proposal), body=json.dumps(approval(*what)).encode(), **headers)
        for proposal, *what in open_ones
    ]


def approval(suggestion: Any, digest: str) -> dict[str, Any]:
    """What a reviewer sends who approves this suggestion."""
    return {
        "verdict": "approve",
        "suggestion": str(suggestion),
        "action_digest": digest,
        "reason": "It arrived broken.",
    }


def _figures(clients: int, pairs: Pairs) -> list[Figure]:
    rates, costs = of_each(pairs, lambda one: one.heard.per_second), of_each(pairs, lambda one: one.cpu)
    cpu = f"CPU of a decision, {clients} clients"
    return [
        compared("j", f"decide, {clients} clients", "decisions/s", rates, least=LEAST),
        compared("j", cpu, "ms of CPU", costs, most_of_ours=MOST_CPU, note=shares(pairs)),
    ]


def _crowd(api: Running, requests: list[str], clients: int) -> Figure:
    heard = Load(api.port, requests, clients).run()
    note = f"{heard.per_second:.0f}/s, p99 {heard.percentile(99):.0f} ms; {heard.first_bad}".rstrip("; ")
    what = f"decide, {clients} clients"
    return Figure("j", what, heard.bad, None, "errors", None, "0", heard.bad == 0, note)


def _statements(stage: Stage) -> Figure:
    """Of a whole request, the reviewer's token among them."""
    handed_in = iter([stage.hand_in() for _ in range(3)])

    def decide() -> None:
        said = next(handed_in)
        first = said["suggestions"][0]
        path = f"/api/v1/proposals/{said['id']}/decisions/"
        stage.post(path, approval(first["id"], first["action_digest"]), stage.token)

    number = statements(decide)
    target, ok = judged(number, most=MOST_STATEMENTS)
    return Figure("j", "a decision", number, None, "statements", None, target, ok)
