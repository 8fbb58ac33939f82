"""Breakers: shared by all workers, kept in PostgreSQL, with exactly one trial."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F
from django.db.models.functions import Now
from hypothesis import given
from hypothesis import strategies as st

from audit.ground.actors import SYSTEM
from audit.models import Event
from execution.healing import breakers
from execution.models import Breaker, BreakerChange, Execution
from execution.running.run import run
from governance.models import Agent, Halt
from tests.execution.conftest import run_to_rest, step, tried, workflow
from tests.searching import searched

pytestmark = pytest.mark.django_db


def plan_of(shop: Any, *paths: str) -> dict[str, Any]:
    return workflow(step(*[{"kind": "http", "url": shop.url + path, "idempotent": True} for path in paths]))


def pass_time(route: str) -> None:
    Breaker.objects.filter(route=route).update(until=Now() - timedelta(seconds=1))


def test_a_route_that_fails_is_let_alone_and_the_next_takes_over(approved: Any, shop: Any) -> None:
    shop.will("/first", 500)
    plan = plan_of(shop, "/first", "/second")
    first, second = (run_to_rest(approved(plan, idempotent=True)) for _ in range(2))
    assert (first.status, second.status) == ("succeeded", "succeeded")
    route = f"POST {shop.url}/first"
    assert Breaker.objects.get(route=route).state == "open"
    asked = len(shop.asked("/first"))
    assert asked == breakers.FAILURES

    third = run_to_rest(approved(plan, idempotent=True))

    assert tried(third) == [("2", "succeeded")]
    assert len(shop.asked("/first")) == asked

    shop.will("/first", 201)
    pass_time(route)
    fourth = run_to_rest(approved(plan, idempotent=True))

    assert tried(fourth) == [("1", "succeeded")]
    assert Breaker.objects.get(route=route).state == "closed"
    told = Event.objects.filter(type__startswith="breaker.").order_by("pk").values_list("type", flat=True)
    assert list(told) == ["breaker.opened", "breaker.half_opened", "breaker.closed"]
    history = BreakerChange.objects.filter(route=route).order_by("pk").values_list("state", flat=True)
    assert list(history) == ["open", "half_open", "closed"]


def test_one_execution_tries_and_the_others_wait(approved: Any, shop: Any) -> None:
    plan = plan_of(shop, "/only")
    route = f"POST {shop.url}/only"
    waiting = approved(plan)
    Breaker.objects.create(route=route, state="open", until=Now() + timedelta(seconds=40), opened=1)
    run(waiting.pk)
    waiting.refresh_from_db()
    assert (waiting.status, shop.calls) == ("scheduled", [])
    assert "are let alone" in waiting.reason
    assert (waiting.waits_for, breakers.let_one_try()) == (route, 0)

    pass_time(route)
    assert breakers.try_once(route, waiting.pk, waiting.proposal_id)
    assert not breakers.try_once(route, waiting.pk, waiting.proposal_id)
    other = approved(plan)
    run(other.pk)
    other.refresh_from_db()
    assert (other.status, shop.calls) == ("scheduled", [])
    pass_time(route)  # who tried it was killed

    assert (breakers.let_one_try(), breakers.let_one_try()) == (1, 0)
    [due] = Execution.objects.filter(due_at__lte=Now())
    assert run_to_rest(due).status == "succeeded"
    woken = Execution.objects.get(status="scheduled", due_at__lte=Now())
    Execution.objects.update(due_at=Now())
    assert run_to_rest(woken).status == "succeeded"


def test_nothing_waits_for_a_breaker_that_closes_meanwhile(
    approved: Any, shop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    route = f"POST {shop.url}/only"
    Breaker.objects.create(route=route, state="open", until=Now() + timedelta(seconds=40))
    execution = approved(plan_of(shop, "/only"))
    shut = breakers.is_shut

    def closes(asked: str) -> bool:
        breakers.worked(route, proposal_id=execution.proposal_id)
        return shut(asked)

    monkeypatch.setattr(breakers, "is_shut", closes)
    run(execution.pk)

    execution.refresh_from_db()
    assert (execution.status, execution.waits_for) == ("succeeded", "")


def test_one_that_a_kill_switch_holds_does_not_keep_others_from_trying(
    approved: Any, shop: Any, olga: Any
) -> None:
    route = f"POST {shop.url}/only"
    Breaker.objects.create(route=route, state="open", until=Now() + timedelta(seconds=40))
    plan = plan_of(shop, "/only")
    for execution in [approved(plan), approved(plan)]:
        run(execution.pk)
    held, other = Execution.objects.order_by("due_at")
    held.agent = Agent.objects.create(name="another", owner=olga)
    held.due_at = Now()
    held.save()
    Halt.objects.create(scope=Halt.Scope.AGENT, agent=held.agent, by=olga, reason="Stop.")
    pass_time(route)

    assert breakers.let_one_try() == 1

    other.refresh_from_db()
    assert Execution.objects.filter(pk=other.pk, due_at__lte=Now()).exists()


def test_a_trial_that_fails_opens_it_again_for_twice_as_long(approved: Any, shop: Any) -> None:
    shop.will("/only", 500)
    route = f"POST {shop.url}/only"
    Breaker.objects.create(
        route=route, state="open", until=Now() - timedelta(seconds=1), opened=1, failures=5
    )
    execution = approved(plan_of(shop, "/only"))

    run(execution.pk)

    breaker = Breaker.objects.annotate(span=F("until") - F("changed_at")).get()
    assert (breaker.state, breaker.opened, breaker.span) == ("open", 2, timedelta(seconds=60))
    assert Execution.objects.get().status == "scheduled"
    assert len(shop.calls) == 1


def test_what_a_person_opens_stays_open_until_a_person_closes_it(approved: Any, shop: Any) -> None:
    route = f"POST {shop.url}/only"
    with pytest.raises(breakers.NoReason):
        breakers.open_by_hand(route, actor=SYSTEM, reason=" ")
    breakers.open_by_hand(route, actor=SYSTEM, reason="The shop moves tonight.")
    execution = approved(plan_of(shop, "/only"))
    run(execution.pk)
    breakers.worked(route, proposal_id=execution.proposal_id)  # a call that was under way
    assert (shop.calls, Breaker.objects.get().state) == ([], "open")

    execution.refresh_from_db()
    assert execution.due_at > execution.created_at + timedelta(seconds=500)
    breakers.close_by_hand(route, actor=SYSTEM, reason="It has moved.")
    execution.refresh_from_db()
    assert execution.due_at < execution.created_at + timedelta(seconds=20)
    Execution.objects.update(due_at=Now())

    assert run_to_rest(execution).status == "succeeded"
    assert [change.reason for change in BreakerChange.objects.order_by("pk")] == [
        "The shop moves tonight.",
        "It has moved.",
    ]
    assert not Event.objects.filter(body__contains="moves tonight").exists()


def test_those_who_waited_begin_again_one_after_the_other(approved: Any, shop: Any) -> None:
    route = f"POST {shop.url}/only"
    Breaker.objects.create(route=route, state="open", until=Now() + timedelta(seconds=40), opened=1)
    waiting = [approved(plan_of(shop, "/only")) for _ in range(4)]
    for execution in waiting:
        run(execution.pk)
    Execution.objects.filter(pk=waiting[2].pk).update(waits_for="another")

    breakers.worked(route, proposal_id=waiting[0].proposal_id)  # a call that was under way

    due = [Execution.objects.get(pk=execution.pk).due_at for execution in waiting]
    assert [(one - due[0]).total_seconds() for one in (due[1], due[3])] == pytest.approx([0.1, 0.2])
    assert due[2] > due[0] + timedelta(seconds=300)  # it waits for the other one


def test_however_many_waited_all_begin_in_time(approved: Any, shop: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(breakers, "ALL_BEGUN", 0.04)
    breakers.open_by_hand("r", actor=SYSTEM, reason="The shop moves tonight.")
    waiting = [approved(plan_of(shop, "/only")) for _ in range(4)]
    Execution.objects.update(waits_for="r", due_at=Now() + timedelta(days=1))

    breakers.close_by_hand("r", actor=SYSTEM, reason="It has moved.")

    due = [Execution.objects.get(pk=execution.pk).due_at for execution in waiting]
    assert [(one - due[0]).total_seconds() for one in due] == pytest.approx([0, 0.01, 0.02, 0.03])


def test_being_asked_for_less_is_no_failure(approved: Any, shop: Any) -> None:
    shop.will("/only", 429, 429, 201)
    assert run_to_rest(approved(plan_of(shop, "/only"))).status == "succeeded"
    assert not Breaker.objects.exists()


@searched(100)
@given(st.lists(st.sampled_from(["failed", "worked", "time", "try"]), max_size=40))
def test_it_is_one_of_three_states_and_tried_by_one(steps: list[str]) -> None:
    """Against a model of a few lines: whatever happens in whichever order."""
    Breaker.objects.all().delete()
    ids = {"proposal_id": "00000000-0000-7000-8000-000000000000"}
    state, failures, over = "closed", 0, False
    for one in steps:
        if one == "failed":
            breakers.failed("r", "HTTP 500.", **ids)
            failures += 1
            if state == "half_open" or (state == "closed" and failures >= breakers.FAILURES):
                state, over = "open", False
        elif one == "worked":
            breakers.worked("r", **ids)
            state, failures, over = "closed", 0, False
        elif one == "time":
            pass_time("r")
            over = state != "closed"
        else:
            tries = breakers.try_once("r", ids["proposal_id"], ids["proposal_id"])
            assert tries == (state != "closed" and over)
            if tries:
                state, over = "half_open", False
        found = Breaker.objects.filter(route="r").first()
        assert (
            (found.state, found.failures) == (state, failures)
            if found
            else (state, failures) == ("closed", 0)
        )
