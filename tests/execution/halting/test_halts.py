"""What a kill switch stops, holds and lets go on: asked of the database, whoever runs."""

from __future__ import annotations

import threading
import time
from datetime import timedelta

import pytest
from django.db import connections, transaction
from django.db.models import F
from django.db.models.functions import Now

from audit.ground.actors import SYSTEM
from execution.desk import attend
from execution.halting.release import held_by, lift, settle
from execution.handing_back.hand_back import report_result
from execution.healing.endings import put_off
from execution.holding.lease import take
from execution.holding.outbox import EXECUTIONS
from execution.models import Execution
from execution.running import overdue
from execution.running.run import run
from governance.models import Halt
from governance.trust import halts
from tests.execution.conftest import events_of, run_to_rest, step, tried, wait_for, workflow

pytestmark = pytest.mark.django_db


@pytest.fixture
def throw():
    return lambda scope="everything", **what: halts.throw(scope, reason="It runs wild.", actor=SYSTEM, **what)


@pytest.fixture
def lifted(olga):
    """`lifted(halt)` lifts a kill switch and sees to what it held."""

    def lift_it(halt):
        lift(halt, reason="Over.", by=olga, actor=SYSTEM)
        return settle()

    return lift_it


def fresh(execution):
    return Execution.objects.get(pk=execution.pk)


def age(**by):
    """Let everything have happened so much earlier."""
    ago = timedelta(**by)
    Halt.objects.update(at=F("at") - ago)
    times = ("created_at", "due_at", "deadline", "timed_from")
    Execution.objects.update(**{name: F(name) - ago for name in times})


@pytest.mark.parametrize("scope", ["everything", "agent", "action"])
def test_nothing_in_its_scope_begins(scope, throw, approved, shop, agent):
    execution = approved(workflow(step(f"{shop.url}/refunds")))
    throw(scope, **{"agent": {"agent": agent}, "action": {"action": "refund_payment"}}.get(scope, {}))
    Execution.objects.update(queued_at=None)

    run(execution.pk)

    assert (EXECUTIONS.due(), take(execution.pk)) == ([], None)
    assert (fresh(execution).status, shop.calls) == ("scheduled", [])


def test_what_it_does_not_name_goes_on(throw, approved, shop, olga):
    from governance.actions.action_types import register
    from governance.models import Agent
    from tests.conftest import REFUND

    register({**REFUND, "name": "ship_again"}, actor=SYSTEM)
    throw("agent", agent=Agent.objects.create(name="other-bot", owner=olga))
    throw("action", action="ship_again")

    assert run_to_rest(approved(workflow(step(f"{shop.url}/refunds")))).status == "succeeded"


def test_the_action_that_was_approved_counts_not_the_one_that_was_proposed_first(throw, approved, shop):
    from governance.actions.action_types import register
    from tests.conftest import REFUND, suggestion_body

    register({**REFUND, "name": "ship_again"}, actor=SYSTEM)
    throw("action", action="ship_again")
    both = [suggestion_body(), suggestion_body(rank=2, action="ship_again")]

    assert (
        run_to_rest(approved(workflow(step(f"{shop.url}/refunds")), suggestions=both)).status == "succeeded"
    )


def test_it_goes_on_when_lifted(throw, lifted, approved, shop):
    execution = approved(workflow(step(f"{shop.url}/refunds")))
    halt = throw()
    run(execution.pk)
    assert (held_by([halt]), EXECUTIONS.due()) == ({halt.pk: 1}, [])

    assert lifted(halt) == 1

    assert EXECUTIONS.due() == [execution.pk]
    assert run_to_rest(execution).status == "succeeded"
    assert len(shop.calls) == 1
    assert "execution.released" in events_of(execution)


def test_another_that_is_on_still_holds_it(throw, lifted, approved, shop, agent):
    execution = approved(workflow(step(f"{shop.url}/refunds")))
    wide, narrow = throw(), throw("agent", agent=agent)

    assert lifted(wide) == 0
    run(execution.pk)
    assert fresh(execution).status == "scheduled"

    assert lifted(narrow) == 1
    assert run_to_rest(execution).status == "succeeded"


def test_nothing_begins_between_the_lifting_and_the_settling(throw, approved, shop, olga):
    """Or a grace period that ran out meanwhile would be cut short."""
    execution = approved(workflow(step(f"{shop.url}/refunds")), grace=60)
    halt = throw()
    age(minutes=5)
    lift(halt, reason="Over.", by=olga, actor=SYSTEM)

    assert take(execution.pk) is None
    assert (settle(), settle()) == (1, 0)
    assert take(execution.pk) is None  # a minute of grace is left


# --- Clocks stand still -----------------------------------------------------------------------


def test_a_held_deadline_does_not_run_out_and_is_put_off_by_the_time_held(throw, lifted, approved, shop):
    execution = approved(workflow(step(f"{shop.url}/refunds")))
    before = execution_times(execution)
    halt = throw()
    age(days=3)

    assert overdue.end_what_is_overdue() == 0
    lifted(halt)

    after = execution_times(execution)
    assert after["left"] == pytest.approx(before["left"], abs=5)
    assert overdue.end_what_is_overdue() == 0
    assert run_to_rest(execution).status == "succeeded"


def test_what_is_left_of_a_grace_period_is_left_afterwards(throw, lifted, approved, shop):
    execution = approved(workflow(step(f"{shop.url}/refunds")), grace=60)
    Execution.objects.update(due_at=Now() + timedelta(seconds=40))
    halt = throw()
    age(hours=2)

    lifted(halt)

    assert execution_times(execution)["until_due"] == pytest.approx(40, abs=5)


def test_what_was_due_before_is_due_at_once(throw, lifted, approved, shop):
    execution = approved(workflow(step(f"{shop.url}/refunds")))
    halt = throw()
    age(hours=2)

    lifted(halt)

    assert execution_times(execution)["until_due"] < 0


def test_overlapping_ones_are_counted_once(throw, lifted, approved, shop, agent):
    execution = approved(workflow(step(f"{shop.url}/refunds")))
    before = execution_times(execution)
    wide = throw()
    age(hours=1)
    narrow = throw("agent", agent=agent)
    age(hours=1)
    lifted(wide)
    age(hours=1)  # which moves the end of the first as little as its beginning matters
    Halt.objects.filter(pk=wide.pk).update(lifted_at=F("lifted_at") - timedelta(hours=1))

    assert lifted(narrow) == 1

    assert execution_times(execution)["left"] == pytest.approx(before["left"], abs=5)


def test_what_came_while_it_was_on_is_held_from_then(throw, lifted, approved, shop):
    halt = throw()
    age(hours=5)
    execution = approved(workflow(step(f"{shop.url}/refunds")))
    before = execution_times(execution)

    lifted(halt)

    assert execution_times(execution)["left"] == pytest.approx(before["left"], abs=5)


def test_many_are_released_in_batches(throw, lifted, approved, shop, monkeypatch):
    monkeypatch.setattr("execution.halting.release.AT_ONCE", 2)
    plan = workflow(step(f"{shop.url}/refunds"))
    many = [approved(plan) for _ in range(5)]
    halt = throw()

    assert lifted(halt) == 5

    assert len(EXECUTIONS.due()) == len(many)
    assert Halt.objects.get().settled_at is not None


def execution_times(execution):
    rows = Execution.objects.filter(pk=execution.pk).annotate(
        left=F("deadline") - Now(), until_due=F("due_at") - Now()
    )
    return {name: value.total_seconds() for name, value in rows.values("left", "until_due")[0].items()}


def test_a_try_that_was_put_off_meanwhile_waits_no_longer_than_it_would(throw, lifted, approved, shop):
    """The attempt under way fails while it is on: what is left of its wait is left afterwards."""
    shop.will("/refunds", (429, {}, {"Retry-After": "30"}))
    execution = approved(workflow(step(f"{shop.url}/refunds")))
    lease = take(execution.pk)
    halt = throw()
    age(hours=2)
    put_off(lease, fresh(execution), 30)

    lifted(halt)

    assert execution_times(execution)["until_due"] == pytest.approx(30, abs=5)


# --- In the middle of it ----------------------------------------------------------------------


def test_an_attempt_that_is_under_way_is_finished_and_nothing_after_it(throw, lifted, approved, shop):
    """Two steps: it is thrown while the first one's call is on its way."""
    execution = approved(workflow(step(f"{shop.url}/one", name="one"), step(f"{shop.url}/two", name="two")))
    thrown = []

    def throws_meanwhile(*args, **kwargs):
        thrown.append(throw())
        return original(*args, **kwargs)

    from execution.routes import http

    original = http.call
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(http, "call", throws_meanwhile)
        run(execution.pk)

    now = fresh(execution)
    assert (now.status, now.lease_until) == ("scheduled", None)
    assert [path for _, path, _, _ in shop.calls] == ["/one"]
    assert tried(execution) == [("1", "succeeded")]
    assert [s.status for s in now.steps.all()] == ["completed", "waiting"]
    assert events_of(execution)[-1] == "execution.held"

    lifted(thrown[0])

    assert run_to_rest(execution).status == "succeeded"
    assert [path for _, path, _, _ in shop.calls] == ["/one", "/two"]


def test_a_retry_waits_too(throw, lifted, approved, shop):
    shop.will("/refunds", 429, 201)
    execution = approved(workflow(step(f"{shop.url}/refunds")))
    run(execution.pk)
    assert tried(execution) == [("1", "failed")]
    halt = throw()
    time.sleep(0.02)

    run(execution.pk)
    assert len(shop.calls) == 1

    lifted(halt)
    assert run_to_rest(execution).status == "succeeded"
    assert len(shop.calls) == 2


def test_a_worker_that_comes_back_respects_it(throw, approved, shop):
    """Killed in the middle of an attempt: its lease runs out and nobody takes it over."""
    execution = approved(workflow(step(f"{shop.url}/refunds")), idempotent=True)
    take(execution.pk)
    throw()
    Execution.objects.update(lease_until=Now() - timedelta(seconds=1), queued_at=None)

    run(execution.pk)

    assert (EXECUTIONS.due(), shop.calls, fresh(execution).status) == ([], [], "running")


def test_a_person_retries_and_it_waits(throw, lifted, approved, shop, olga):
    shop.will("/refunds", 400, 201)
    execution = run_to_rest(approved(workflow(step(f"{shop.url}/refunds"))))
    assert execution.status == "needs_attention"
    halt = throw()

    attend.retry(execution, by=olga)
    run(execution.pk)
    assert (fresh(execution).status, len(shop.calls)) == ("scheduled", 1)

    lifted(halt)
    assert run_to_rest(execution).status == "succeeded"


# --- Where the agent does it ------------------------------------------------------------------


def test_an_agent_is_not_asked_before_it_is_lifted(throw, lifted, approved):
    halt = throw()
    execution = approved(None)
    run(execution.pk)
    assert (fresh(execution).status, events_of(execution)) == ("scheduled", ["execution.scheduled"])

    lifted(halt)
    run(execution.pk)

    now = fresh(execution)
    assert (now.status, now.reason) == ("handed_back", "The agent carries it out and reports the result.")
    assert report_result(now.proposal, agent=now.proposal.agent, outcome="succeeded").status == "succeeded"


def test_asked_again_by_a_person_it_waits_as_well(throw, lifted, approved, olga):
    execution = approved(None)
    Execution.objects.update(status="needs_attention")
    halt = throw()

    attend.retry(fresh(execution), by=olga)
    run(execution.pk)
    assert fresh(execution).status == "scheduled"

    lifted(halt)
    run(execution.pk)
    assert fresh(execution).status == "handed_back"


def test_the_last_route_hands_back_only_when_it_is_lifted(throw, lifted, approved, shop):
    back = {"kind": "handback", "within": "2h"}
    shop.will("/refunds", 400)
    execution = approved(workflow(step(f"{shop.url}/refunds", back)))
    from execution.routes import http

    original, thrown = http.call, []

    def throws_meanwhile(*args, **kwargs):
        thrown.append(throw())
        return original(*args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(http, "call", throws_meanwhile)
        run(execution.pk)
    assert fresh(execution).status == "scheduled"

    lifted(thrown[0])
    run(execution.pk)
    assert fresh(execution).status == "handed_back"


def test_a_result_is_taken_while_it_is_on(throw, approved):
    execution = approved(None)
    throw()

    taken = report_result(execution.proposal, agent=execution.proposal.agent, outcome="succeeded")

    assert taken.status == "succeeded"


def test_an_agents_time_to_report_stands_still(throw, lifted, approved):
    execution = approved(None)
    before = execution_times(execution)
    halt = throw()
    age(days=1)
    assert overdue.end_what_is_overdue() == 0

    lifted(halt)

    assert execution_times(execution)["left"] == pytest.approx(before["left"], abs=5)


# --- Races ------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_at_the_moment_of_throwing_each_began_before_or_not_at_all(throw, approved, shop):
    plan = workflow(step(f"{shop.url}/refunds"))
    waiting = [approved(plan).pk for _ in range(40)]
    start = threading.Barrier(5)

    def work(mine):
        start.wait()
        for execution_id in mine:
            take(execution_id)
        connections.close_all()

    workers = [threading.Thread(target=work, args=(waiting[n::4],)) for n in range(4)]
    for worker in workers:
        worker.start()
    start.wait()
    wait_for(lambda: Execution.objects.filter(status="running").count() >= 3)
    throw()
    begun = Execution.objects.filter(status="running").count()
    for worker in workers:
        worker.join()

    assert Execution.objects.filter(status="running").count() == begun
    assert 0 < begun < 40


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_takes_while_it_is_being_thrown_waits_and_gets_nothing(throw, approved, shop):
    execution = approved(workflow(step(f"{shop.url}/refunds")))
    taken = []

    def work():
        taken.append(take(execution.pk))
        connections.close_all()

    worker = threading.Thread(target=work)
    with transaction.atomic():
        throw()
        worker.start()
        worker.join(0.5)
        assert (worker.is_alive(), taken) == (True, [])
    worker.join(5)

    assert taken == [None]


@pytest.mark.django_db(transaction=True)
def test_an_attempt_that_begins_while_it_is_being_thrown_does_not(throw, approved, shop):
    execution = approved(workflow(step(f"{shop.url}/refunds")))
    from execution.running.turn import Turn

    begins = Turn(take(execution.pk).renew)

    def work():
        begins.go()
        connections.close_all()

    worker = threading.Thread(target=work)
    with transaction.atomic():
        throw()
        worker.start()
        worker.join(0.5)
        assert worker.is_alive()
    worker.join(5)

    execution.refresh_from_db()
    assert (execution.status, shop.calls) == ("scheduled", [])
    assert events_of(execution)[-1] == "execution.held"
