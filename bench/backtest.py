"""(h) A backtest of twenty rules over recorded proposals, end to end; what a shadow costs a submission."""

from __future__ import annotations

import time
import uuid
from dataclasses import replace
from typing import Any

import psycopg

from bench import filling
from bench.figures import Figure, added
from bench.given import proposal
from bench.scale import Scale
from bench.stage import Stage

SECONDS = 60.0  # for 100,000
PATIENCE = 300.0

_AMOUNTS = """
UPDATE suggestions_suggestion
   SET arguments = jsonb_set(arguments, '{amount}', to_jsonb(round((random() * 2000)::numeric, 2)))
"""


def measure(stage: Stage, *, scale: Scale) -> list[Figure]:
    size = scale.of(100_000, 20_000, 500)
    filling.first(stage)
    filling.fill(stage, size)
    with psycopg.connect(stage.services.superuser_url, autocommit=True) as connection:
        connection.execute(_AMOUNTS)
    filling.decide(stage)
    with stage.process("worker") as worker:
        _run(stage, newest=10)  # the worker is there, and the policy compiled
        cpu = worker.cpu() + stage.database_cpu()
        seconds, result = _run(stage, newest=size)
        cpu = worker.cpu() + stage.database_cpu() - cpu
    shadow = _shadow(stage, rounds=scale.of(400, 100, 5))
    ok = size / seconds >= 100_000 / SECONDS if result["proposals"] == size else False
    return [
        Figure(
            "h",
            f"backtest of {size:,} proposals, 20 rules",
            size / seconds,
            None,
            "proposals/s",
            target=f"100,000 in {SECONDS:.0f} s",
            ok=None if scale is Scale.TINY else ok,
            note=f"{seconds:.1f} s, {cpu:.1f} s of CPU",
        ),
        added("h", "a shadow of 20 rules adds to a submission", "ms", shadow),
    ]


def _shadow(stage: Stage, *, rounds: int) -> list[tuple[float, float]]:
    """Milliseconds of submitting here, in turn with a shadow, which says the same, and without."""
    from audit.asking.bodies import check
    from governance.door.authentication import caller_of
    from governance.models import PolicyVersion
    from suggestions.intake.bodies import ProposalBody
    from suggestions.intake.prepare import prepare
    from suggestions.intake.submit import submit

    same = PolicyVersion.objects.create(digest=f"sha256:{uuid.uuid4().hex * 2}", text=stage.policy.text)
    plain = caller_of(stage.agent)
    shadowed = replace(plain, shadow=same.pk)
    body = check(ProposalBody, proposal())

    def milliseconds(caller: Any) -> float:
        began = time.perf_counter()
        prepared = prepare(caller, body, key=uuid.uuid4().hex, body_digest=f"sha256:{'0' * 64}")
        submit(stage.agent, [prepared])
        return (time.perf_counter() - began) * 1000

    return [(milliseconds(shadowed), milliseconds(plain)) for _ in range(rounds)]


def _run(stage: Stage, *, newest: int) -> tuple[float, dict[str, Any]]:
    """From asking to the stored result."""
    from audit.ground.actors import SYSTEM
    from suggestions.models import Backtest
    from suggestions.trying import backtest
    from suggestions.trying.rejudge import Chosen

    began = time.monotonic()
    asked = backtest.ask(stage.policy, chosen=Chosen(newest=newest), by=None, actor=SYSTEM)
    while (now := Backtest.objects.get(pk=asked.pk)).is_open:
        if time.monotonic() - began > PATIENCE:
            raise RuntimeError("The backtest does not end; see the worker's log.")
        time.sleep(0.05)
    if now.result is None:
        raise RuntimeError(f"The backtest {now.status}: {now.error}")
    return time.monotonic() - began, now.result
