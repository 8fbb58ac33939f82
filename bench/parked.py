"""(w) What a tick costs while 100,000 executions are parked, and carrying out while the past grows.

A tick is the clock's one question and what the sweeper does. Parked executions and past ones are rows of
executions, steps and attempts alone: nothing that is measured reads more of them.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median
from typing import Any

import psycopg

from bench.called import Downstream
from bench.decide import approval
from bench.figures import Figure, judged, measured, spread
from bench.filling import settle
from bench.processes import used
from bench.scale import Scale
from bench.stage import Stage

MOST = 50.0  # milliseconds a tick
FLAT = 1.15  # times the CPU
ROUNDS = 3
_ROWS = """
WITH own AS (
    INSERT INTO execution_execution
           (id, proposal_id, suggestion_id, action_digest, agent_id, action, passed, assisted, status,
            version, priority, due_at, deadline, fence, round, reason)
    SELECT uuidv7(), uuidv7(), uuidv7(), '', %(agent)s, 'refund_payment', false, false, %(status)s,
           3, n %% 3, now() + make_interval(secs => %(due)s + n * 0.01), now() + interval '1 day', 1, 1, ''
      FROM generate_series(1, %(number)s::int) AS n
 RETURNING id, status
), step AS (
    INSERT INTO execution_step (execution_id, position, name, status, receipt)
    SELECT id, 0, 'refund', CASE WHEN status = 'succeeded' THEN 'completed' ELSE 'waiting' END, '{}'::jsonb
      FROM own RETURNING id
)
INSERT INTO execution_attempt (step_id, number, route, fence, round, outcome, detail, response)
SELECT id, 1, '1. POST', 1, 1, 'succeeded', '', '' FROM step
"""


def measure(stage: Stage, *, scale: Scale) -> list[Figure]:
    stage.empty()
    parked, few, many = scale.of((100_000, 1_000, 1_000_000), (100_000, 1_000, 200_000), (200, 10, 100))
    ticks, runs = scale.of((60, 120), (20, 60), (2, 2))
    with Downstream(stage.downstream_port):
        _write(stage, few, "succeeded")
        _carried_out(stage, runs)  # statements prepared
        little = [_carried_out(stage, runs) for _ in range(ROUNDS)]
        _write(stage, many - few, "succeeded")
        much = [_carried_out(stage, runs) for _ in range(ROUNDS)]
    _write(stage, parked, "scheduled", due=3600)
    later = _ticks(f"{parked:,} parked until later", ticks)
    return [later, _held(stage, parked, ticks), _grown(f"{many:,} past ones beside {few:,}", much, little)]


def _grown(what: str, much: list[float], little: list[float]) -> Figure:
    ours, limit = median(much), median(little)
    target, flat = judged(ours / limit, most=FLAT)
    unit, between = "ms of CPU", spread([one / limit for one in much])
    return Figure("w", f"an execution, {what}", ours, limit, unit, ours / limit, target, flat, spread=between)


# --- A tick -------------------------------------------------------------------------------------------


def _held(stage: Stage, parked: int, ticks: int) -> Figure:
    """The same where all of them are due, and a kill switch is on."""
    from audit.ground.actors import SYSTEM
    from governance.trust import halts

    with stage.owner() as owner:
        owner.execute("UPDATE execution_execution SET due_at = now() WHERE status = 'scheduled'")
        halts.throw("everything", reason="To see what it costs.", actor=SYSTEM)
        try:
            return _ticks(f"{parked:,} held by a kill switch", ticks)
        finally:
            owner.execute("DELETE FROM governance_halt")


def _ticks(what: str, ticks: int) -> Figure:
    from execution.tasks import sweep
    from reviewapp.processes.beat import Clock

    asked = [_milliseconds(lambda: Clock().due(time.monotonic())) for _ in range(ticks)]
    swept = [_milliseconds(sweep) for _ in range(ticks)]
    both = [question + work for question, work in zip(asked, swept, strict=True)]
    note = f"the question {median(asked):.1f}, the sweeper {median(swept):.1f}"
    return measured("w", f"a tick, {what}", "ms", both, most=MOST, note=note)


def _milliseconds(work: Callable[[], Any]) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000


# --- Carrying out -------------------------------------------------------------------------------------


def _carried_out(stage: Stage, number: int) -> float:
    """Milliseconds of CPU for each, of this process and of PostgreSQL."""
    from execution.models import Execution
    from execution.running.run import run

    for _ in range(number):
        handed_in = stage.hand_in()
        first = handed_in["suggestions"][0]
        decision = approval(first["id"], first["action_digest"])
        stage.post(f"/api/v1/proposals/{handed_in['id']}/decisions/", decision, stage.token)
    due = list(Execution.objects.filter(status="scheduled").values_list("pk", flat=True))
    before = stage.database_cpu() + time.process_time()
    for execution in due:
        run(execution)
    return used(before, stage.database_cpu() + time.process_time()) * 1000 / number


def _write(stage: Stage, number: int, status: str, *, due: float = 0) -> None:
    given = {"number": number, "status": status, "due": due, "agent": stage.agent.pk}
    with psycopg.connect(stage.services.superuser_url, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")  # they belong to no proposal
        connection.execute(_ROWS, given)
        settle(connection, "execution_execution", "execution_step", "execution_attempt")
