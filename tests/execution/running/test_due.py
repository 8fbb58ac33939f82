"""A message carries out its own execution and what else is due."""

from __future__ import annotations

import re
import threading
from datetime import timedelta
from itertools import repeat

import pytest
from django.db import connection, connections, transaction
from django.db.models.functions import Now

from approvals.deciding import decide
from audit.ground.actors import SYSTEM
from execution.holding.lease import take
from execution.models import Execution
from execution.models.executions import Next, Priority
from execution.running import run as running
from execution.running.run import run_next, run_what_is_due
from execution.tasks import sweep
from governance.models import ActionType
from governance.trust import halts
from reviewapp.celery import app
from suggestions.models import Proposal
from tests.conftest import actor_of
from tests.execution.conftest import step, workflow

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _no_hurry(monkeypatch):
    """However slow the machine is, a message has time enough."""
    monkeypatch.setattr(running, "SECONDS", 60)


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


def of_priority(execution, priority):
    Execution.objects.filter(pk=execution.pk).update(priority=priority)
    return execution


def test_what_is_urgent_overtakes_what_has_been_due_for_longer(approved, shop, monkeypatch):
    monkeypatch.setattr(running, "_TURNS", repeat(Next.BY_PRIORITY))
    plan = workflow(step(f"{shop.url}/refunds"))
    own, *flood = (of_priority(approved(plan), 2) for _ in range(4))
    soon, urgent = of_priority(approved(plan), 1), of_priority(approved(plan), 0)

    run_what_is_due(own.pk)

    assert keys(shop)[:3] == [str(one.pk) for one in (own, urgent, soon)]
    assert sorted(keys(shop)[3:]) == sorted(str(one.pk) for one in flood)


def test_what_had_waited_for_a_route_lets_what_is_due_anew_go_first(approved, shop, monkeypatch):
    monkeypatch.setattr(running, "_TURNS", repeat(Next.BY_PRIORITY))
    plan = workflow(step(f"{shop.url}/refunds"))
    back, back_and_soon, own, new = (approved(plan) for _ in range(4))
    due_for(of_priority(back_and_soon, 1), 20)
    due_for(back, 20)
    Execution.objects.filter(pk__in=[back.pk, back_and_soon.pk]).update(waits_for="POST http://shop/refunds")

    run_what_is_due(own.pk)

    assert keys(shop) == [str(one.pk) for one in (own, back_and_soon, new, back)]


def test_whom_to_take_next_is_found_at_the_front_of_an_index(approved, shop):
    for _ in range(3):
        approved(workflow(step(f"{shop.url}/refunds")))
    for which in Next:
        with connection.cursor() as cursor, transaction.atomic():
            cursor.execute("SET LOCAL enable_seqscan = off")
            cursor.execute("SET LOCAL enable_sort = off")
            cursor.execute(f"EXPLAIN {which.value}", [1.0])
            plan = "\n".join(line for (line,) in cursor.fetchall())
        scans = re.findall(r"Index Scan using (execution_scheduled\w+|execution_running\w+)", plan)
        assert set(scans) <= {
            "execution_scheduled_by_turn",
            "execution_scheduled_by_due",
            "execution_running_by_lease",
        }
        assert len(scans) == {Next.BY_PRIORITY: 7, Next.URGENT: 3, Next.OLDEST: 1}[which], plan
        assert "Sort" not in plan, plan


def test_what_is_not_urgent_moves_on_while_more_and_more_is_urgent(approved, shop):
    plan = workflow(step(f"{shop.url}/refunds"))
    ordinary, *urgent = (of_priority(approved(plan), 0) for _ in range(8))
    due_for(of_priority(ordinary, 2), 20)

    run_what_is_due(urgent[0].pk)

    assert keys(shop).index(str(ordinary.pk)) < 5


def test_a_worker_for_what_is_urgent_takes_nothing_else(approved, shop):
    plan = workflow(step(f"{shop.url}/refunds"))
    ordinary, *urgent = (of_priority(approved(plan), 0) for _ in range(3))
    due_for(of_priority(ordinary, 1), 20)

    run_what_is_due(urgent[0].pk, urgent=True)

    assert keys(shop) == [str(one.pk) for one in urgent]


def test_what_a_worker_left_in_the_middle_comes_first_without_a_message(approved, shop):
    plan = workflow(step(f"{shop.url}/refunds"))
    due, left = (of_priority(approved(plan), 2) for _ in range(2))
    take(left.pk)
    assert take(Next.URGENT) is None
    Execution.objects.filter(pk=left.pk).update(lease_until=Now() - timedelta(seconds=1))

    assert take(Next.URGENT) is None
    assert [lease and lease.execution_id for lease in (take(), take(), take())] == [left.pk, due.pk, None]

    of_priority(left, 0)
    Execution.objects.filter(pk=left.pk).update(lease_until=Now() - timedelta(seconds=1))
    again = take(Next.URGENT)
    assert (again.execution_id, again.fence) == (left.pk, 3)


@pytest.mark.parametrize(
    ("risk", "priority", "expected"), [(3, 50, 0), (0, 80, 0), (2, 79, 1), (1, 50, 2), (0, 0, 2)]
)
def test_an_execution_is_as_urgent_as_its_proposal(risk, priority, expected):
    assert Priority.of(Proposal(risk=risk, priority=priority)) == expected


@pytest.mark.parametrize(
    ("pressing", "task"), [(80, "execution.tasks.execute_urgent"), (50, "execution.tasks.execute")]
)
def test_what_is_urgent_is_told_of_in_a_queue_of_its_own(
    proposal, ana, action_type, monkeypatch, pressing, task
):
    told = []
    monkeypatch.setattr("audit.outbox.tell_worker._hand_over", lambda *message: told.append(message[0]))
    ActionType.objects.update(workflow=workflow(step("http://127.0.0.1:9/")))
    Proposal.objects.update(priority=pressing)
    suggestion = proposal.suggestions.get()

    decide.approve(suggestion, reviewer=ana, actor=actor_of(ana), shown_digest=suggestion.action_digest)

    assert task in told
    Execution.objects.update(queued_at=None)
    sent = []
    monkeypatch.setattr(app, "send_task", lambda name, *_, **__: sent.append(name))
    sweep()
    assert sent == [task]
