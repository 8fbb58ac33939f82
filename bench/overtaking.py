"""(v) From a decision on something urgent to its call, while ten thousand executions of low risk are due.

All of the flood is due before the worker may begin; urgent ones are decided one by one while it lasts.
"""

from __future__ import annotations

import time
from typing import Any

from bench.called import Downstream
from bench.downstream import Decider
from bench.executions import approve
from bench.figures import Figure, judged, spread
from bench.scale import Scale
from bench.stage import Stage

MOST = 1.0  # seconds
BATCH = 500
NEARLY_OVER = 0.9  # of the flood; what is measured later says nothing of it


def measure(stage: Stage, *, scale: Scale) -> list[Figure]:
    stage.empty()
    flood, pause, warm = scale.of((10_000, 0.5, 4), (2_000, 0.2, 4), (12, 0.0, 1))
    servers = stage.process("api"), stage.process("worker")
    with stage.together(*servers) as (api, worker), Downstream(stage.downstream_port) as downstream:
        decider = Pressing(stage, api.port, downstream)
        alone = [decider.once() / 1000 for _ in range(warm)]  # whoever is slow to start is waited for
        downstream.forget()
        with worker.held():
            for number in range(0, flood, BATCH):
                approve(stage, api, min(BATCH, flood - number))
        began, waits = time.monotonic(), list[float]()
        while not waits or len(downstream.arrived) < flood * NEARLY_OVER:
            waits.append(decider.once() / 1000)
            time.sleep(pause)
        lasted = downstream.last_of(flood + len(waits)) - began
        stage.wait_until_carried_out(warm + flood + len(waits))
    target, reached = judged(max(waits), most=MOST)
    note = f"of {len(waits)} while {flood:,} were carried out in {lasted:.0f} s; beside it without a flood"
    worst = Figure("v", "urgent behind a flood, the worst", max(waits), alone[-1], "s", None, target, reached)
    worst.note, worst.spread = note, spread(waits)
    return [worst]


class Pressing(Decider):
    """Hands in what is as urgent as what is critical."""

    def hand_in(self, order: str) -> Any:
        handed_in = super().hand_in(order)
        with self.stage.owner() as owner:  # as a rule of the policy could say
            owner.execute("UPDATE suggestions_proposal SET priority = 100 WHERE id = %s", [handed_in["id"]])
        return handed_in
