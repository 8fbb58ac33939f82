from __future__ import annotations

import json
import threading
from typing import Any

import pytest
from django.db import connections, transaction

from audit.ground.actors import SYSTEM
from audit.ground.refusals import Invalid
from audit.models import Event
from governance.door.authentication import caller_of
from governance.models import Halt
from governance.trust import halts
from tests.conftest import actor_of


def throw(scope: str = "everything", reason: str = "Refunds run wild.", **what: Any) -> Halt:
    return halts.throw(scope, reason=reason, actor=SYSTEM, **what)


def test_a_kill_switch_is_thrown_and_lifted_with_its_events(ana: Any, olga: Any, agent: Any) -> None:
    halt = halts.throw("agent", agent=agent, reason=" It repeats itself. ", by=ana, actor=actor_of(ana))
    assert (halt.reason, halt.what, halt.by_name) == ("It repeats itself.", "agent support-bot", "Ana")
    assert [h.pk for h in halts.on()] == [halt.pk]

    lifted = halts.lift(halt, reason="Repaired.", by=olga, actor=actor_of(olga))

    assert lifted.lifted_at is not None
    assert (lifted.lifted_by, lifted.lifting_reason, halts.on()) == (olga, "Repaired.", [])
    told = [(e.type, json.loads(e.body)) for e in Event.objects.order_by("pk")]
    assert [(kind, body["actor"]["name"], body["data"]["agent_name"]) for kind, body in told] == [
        ("halt.thrown", "Ana", "support-bot"),
        ("halt.lifted", "Olga", "support-bot"),
    ]
    assert all("repeats" not in json.dumps(body) and "Repaired" not in json.dumps(body) for _, body in told)


@pytest.mark.parametrize(
    ("what", "pointer"),
    [
        ({"reason": " \n "}, "/reason"),
        ({"reason": "x" * 501}, "/reason"),
        ({"scope": "world"}, "/scope"),
        ({"scope": "agent"}, "/agent"),
        ({"scope": "action"}, "/action"),
        ({"action": "refund_payment"}, "/action"),
        ({"scope": "action", "action": "refund_paiment"}, "/action"),
    ],
)
def test_what_would_stop_nothing_is_refused(db: None, action_type: Any, what: Any, pointer: str) -> None:
    with pytest.raises(Invalid) as refused:
        throw(**what)

    assert refused.value.errors[0]["pointer"] == pointer
    assert not Halt.objects.exists()
    assert not Event.objects.filter(type="halt.thrown").exists()


def test_one_that_is_on_is_not_thrown_again(db: None, agent: Any, action_type: Any) -> None:
    throw()
    throw("agent", agent=agent)
    throw("action", action="refund_payment")

    with pytest.raises(halts.AlreadyHalted, match="everything already, thrown by the console"):
        throw()
    with pytest.raises(halts.AlreadyHalted):
        throw("agent", agent=agent)

    assert Halt.objects.count() == 3


def test_one_that_was_lifted_is_not_lifted_again_and_can_be_thrown_again(olga: Any) -> None:
    halt = throw()
    with pytest.raises(Invalid, match="Some fields"):
        halts.lift(halt, reason=" ", by=olga, actor=SYSTEM)
    halts.lift(halt, reason="over", by=olga, actor=SYSTEM)

    with pytest.raises(halts.NotOn):
        halts.lift(halt, reason="over", by=olga, actor=SYSTEM)

    throw()
    assert Halt.objects.count() == 2


def test_the_widest_stands_first(db: None, agent: Any) -> None:
    throw("agent", agent=agent)
    throw()

    assert [halt.scope for halt in halts.on()] == ["everything", "agent"]


def test_it_covers_what_it_names(db: None, agent: Any, action_type: Any, olga: Any) -> None:
    from governance.models import Agent

    other = Agent.objects.create(name="other-bot", owner=olga)
    for_agent = throw("agent", agent=agent)
    for_action = throw("action", action="refund_payment")

    def covering(agent: Any, *actions: str) -> set[Any]:
        return {halt.pk for halt in Halt.objects.on().covering(agent.pk, actions)}

    assert covering(agent, "refund_payment") == {for_agent.pk, for_action.pk}
    assert covering(other, "ship", "refund_payment") == {for_action.pk}
    assert covering(other, "ship") == set()
    assert set(halts.marks_for(agent)) == set(caller_of(agent).circumstances.halts)
    assert halts.marks_for(other) == ("action:refund_payment",)


@pytest.mark.django_db(transaction=True)
def test_of_many_who_throw_at_once_one_does(agent: Any) -> None:
    start, done = threading.Barrier(6), []

    def run() -> None:
        start.wait()
        try:
            done.append(throw("agent", agent=agent))
        except halts.AlreadyHalted as refusal:
            done.append(refusal)
        finally:
            connections.close_all()

    together = [threading.Thread(target=run) for _ in range(6)]
    for thread in together:
        thread.start()
    for thread in together:
        thread.join()

    assert sum(isinstance(one, Halt) for one in done) == 1
    assert len(done) == 6


@pytest.mark.django_db(transaction=True)
def test_it_waits_for_what_is_about_to_begin(db: None) -> None:
    begun, thrown = threading.Event(), threading.Event()

    def run() -> None:
        begun.wait()
        throw()
        thrown.set()
        connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    with transaction.atomic():
        halts.keep_out()
        begun.set()
        assert not thrown.wait(0.5)
    thread.join(5)

    assert thrown.is_set()
