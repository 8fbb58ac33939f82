"""A message carries out its own execution and what else is due."""

from __future__ import annotations

import threading

import pytest
from django.db import connection, connections, transaction

from audit.ground.actors import SYSTEM
from execution.holding.lease import take
from execution.models import Execution
from execution.running import run as running
from execution.running.run import run_next, run_what_is_due
from governance.trust import halts
from tests.execution.conftest import step, workflow

pytestmark = pytest.mark.django_db(transaction=True)


def keys(shop):
    return [headers["idempotency-key"].partition("/")[0] for headers, _ in shop.asked("/refunds")]


def due_for(execution, seconds):
    moved = "UPDATE execution_execution SET due_at = due_at - make_interval(secs => %s) WHERE id = %s"
    with connection.cursor() as cursor:
        cursor.execute(moved, [seconds, execution.pk])


def test_after_its_own_a_message_carries_out_what_has_been_due_longest(approved, shop):
    plan = workflow(step(f"{shop.url}/refunds"))
    own, later, first, second = (approved(plan) for _ in range(4))
    for execution, seconds in ((later, -60), (first, 20), (second, 10)):
        due_for(execution, seconds)

    run_what_is_due(own.pk)

    assert keys(shop) == [str(one.pk) for one in (own, first, second)]
    assert not run_next()
    later.refresh_from_db()
    assert later.status == "scheduled"


def test_what_is_done_already_keeps_nobody_from_the_others(approved, shop):
    plan = workflow(step(f"{shop.url}/refunds"))
    done, other = approved(plan), approved(plan)
    Execution.objects.filter(pk=done.pk).update(status="cancelled")

    run_what_is_due(done.pk)

    assert keys(shop) == [str(other.pk)]


def test_others_have_their_turn_and_the_rest_another_message(approved, shop, monkeypatch):
    told = []
    plan = workflow(step(f"{shop.url}/refunds"))
    own, rest = approved(plan), approved(plan)
    monkeypatch.setattr(running, "SECONDS", 0)
    monkeypatch.setattr("audit.outbox.tell_worker._hand_over", lambda *message: told.append(message))

    run_what_is_due(own.pk)

    assert keys(shop) == [str(own.pk)]
    assert [message[:2] for message in told] == [("execution.tasks.execute", str(own.pk))]
    rest.refresh_from_db()
    assert rest.status == "scheduled"


def test_what_a_kill_switch_holds_is_passed_over(approved, shop):
    held = approved(workflow(step(f"{shop.url}/refunds")))
    halts.throw("agent", agent=held.proposal.agent, reason="It runs wild.", actor=SYSTEM)

    assert take() is None
    assert not run_next()


def test_who_comes_at_the_same_time_takes_another_one_without_waiting(approved, shop):
    plan = workflow(step(f"{shop.url}/refunds"))
    first, second = approved(plan), approved(plan)
    found = []

    def other():
        found.extend([take(), take()])
        connections.close_all()

    with transaction.atomic():
        mine = take()
        thread = threading.Thread(target=other)
        thread.start()
        thread.join(10)

    assert mine.execution_id == first.pk
    assert [lease and lease.execution_id for lease in found] == [second.pk, None]
