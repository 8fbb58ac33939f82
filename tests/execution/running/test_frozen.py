"""A worker that is stopped (SIGSTOP) in the middle of an attempt and goes on when its time is over."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db.models.functions import Now

from execution.desk import attend
from execution.models import Attempt, Execution
from execution.running.run import run
from tests.execution.conftest import run_to_rest, step, tried, wait_for, workflow

pytestmark = pytest.mark.django_db(transaction=True)
ROOT = Path(__file__).resolve().parents[3]
BEFORE_ANY_BYTE = ["opened", "connected", "asked"]


@pytest.fixture
def frozen(shop: Any) -> Iterator[Callable[[Any, str], subprocess.Popen[bytes]]]:
    """`frozen(execution, point)` starts a worker and returns when it is stopped there."""
    started: list[subprocess.Popen[bytes]] = []

    def start(execution: Any, point: str, *, lease: int = 2) -> subprocess.Popen[bytes]:
        environment = {
            **os.environ,
            "TEST_LEASE": str(lease),
            "DJANGO_SETTINGS_MODULE": "tests.execution.worker_settings",
            "TEST_DOWNSTREAM": shop.place,
            "PYTHONPATH": str(ROOT),
        }
        command = [sys.executable, "-m", "tests.execution.running.frozen", f"{execution.pk}:{point}"]
        started.append(subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL))
        wait_for(lambda: is_stopped(started[-1]), seconds=60)
        return started[-1]

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.wait(10)


def is_stopped(process: subprocess.Popen[bytes]) -> bool:
    assert process.poll() is None, "it ended instead of being stopped"
    return Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


def go_on(process: subprocess.Popen[bytes]) -> None:
    """Let it go on, and wait until it has nothing more to do."""
    process.send_signal(signal.SIGCONT)
    process.wait(30)


def taken_over(execution: Any) -> Execution:
    """What another worker makes of it, once the lease of the first has run out."""
    wait_for(lambda: Execution.objects.filter(pk=execution.pk, lease_until__lte=Now()), seconds=30)
    run(execution.pk)
    return Execution.objects.get(pk=execution.pk)


@pytest.mark.parametrize("point", BEFORE_ANY_BYTE)
def test_what_a_person_cancelled_is_not_sent_by_a_worker_that_was_frozen(
    point: str, frozen: Any, approved: Any, shop: Any, olga: Any
) -> None:
    execution = approved(workflow(step(f"{shop.url}/refunds")))
    zombie = frozen(execution, point)
    execution = taken_over(execution)
    assert (execution.status, tried(execution)) == ("needs_attention", [("1", "unknown")])
    attend.cancel(execution, by=olga)

    go_on(zombie)

    assert shop.calls == []
    execution.refresh_from_db()
    assert (execution.status, tried(execution)) == ("cancelled", [("1", "unknown")])


def test_what_a_person_retried_is_sent_once(frozen: Any, approved: Any, shop: Any, olga: Any) -> None:
    execution = approved(workflow(step(f"{shop.url}/refunds")))
    zombie = frozen(execution, "opened")
    attend.retry(taken_over(execution), by=olga, checked=True)
    execution = run_to_rest(execution)
    assert (execution.status, len(shop.calls)) == ("succeeded", 1)

    go_on(zombie)

    execution.refresh_from_db()
    assert (execution.status, len(shop.calls)) == ("succeeded", 1)
    assert tried(execution) == [("1", "unknown"), ("1", "succeeded")]


def test_a_worker_whose_time_is_over_and_whom_nobody_replaced_says_that_nothing_was_sent(
    frozen: Any, approved: Any, shop: Any
) -> None:
    execution = approved(workflow(step(f"{shop.url}/refunds")))
    zombie = frozen(execution, "connected")
    wait_for(lambda: Execution.objects.filter(lease_until__lte=Now()), seconds=30)

    go_on(zombie)

    assert shop.calls == []
    attempt = Attempt.objects.get()
    assert (attempt.outcome, attempt.detail[:9]) == ("failed", "Not sent:")
    assert run_to_rest(execution).status == "succeeded"  # so it is safe to try again
    assert len(shop.calls) == 1


def test_a_worker_that_is_frozen_for_a_moment_goes_on(frozen: Any, approved: Any, shop: Any) -> None:
    execution = approved(workflow(step(f"{shop.url}/refunds")))

    go_on(frozen(execution, "opened", lease=60))

    execution.refresh_from_db()
    assert (execution.status, len(shop.calls)) == ("succeeded", 1)


def test_what_has_left_before_is_told_as_unknown(frozen: Any, approved: Any, shop: Any, olga: Any) -> None:
    execution = approved(workflow(step(f"{shop.url}/refunds")))
    zombie = frozen(execution, "sent")
    execution = taken_over(execution)

    assert (execution.status, len(shop.calls)) == ("needs_attention", 1)
    assert "may have taken effect" in execution.reason
    go_on(zombie)
    execution.refresh_from_db()
    assert (execution.status, len(shop.calls)) == ("needs_attention", 1)
