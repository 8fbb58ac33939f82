"""(k) Executions of one HTTP step by one worker with two processes, against tasks that only call.

All of a round wait in the queue before the worker may begin.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable
from typing import Any

from bench.called import Downstream
from bench.decide import approval
from bench.figures import Figure, compared
from bench.given import proposal
from bench.load import Load, request
from bench.processes import Running, used
from bench.scale import Scale
from bench.stage import Stage

LEAST = 0.4


def measure(stage: Stage, *, scale: Scale) -> list[Figure]:
    stage.empty()
    rounds, number, bare_number = scale.of((5, 100, 400), (3, 60, 200), (1, 4, 4))
    servers = stage.process("api"), stage.process("worker"), stage.bare_worker()
    with stage.together(*servers) as (api, worker, bare), Downstream(stage.downstream_port) as downstream:
        done = 0

        def carried_out(number: int) -> tuple[float, float]:
            nonlocal done
            done += number
            found = _round(stage, worker, downstream, number, lambda: approve(stage, api, number))
            stage.wait_until_carried_out(done)
            return found

        def called(number: int) -> tuple[float, float]:
            return _round(stage, bare, downstream, number, lambda: _send(downstream.port, number))

        carried_out(number // 2), called(number // 2)  # who is slow to start is waited for
        pairs = [(carried_out(number), called(bare_number)) for _ in range(rounds)]
    rates, costs = ([(ours[part], limit[part]) for ours, limit in pairs] for part in (0, 1))
    return [
        compared("k", "executions, one worker of 2", "executions/s", rates, least=LEAST),
        compared("k", "CPU of an execution", "ms of CPU", costs, note="worker and PostgreSQL"),
    ]


def _round(
    stage: Stage, worker: Running, downstream: Downstream, number: int, get_ready: Callable[[], None]
) -> tuple[float, float]:
    """Calls a second, from when the worker may begin; milliseconds of CPU for each."""
    downstream.forget()
    with worker.held():
        get_ready()
        cpu, began = worker.cpu() + stage.database_cpu(), time.monotonic()
    seconds = downstream.last_of(number) - began
    return number / seconds, used(cpu, worker.cpu() + stage.database_cpu()) * 1000 / number


def _send(port: int, number: int) -> None:
    from bench.bare_celery import call

    for _ in range(number):
        call.delay(uuid.uuid4().hex, port)


def approve(stage: Stage, api: Running, number: int) -> None:
    """Hand in and approve so many, a batch at most."""
    items = [{**proposal(uuid.uuid4().hex), "idempotency_key": uuid.uuid4().hex} for _ in range(number)]
    handed_in = stage.post("/api/v1/proposals/batch/", {"proposals": items}, stage.key)["results"]
    Load(api.port, [_decision(stage, one["proposal"]) for one in handed_in], clients=2).run().checked()


def _decision(stage: Stage, handed_in: dict[str, Any]) -> str:
    first = handed_in["suggestions"][0]
    body = json.dumps(approval(first["id"], first["action_digest"])).encode()
    path = f"/api/v1/proposals/{handed_in['id']}/decisions/"
    return request("POST", path, body=body, **stage.bearer())
