"""A backtest by a real Celery worker on the real broker, killed in the middle of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.db.models import F
from django.db.models.functions import Now

from audit.ground.actors import SYSTEM
from governance.policies import lifecycle
from suggestions.models import Backtest, BacktestChunk, Proposal
from suggestions.tasks import sweep_backtests
from suggestions.trying import backtest
from suggestions.trying.rejudge import Chosen

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]
ROOT = Path(__file__).resolve().parents[3]
COPIES = 1_500


@pytest.fixture
def worker() -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    started: list[subprocess.Popen[bytes]] = []

    def start() -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "celery", "-A", "reviewapp.celery", "worker", "--concurrency=2"]
        quiet = ["--loglevel=ERROR", "--without-gossip", "--without-mingle", "--without-heartbeat"]
        environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "tests.execution.worker_settings",
            "TEST_DOWNSTREAM": "127.0.0.1:9",
            "PYTHONPATH": str(ROOT),
        }
        started.append(
            subprocess.Popen(
                command + quiet, cwd=ROOT, env=environment, start_new_session=True, stdout=subprocess.DEVNULL
            )
        )
        return started[-1]

    yield start
    for process in started:
        kill(process)


def kill(process: subprocess.Popen[bytes]) -> None:
    """The whole worker, its pool included, without a word of warning."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(10)


def until(condition: Callable[[], Any], seconds: float = 60) -> None:
    """What beat does every second, until the condition holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it took too long"
        sweep_backtests()
        time.sleep(0.1)


def copies_of(proposal: Proposal) -> None:
    """Many more like it, each with its suggestion."""

    def columns(model: Any) -> list[str]:
        return [f.column for f in model._meta.concrete_fields if not f.generated]

    def selected(model: Any, **own: str) -> str:
        return ", ".join(own.get(name, f"o.{name}") for name in columns(model))

    suggestion = proposal.suggestions.model
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            WITH ids AS (SELECT gen_random_uuid() AS id, n FROM generate_series(1, %s) AS n), made AS (
                INSERT INTO suggestions_proposal ({", ".join(columns(Proposal))})
                SELECT {selected(Proposal, id="ids.id", idempotency_key="n::text")}
                  FROM ids, suggestions_proposal o WHERE o.id = %s RETURNING id)
            INSERT INTO suggestions_suggestion ({", ".join(columns(suggestion))})
            SELECT {selected(suggestion, id="gen_random_uuid()", proposal_id="made.id")}
              FROM made, suggestions_suggestion o WHERE o.proposal_id = %s
            """,
            [COPIES, proposal.pk, proposal.pk],
        )


def test_a_worker_that_is_killed_in_the_middle_of_a_backtest_loses_nothing(
    worker, propose, olga, ana, monkeypatch
):
    copies_of(propose())
    monkeypatch.setattr(backtest, "CHUNK", 10)
    text = "version: 1\nmay_pass: [refund_payment]\ndefaults: {verdict: auto_approve}"
    version, _ = lifecycle.draft(text, author=olga)
    asked = backtest.ask(version, chosen=Chosen(), by=olga, actor=SYSTEM)
    assert backtest._take(asked.pk)  # cut into many chunks
    BacktestChunk.objects.update(lease_until=None)
    first = worker()
    half_done = BacktestChunk.objects.filter(tally__isnull=False)
    until(lambda: half_done.count() > 5)

    kill(first)

    open_still = Backtest.objects.filter(pk=asked.pk, status="running").exists()
    assert open_still, "it was too quick to be killed"
    counted = half_done.count()
    # Time passes: what the dead held is free again.
    BacktestChunk.objects.filter(tally__isnull=True, lease_until__isnull=False).update(lease_until=Now())
    Backtest.objects.update(queued_at=F("queued_at") - timedelta(minutes=1))
    worker()
    until(lambda: not Backtest.objects.get(pk=asked.pk).is_open)

    done = Backtest.objects.get(pk=asked.pk)
    assert (done.status, done.result["proposals"]) == ("done", COPIES + 1)
    assert done.result["passed"]["share"]["count"] == COPIES + 1
    assert counted > 5
    version.refresh_from_db()
    assert version.status == "validated"
