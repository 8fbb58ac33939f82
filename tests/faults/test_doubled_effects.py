"""Agents that die in the middle and workers that freeze in it: nothing is lost, doubled or stuck.

Few rounds in the suite; `FAULT_ROUNDS=60 pytest tests/faults -s` tells the figures of more.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from django.db.models.functions import Now

from execution.desk import attend
from execution.holding.outbox import EXECUTIONS
from execution.models import Attempt, Execution
from execution.running import overdue
from execution.running.run import run
from tests.execution.conftest import run_to_rest, step, wait_for, workflow
from tests.execution.running.test_frozen import is_stopped

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.timeout(180 + 40 * int(os.environ.get("FAULT_ROUNDS", "3"))),
]
ROOT = Path(__file__).resolve().parents[2]
ROUNDS = int(os.environ.get("FAULT_ROUNDS", "3"))
PROCESSES = 3


def look_after(effects: Counter[str], olga: Any) -> None:
    """What sweepers and workers do every second, and a person who looks before they say anything."""
    overdue.end_what_is_overdue()
    for execution_id in EXECUTIONS.due():
        run(execution_id)
    for execution in Execution.objects.filter(status="needs_attention"):
        if effects[str(execution.pk)]:
            attend.mark_done(execution, by=olga, evidence="seen in the books of the shop")
        else:
            attend.retry(execution, by=olga, checked=True)


def effects_in(shop: Any) -> Counter[str]:
    """How often the shop acted for each execution."""
    with shop.lock:
        return Counter(headers["idempotency-key"].partition("/")[0] for _, _, headers, _ in shop.calls)


def test_agents_that_die_between_acting_and_reporting(
    approved: Any,
    shop: Any,
    live_server: Any,
    agent_key: str,
    settings: Any,
    olga: Any,
) -> None:
    settings.HAND_BACK_LEASE_SECONDS = 5
    executions = [approved(None) for _ in range(ROUNDS)]
    ids = [str(e.proposal_id) for e in executions]
    rng, deaths, started = random.Random(20261129), 0, 0
    processes: list[subprocess.Popen[bytes]] = []

    def start() -> subprocess.Popen[bytes]:
        seed = str(rng.random())
        command = [sys.executable, "-m", "tests.faults.agent", live_server.url, agent_key, shop.url, seed]
        return subprocess.Popen([*command, *ids], cwd=ROOT, stderr=subprocess.DEVNULL)

    began = time.monotonic()
    while Execution.objects.exclude(status="succeeded").exists():
        assert time.monotonic() - began < 60 + 30 * ROUNDS, "stuck"
        deaths += sum(p.poll() == -signal.SIGKILL for p in processes)
        processes = [p for p in processes if p.poll() is None]
        while len(processes) < PROCESSES:
            processes.append(start())
            started += 1
        look_after(effects_in(shop), olga)
        time.sleep(0.3)
    for process in processes:
        process.kill()
        process.wait(10)

    effects = effects_in(shop)
    print(
        f"\n{ROUNDS} hand-backs, {PROCESSES} processes at a time, {started} started, {deaths} killed: "
        f"{sum(effects.values())} effects, {sum(n > 1 for n in effects.values())} doubled, "
        f"{ROUNDS - len(effects)} lost; {Attempt.objects.filter(outcome='unknown').count()} unknown"
    )
    assert effects == Counter(str(e.pk) for e in executions)


def test_workers_that_freeze_in_the_middle_of_an_attempt(approved: Any, shop: Any, olga: Any) -> None:
    plan = workflow(step(f"{shop.url}/refunds"))
    rng = random.Random(20261129)
    work = [(approved(plan), rng.choice(["opened", "connected", "asked", "sent"])) for _ in range(ROUNDS)]
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "tests.execution.worker_settings",
        "TEST_DOWNSTREAM": shop.place,
        "TEST_LEASE": "2",
    }
    command = [sys.executable, "-m", "tests.execution.running.frozen"]
    given = [f"{execution.pk}:{point}" for execution, point in work]
    zombie = subprocess.Popen([*command, *given], cwd=ROOT, env=environment, stderr=subprocess.DEVNULL)
    expected: Counter[str] = Counter()
    did: Counter[str] = Counter()

    try:
        for execution, point in work:
            begun = Attempt.objects.filter(step__execution=execution)
            wait_for(lambda begun=begun: begun.exists() and is_stopped(zombie), seconds=60)
            lapsed = Execution.objects.filter(pk=execution.pk, lease_until__lte=Now())
            wait_for(lapsed.exists, seconds=30)
            run(execution.pk)
            name = str(execution.pk)
            if effects_in(shop)[name]:
                attend.mark_done(execution, by=olga, evidence="seen in the books of the shop")
                expected[name], verb = 1, "marked done"
            elif rng.random() < 0.5:
                attend.cancel(execution, by=olga)
                verb = "cancelled"
            else:
                attend.retry(execution, by=olga, checked=True)
                run_to_rest(execution)
                expected[name], verb = 1, "retried"
            did[f"{point}, {verb}"] += 1
            zombie.send_signal(signal.SIGCONT)
        zombie.wait(30)
    finally:
        zombie.kill()
        zombie.wait(10)

    print(f"\n{ROUNDS} frozen attempts: {dict(did)}; {sum(effects_in(shop).values())} effects")
    assert effects_in(shop) == expected
    assert not Execution.objects.exclude(status__in=["succeeded", "cancelled"]).exists()
