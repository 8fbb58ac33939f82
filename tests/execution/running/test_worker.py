"""A real Celery worker on the real broker, killed in the middle of its work."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from django.db import connections

from audit.ground.actors import SYSTEM
from execution.halting.release import lift
from execution.models import Attempt, Execution
from execution.running.run import run
from execution.tasks import sweep
from governance.trust import halts
from reviewapp.celery import app
from tests.execution.conftest import events_of, step, tried, wait_for, workflow

pytestmark = pytest.mark.django_db(transaction=True)
ROOT = Path(__file__).resolve().parents[3]


class Worker:
    def __init__(self, shop, *more) -> None:
        environment = {
            **os.environ,
            **dict(one.split("=") for one in more),
            "DJANGO_SETTINGS_MODULE": "tests.execution.worker_settings",
            "TEST_DOWNSTREAM": shop.place,
            "PYTHONPATH": str(ROOT),
        }
        command = [sys.executable, "-m", "celery", "-A", "reviewapp.celery", "worker", "--concurrency=2"]
        quiet = ["--loglevel=ERROR", "--without-gossip", "--without-mingle", "--without-heartbeat"]
        self.process = subprocess.Popen(
            command + quiet, cwd=ROOT, env=environment, start_new_session=True, stdout=subprocess.DEVNULL
        )

    def stop(self) -> float:
        """Tell it to stop; the seconds until it has."""
        began = time.monotonic()
        self.process.terminate()
        self.process.wait(60)
        return time.monotonic() - began

    def kill(self) -> None:
        """The whole worker, its pool included, without a word of warning."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)


@pytest.fixture
def worker(shop):
    started = []

    def start(*more):
        started.append(Worker(shop, *more))
        return started[-1]

    yield start
    for one in started:
        one.kill()


def swept(condition):
    """What beat does every second, until the condition holds."""

    def look():
        sweep()
        time.sleep(0.3)
        return condition()

    return wait_for(look, seconds=60)


def test_a_worker_that_is_killed_in_the_middle_of_a_call_loses_nothing(worker, approved, shop, messages):
    shop.will("/once", "silent", 201)
    shop.will("/again", "silent", 201)
    first = worker()
    once = approved(workflow(step(f"{shop.url}/once")))
    again = approved(workflow(step(f"{shop.url}/again")), idempotent=True)
    wait_for(lambda: len(shop.calls) == 2, seconds=40)

    first.kill()
    worker()

    swept(lambda: not Execution.objects.filter(status__in=["scheduled", "running"]).exists())
    once.refresh_from_db()
    again.refresh_from_db()
    assert (once.status, tried(once)) == ("needs_attention", [("1", "unknown")])
    assert "the outcome is unknown" in once.reason
    assert (again.status, tried(again)) == ("succeeded", [("1", "unknown"), ("1", "succeeded")])
    assert len(shop.asked("/once")) == 1
    assert {headers["idempotency-key"] for headers, _ in shop.asked("/again")} == {f"{again.pk}/refund"}
    assert "execution.resumed" in events_of(again)


def test_a_worker_that_is_stopped_finishes_its_calls_or_hands_them_back(worker, approved, shop, messages):
    for path in ("/once", "/again"):
        shop.will(path, "silent", 201)
    first = worker("TEST_LEASE=50")
    once = approved(workflow(step(f"{shop.url}/once")))
    again = approved(workflow(step(f"{shop.url}/again")), idempotent=True)
    wait_for(lambda: len(shop.calls) == 2, seconds=60)

    assert first.stop() < 20

    once.refresh_from_db()
    again.refresh_from_db()
    # Nobody waits for a lease of a worker that is gone.
    assert (once.status, tried(once)) == ("needs_attention", [("1", "unknown")])
    assert (again.status, again.lease_until, tried(again)) == ("scheduled", None, [("1", "unknown")])
    details = {*Attempt.objects.values_list("detail", flat=True)}
    assert details == {"Sent, but no answer: the worker was stopped in the middle of it."}
    run(again.pk)
    again.refresh_from_db()
    assert again.status == "succeeded"


def test_a_message_that_was_lost_is_sent_again(worker, approved, shop):
    approved(workflow(step(f"{shop.url}/refunds")))  # its message goes nowhere
    Execution.objects.update(queued_at=None)
    worker()

    swept(lambda: Execution.objects.get().status == "succeeded")

    assert len(shop.calls) == 1


def test_what_a_kill_switch_holds_calls_nobody_and_then_runs_exactly_once(
    worker, approved, shop, messages, olga
):
    plan = workflow(step(f"{shop.url}/refunds"))
    shop.will("/slow", "silent", 201)
    worker()
    under_way = approved(workflow(step(f"{shop.url}/slow"), step(f"{shop.url}/after", name="after")))
    wait_for(lambda: shop.asked("/slow"), seconds=40)

    halt = halts.throw("everything", reason="Refunds run wild.", actor=SYSTEM)
    held = [approved(plan) for _ in range(12)]
    shop.scripts["/slow"] = [201]
    shop.release.set()  # the answer that the call under way waits for; it may end, and nothing after it
    until = time.monotonic() + 6
    while time.monotonic() < until:
        sweep()
        time.sleep(0.3)
    assert (shop.asked("/refunds"), shop.asked("/after"), len(shop.asked("/slow"))) == ([], [], 1)
    assert set(Execution.objects.filter(pk__in=[e.pk for e in held]).values_list("status", flat=True)) == {
        "scheduled"
    }

    lift(halt, reason="The cause is gone.", by=olga, actor=SYSTEM)
    began = time.monotonic()
    wait_for(lambda: shop.asked("/refunds"), seconds=10)
    first = time.monotonic() - began

    swept(lambda: not Execution.objects.filter(pk__in=[e.pk for e in held]).exclude(status="succeeded"))
    keys = [headers["idempotency-key"] for headers, _ in shop.asked("/refunds")]
    assert sorted(keys) == sorted(f"{execution.pk}/refund" for execution in held)
    under_way.refresh_from_db()
    assert (under_way.status, tried(under_way)) == ("needs_attention", [("1", "unknown")])
    print(f"from lifting to the first call: {first:.2f} s")
    assert first < 5, first


def test_a_broker_that_is_away_neither_fails_nor_delays_an_approval(approved, shop, messages, monkeypatch):
    sent = []

    def hang(*args, **kwargs):
        sent.append(args)
        time.sleep(5)
        raise ConnectionError

    monkeypatch.setattr(app, "send_task", hang)
    began = time.monotonic()

    for _ in range(3):
        approved(workflow(step(f"{shop.url}/refunds")))

    assert time.monotonic() - began < 3
    assert Execution.objects.filter(status="scheduled").count() == 3
    wait_for(lambda: sent)
    connections.close_all()
