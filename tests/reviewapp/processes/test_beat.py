"""The clock: it sends only rounds that have something to do, and no kind of due work escapes its question."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from celery.worker import request
from django.db import OperationalError, connection
from django.db.models.functions import Now
from kombu import Exchange, Queue

from approvals.deciding import decide
from approvals.models import CheckPlan
from approvals.models.notices import Delivery, Message, Notice, Target
from audit.outbox import broker, tell_worker
from execution.models import Attention, BulkRetry, Execution, Heartbeat, ManualTask
from governance.models import Absence, Halt, Incident, StandingApproval
from reviewapp.celery import app
from reviewapp.processes import beat, rounds
from reviewapp.processes.beat import Clock
from suggestions.models import (
    Backtest,
    Callback,
    CallbackEndpoint,
    Proposal,
    RejectedAction,
    Sample,
    SecondReview,
)
from suggestions.past import rollups
from tests.conftest import actor_of, in_force
from tests.sealed import seal_all

JUST_NOW = timedelta(seconds=1)
ALWAYS = {one.task for one in rounds.ROUNDS if one.due == "TRUE"}
app.loader.import_default_modules()


@pytest.fixture(autouse=True)
def empty_queue() -> Iterator[None]:
    def empty() -> None:
        with app.connection_for_write() as at_broker:
            at_broker.default_channel.client.delete("ticks")

    empty()
    yield
    empty()


def due() -> set[str]:
    """The rounds with something to do, but for those that always have."""
    return {one.task for one in Clock().due(time.monotonic())} - ALWAYS


def at_rest() -> None:
    """Do what is due until nothing is."""
    for _ in range(6):
        for task in due():
            app.tasks[task]()


# --- What is due --------------------------------------------------------------------------------------


@dataclass
class Scene:
    """A proposal that waits, and two who may decide on it."""

    proposal: Proposal
    ana: Any
    ben: Any

    def approve(self) -> None:
        suggestion = self.proposal.suggestions.get()
        shown = suggestion.action_digest
        decide.approve(suggestion, reviewer=self.ana, actor=actor_of(self.ana), shown_digest=shown)

    def change(self, **columns: Any) -> None:
        Proposal.objects.filter(pk=self.proposal.pk).update(**columns)

    def execution(self, **columns: Any) -> None:
        self.approve()
        late = {"due_at": Now() - JUST_NOW, "queued_at": None, "deadline": Now() + timedelta(hours=1)}
        Execution.objects.update(**{**late, **columns})

    def sample(self, **columns: Any) -> None:
        of = {"agent_id": self.proposal.agent_id, "action": self.proposal.action, "team_id": "operations"}
        Sample.objects.create(proposal=self.proposal, share=1, **of, **columns)

    def second_review(self, **columns: Any) -> None:
        people = {"first": self.ana, "second": self.ben, "team_id": "operations"}
        SecondReview.objects.create(proposal=self.proposal, share=1, **people, **columns)


CASES: list[tuple[str, Callable[[Scene], None]]] = []


def makes_due(task: str) -> Callable[[Callable[[Scene], None]], Callable[[Scene], None]]:
    def noted(case: Callable[[Scene], None]) -> Callable[[Scene], None]:
        CASES.append((task, case))
        return case

    return noted


@makes_due("approvals.tasks.expire")
def nobody_decided(scene: Scene) -> None:
    scene.change(deadline=Now() - JUST_NOW)


@makes_due("approvals.tasks.deadline")
def to_remind_of(scene: Scene) -> None:
    scene.change(remind_at=Now() - JUST_NOW)


@makes_due("approvals.tasks.deadline")
def to_escalate(scene: Scene) -> None:
    verdict = {**scene.proposal.verdict, "escalate_to": "finance"}
    scene.change(escalate_at=Now() - JUST_NOW, verdict=verdict)


@makes_due("approvals.tasks.stand_in")
def an_absence_begins(scene: Scene) -> None:
    times = {"since": Now() - JUST_NOW, "until": Now() + timedelta(days=1)}
    Absence.objects.create(person=scene.ana, deputy=scene.ben, by=scene.ana, **times)


@makes_due("approvals.tasks.sample")
def a_sample_was_carried_out(scene: Scene) -> None:
    scene.execution(status="succeeded")
    scene.sample()


@makes_due("approvals.tasks.sample")
def a_sample_was_not_answered(scene: Scene) -> None:
    scene.sample(status="open", deadline=Now() - JUST_NOW)


@makes_due("approvals.tasks.sample")
def a_second_review_was_not_answered(scene: Scene) -> None:
    scene.second_review(deadline=Now() - JUST_NOW)


@makes_due("approvals.tasks.sample")
def a_second_review_is_of_nobody(scene: Scene) -> None:
    scene.second_review(deadline=Now() + timedelta(days=1))
    type(scene.ben).objects.filter(pk=scene.ben.pk).update(is_active=False)


@makes_due("execution.tasks.sweep")
def a_lost_message(scene: Scene) -> None:
    scene.execution(status="scheduled", queued_at=Now() - timedelta(seconds=6))


@makes_due("execution.tasks.sweep")
def due_since_it_was_told_of(scene: Scene) -> None:
    scene.execution(status="scheduled", queued_at=Now() - 2 * JUST_NOW)


@makes_due("execution.tasks.sweep")
def a_lease_ran_out(scene: Scene) -> None:
    scene.execution(status="running", lease_until=Now() - JUST_NOW)


@makes_due("execution.tasks.sweep")
def an_overdue_execution(scene: Scene) -> None:
    scene.execution(status="handed_back", deadline=Now() - JUST_NOW)


@makes_due("execution.tasks.retry_many")
def a_bulk_retry(scene: Scene) -> None:
    by = {"by": scene.ana, "on_behalf_of": scene.ana}
    BulkRetry.objects.create(key="k", rate=60, reason="x", total=1, **by)


@makes_due("execution.tasks.remind")
def a_team_has_little_time_left(scene: Scene) -> None:
    scene.execution(status="handed_back", deadline=Now() + timedelta(minutes=1))
    execution = Execution.objects.get()
    of = {"step": execution.steps.get(), "team_id": "operations"}
    ManualTask.objects.create(execution=execution, remind_before=120, **of)


@makes_due("execution.tasks.sweep")
def a_lifted_kill_switch(scene: Scene) -> None:
    lifted = {"lifted_by": scene.ben, "lifted_at": Now(), "lifting_reason": "Over."}
    Halt.objects.create(scope="everything", reason="Wrong.", by=scene.ana, **lifted)


@makes_due("execution.tasks.sweep")
def approved_and_not_scheduled(scene: Scene) -> None:
    scene.approve()
    Execution.objects.all().delete()


@makes_due("execution.tasks.sweep")
def not_looked_for_a_minute(_: Scene) -> None:
    Heartbeat.objects.filter(name="adopted").update(at=Now() - timedelta(seconds=61))


@makes_due("execution.tasks.page")
def to_remind_of_what_needs_attention(scene: Scene) -> None:
    scene.execution(status="needs_attention")
    asked = {"team_id": "operations", "deadline": Now(), "remind_at": Now() - JUST_NOW}
    Attention.objects.create(execution=Execution.objects.get(), **asked)


@makes_due("execution.tasks.page")
def to_remind_of_an_incident(_: Scene) -> None:
    Incident.objects.create(kind="mismatch", detail="x", remind_at=Now() - JUST_NOW)


def owed(proposal: Proposal, **how: Any) -> Callback:
    told = {"origin": "https://a.example", "type": "proposal.approved", "data": {}}
    return Callback.objects.create(proposal=proposal, agent_id=proposal.agent_id, **{**told, **how})


@makes_due("suggestions.tasks.sweep")
def a_callback(scene: Scene) -> None:
    owed(scene.proposal)


@makes_due("suggestions.tasks.sweep")
def a_probe(scene: Scene) -> None:
    waits = owed(scene.proposal, status="paused")
    since = {"paused_at": Now() - JUST_NOW, "paused_because": "failing", "probe_due_at": Now() - JUST_NOW}
    CallbackEndpoint.objects.create(agent_id=waits.agent_id, origin=waits.origin, **since)


@makes_due("suggestions.tasks.sweep_backtests")
def a_backtest(_: Scene) -> None:
    policy = in_force("version: 1\ndefaults: {verdict: review}")
    Backtest.objects.filter(policy=policy).delete()
    Backtest.objects.create(policy=policy, chosen={"days": 7})


@makes_due("approvals.tasks.follow_log")
def a_sealed_event(scene: Scene) -> None:
    scene.approve()
    seal_all()


@makes_due("audit.tasks.seal")
def an_event(scene: Scene) -> None:
    scene.approve()


@makes_due("audit.tasks.seal")
def a_leaf_without_a_signature(scene: Scene) -> None:
    seal_all()
    scene.approve()
    seal_all()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE audit_sealer SET signed_at = signed_at - interval '11 seconds'")


@makes_due("approvals.tasks.tell")
def a_notice(scene: Scene) -> None:
    told = {"team_id": "operations", "risk": 1, "urgent": False, "due_at": Now() - JUST_NOW}
    Notice.objects.create(user=scene.ana, kind="assigned", outside="waiting", **told)


@makes_due("approvals.tasks.tell")
def a_delivery(scene: Scene) -> None:
    message = Message.objects.create(user=scene.ana, title="News", body="New")
    target = Target.objects.create(user=scene.ana, name="Mine", service="mail", shown="a", sealed=b"")
    Delivery.objects.create(message=message, target=target)


@makes_due("approvals.tasks.end_standing")
def a_standing_approval_is_over(scene: Scene) -> None:
    about = {"agent_id": scene.proposal.agent_id, "action": "refund_payment", "proposal": scene.proposal.pk}
    bounds = {"arguments": {}, "rule": "true", "uses_allowed": 1, "lasts": timedelta(days=1)}
    ends = {"team_id": "operations", "drafted_by": scene.ana, "expires_at": Now() - JUST_NOW}
    StandingApproval.objects.create(**about, **bounds, **ends)


@makes_due("approvals.tasks.throw_dice_for_checks")
def checks_are_on(scene: Scene) -> None:
    CheckPlan.objects.create(team_id="operations", on=True, changed_by=scene.ana)


@makes_due("suggestions.tasks.forget_rejected")
def may_be_asked_again(scene: Scene) -> None:
    RejectedAction.objects.create(fingerprint="f", proposal=scene.proposal, until=Now() - JUST_NOW)


@makes_due("suggestions.tasks.settle_past")
def an_agent_without_sums(_: Scene) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM suggestions_settled")


@makes_due("suggestions.tasks.settle_past")
def sums_fell_behind(_: Scene) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE suggestions_settled SET until = until - interval '6 minutes'")


@makes_due("suggestions.tasks.settle_past")
def a_correction(scene: Scene) -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE suggestions_settled SET until = now() + interval '1 day'")
    rollups.correct(scene.proposal, was="pending", were={})


@pytest.mark.parametrize(("task", "make"), CASES)
def test_what_is_due_is_sent_for(
    proposal: Proposal, ana: Any, ben: Any, task: str, make: Callable[[Scene], None]
) -> None:
    rollups.ask_for([proposal.agent_id], of_subject=False)
    at_rest()
    assert due() == set()

    make(Scene(proposal, ana, ben))

    assert task in due()


def test_each_round_that_asks_has_a_case() -> None:
    assert {task for task, _ in CASES} == {one.task for one in rounds.ROUNDS} - ALWAYS


def test_what_is_due_later_is_not_sent_for(proposal: Proposal, ana: Any, ben: Any) -> None:
    rollups.ask_for([proposal.agent_id], of_subject=False)
    scene, later = Scene(proposal, ana, ben), Now() + timedelta(hours=1)
    scene.change(deadline=Now() + timedelta(hours=2), remind_at=later, escalate_at=later)
    scene.sample(status="open", deadline=later)
    scene.second_review(deadline=later)
    Absence.objects.create(person=ana, deputy=ben, by=ana, since=later, until=Now() + timedelta(hours=2))
    RejectedAction.objects.create(fingerprint="f", proposal=proposal, until=later)
    owed(proposal, due_at=later)
    since = {"paused_at": Now(), "paused_because": "failing"}
    paused = [
        CallbackEndpoint.objects.create(agent_id=proposal.agent_id, origin=origin, probe_due_at=at, **since)
        for origin, at in [("https://a.example", later), ("https://b.example", Now() - JUST_NOW)]
    ]
    owed(proposal, status="paused", origin=paused[0].origin)

    at_rest()

    assert due() == set()


def test_what_the_broker_was_told_of_lately_is_not_sent_for(proposal: Proposal, ana: Any, ben: Any) -> None:
    rollups.ask_for([proposal.agent_id], of_subject=False)
    Scene(proposal, ana, ben).execution(status="scheduled", due_at=Now() - 2 * JUST_NOW, queued_at=Now())
    at_rest()
    assert due() == set()


def test_every_question_is_a_look_into_an_index(db: None) -> None:
    small = {"approvals_checkplan", "audit_sealer", "suggestions_settled"}
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(f"EXPLAIN {rounds.QUESTION}", [True] * len(rounds.ROUNDS))
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert set(re.findall(r"Seq Scan on (\w+)", plan)) <= small


def test_lost_messages_are_missed_as_soon_as_the_outboxes_miss_them() -> None:
    assert min(tell_worker.LOST_AFTER, tell_worker.LOST_IN_A_BACKLOG) == rounds.LOST_AFTER


# --- Sent ---------------------------------------------------------------------------------------------


def test_a_round_is_sent_so_often_and_no_oftener(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    now, clock, sent = 1_000.0, Clock(), []
    monkeypatch.setattr(beat.time, "monotonic", lambda: now)
    monkeypatch.setattr(app, "send_task", lambda task, **_: sent.append(task))
    for _ in range(31):
        clock.tick()
        now += 1

    assert {task: sent.count(task) for task in ALWAYS} == {
        "execution.tasks.heartbeat": 7,
        "audit.tasks.sum_up_refusals": 3,
        "insights.tasks.copy_checkpoints": 4,
        "approvals.tasks.forget_notices": 1,
        "approvals.tasks.forget_figures": 1,
        "governance.tasks.begin_access_review": 1,
        "execution.tasks.watch_workflows": 1,
    }


def test_one_of_each_round_waits_however_long_nobody_works(proposal: Proposal) -> None:
    for _ in range(3):
        Clock().tick()

    assert sorted(broker.waiting("ticks") or ()) == sorted(due() | ALWAYS)


def test_a_round_is_sent_again_once_it_was_taken_even_by_a_worker_that_died(db: None) -> None:
    Clock().tick()
    with app.connection_for_write() as at_broker:
        at_broker.default_channel.client.rpop("ticks")
    [taken] = (ALWAYS | due()) - set(broker.waiting("ticks") or ())

    Clock().tick()

    assert taken in (broker.waiting("ticks") or ())


def test_a_worker_whose_clock_is_ahead_drops_no_round(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    class Tomorrow(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            return datetime.now(tz) + timedelta(days=1)

    Clock().tick()
    monkeypatch.setattr(request, "datetime", Tomorrow)
    with app.connection_for_read() as at_broker:
        queue = at_broker.SimpleQueue(Queue("ticks", Exchange("ticks"), routing_key="ticks"))
        taken = request.Request(queue.get(timeout=5), app=app, task=app.tasks["execution.tasks.sweep"])
        queue.close()

    assert taken.maybe_expire() is None


def test_a_tick_says_that_the_clock_works(db: None) -> None:
    Clock().tick()
    assert Heartbeat.objects.filter(name="beat", at__gte=Now() - timedelta(seconds=5)).exists()


def test_without_a_database_it_goes_on_and_says_nothing(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: Any) -> None:
        raise OperationalError

    clock = Clock()
    with monkeypatch.context() as patch:
        patch.setattr(beat, "execute", away)
        patch.setattr(connection, "close", lambda: None)  # the test's transaction lives in it
        clock.tick()
    assert (broker.waiting("ticks"), Heartbeat.objects.exists()) == ([], False)

    clock.tick()
    assert set(broker.waiting("ticks") or ()) >= ALWAYS


def test_without_a_broker_it_goes_on_and_sends_with_the_next_tick(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any, **__: Any) -> None:
        raise ConnectionError

    clock = Clock()
    with monkeypatch.context() as patch:
        patch.setattr(app, "send_task", away)
        clock.tick()
    assert Heartbeat.objects.filter(name="beat").exists()

    clock.tick()
    assert set(broker.waiting("ticks") or ()) >= ALWAYS


def test_the_clock_loads_no_models() -> None:
    command = "import sys, reviewapp.processes.beat; print([m for m in sys.modules if m.endswith('.models')])"
    told = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True)
    assert set(ast.literal_eval(told.stdout)) == {"django.db.models", "django.forms.models"}
