"""Workflows of several steps: what one hands to the next, conditions, events, proof that takes a while."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now

from audit.ground.actors import SYSTEM
from execution.desk import attend
from execution.desk.read import story
from execution.healing import signals
from execution.models import Attempt, Execution, Signal, Step
from execution.running.run import run
from tests.execution.conftest import events_of, run_to_rest, step, tried, workflow

pytestmark = pytest.mark.django_db


def steps_of(execution: Any) -> dict[str, tuple[str, str]]:
    rows = Step.objects.filter(execution=execution.pk)
    return {row.name: (row.status, row.verdict) for row in rows}


def test_a_step_uses_what_earlier_ones_answered_and_one_may_not_be_called_for(
    approved: Any, shop: Any
) -> None:
    shop.will("/refunds", (201, {"id": "r-7", "state": "made"}, {}))
    told = {
        "kind": "http",
        "url": shop.url + "/refunds/{refund}/mail",
        "with": {"refund": "=steps.refund.json.id"},
    }
    plan = workflow(
        step(f"{shop.url}/refunds"),
        step(f"{shop.url}/fraud", name="fraud", **{"if": "args.amount > 1000.0"}),
        step(
            {**told, "body": {"state": "=steps.refund.json.state"}},
            name="mail",
            **{"if": "!steps.fraud.done"},
        ),
    )

    execution = run_to_rest(approved(plan))

    assert execution.status == "succeeded"
    assert [(method, path, body) for method, path, _, body in shop.calls][1:] == [
        ("POST", "/refunds/r-7/mail", {"state": "made"})
    ]
    assert steps_of(execution) == {
        "refund": ("completed", "unverified"),
        "fraud": ("skipped", ""),
        "mail": ("completed", "unverified"),
    }
    assert execution.verdict == "unverified"
    assert events_of(execution).count("step.skipped") == 1


def test_a_condition_that_cannot_be_told_is_for_a_person(approved: Any, shop: Any) -> None:
    plan = workflow(
        step(f"{shop.url}/a", name="a"), step(f"{shop.url}/b", name="b", **{"if": "steps.a.json.x > 1"})
    )

    execution = run_to_rest(approved(plan))

    assert execution.status == "needs_attention"
    assert "Step b: whether to take it cannot be told" in execution.reason


# --- An outside event -------------------------------------------------------------------------


def settled(shop: Any, **rest: Any) -> dict[str, Any]:
    event = {"signal": "settled", "within": "2d", "expect": "signal.state == 'done'"}
    return workflow(step(f"{shop.url}/refunds", **{"await": event, **rest}))


def test_a_step_waits_for_an_event_without_holding_a_worker(approved: Any, shop: Any) -> None:
    execution = approved(settled(shop))
    run(execution.pk)
    execution.refresh_from_db()
    assert (execution.status, execution.lease_until) == ("scheduled", None)
    assert timedelta(hours=47) < execution.due_at - execution.created_at < timedelta(hours=49)
    assert execution.reason == "It waits for the event settled."
    run(execution.pk)
    assert len(shop.calls) == 1

    signals.receive(execution, "settled", {"state": "done", "id": 9}, actor=SYSTEM)
    execution = run_to_rest(execution)

    assert execution.status == "succeeded"
    assert len(shop.calls) == 1
    one = Step.objects.get()
    assert (one.answer["signal"], one.receipt["signal"]) == ({"state": "done", "id": 9}, "settled")
    assert "execution.signalled" in events_of(execution)


def test_an_event_may_come_early_and_counts_once(approved: Any, shop: Any) -> None:
    execution = approved(settled(shop))
    first = signals.receive(execution, "settled", {"state": "done"}, actor=SYSTEM)
    assert signals.receive(execution, "settled", {"state": "done"}, actor=SYSTEM).pk == first.pk
    with pytest.raises(signals.AnotherSignal):
        signals.receive(execution, "settled", {"state": "failed"}, actor=SYSTEM)
    with pytest.raises(signals.UnknownSignal, match="it waits for settled"):
        signals.receive(execution, "other", {}, actor=SYSTEM)

    assert run_to_rest(execution).status == "succeeded"
    assert Signal.objects.count() == 1
    with pytest.raises(signals.AnotherSignal):
        signals.receive(execution, "settled", {}, actor=SYSTEM)


def test_an_event_that_tells_of_a_failure_and_one_that_never_comes_are_for_a_person(
    approved: Any, shop: Any, olga: Any
) -> None:
    failed = approved(settled(shop))
    signals.receive(failed, "settled", {"state": "bounced"}, actor=SYSTEM)
    assert "came, but it is not as expected" in run_to_rest(failed).reason

    silent = approved(settled(shop))
    run(silent.pk)
    Step.objects.filter(execution=silent).update(wait_until=Now())
    Execution.objects.filter(pk=silent.pk).update(due_at=Now())
    assert "the event settled did not come in time" in run_to_rest(silent).reason

    attend.retry(silent, by=olga)
    run(silent.pk)
    silent.refresh_from_db()
    assert (silent.status, Attempt.objects.filter(step__execution=silent).count()) == ("scheduled", 1)


def test_a_step_may_be_nothing_but_waiting(approved: Any, shop: Any) -> None:
    waits = {"name": "settled", "await": {"signal": "settled", "within": "1h"}}
    execution = approved(workflow(step(f"{shop.url}/refunds"), waits))
    run(execution.pk)
    signals.receive(execution, "settled", {}, actor=SYSTEM)

    execution = run_to_rest(execution)

    assert (execution.status, len(shop.calls)) == ("succeeded", 1)


# --- Proof ------------------------------------------------------------------------------------


def proved(shop: Any, within: str = "10m", **rest: Any) -> dict[str, Any]:
    route = {"kind": "http", "method": "GET", "url": f"{shop.url}/order"}
    verify = {"route": route, "expect": "response.json.refunded >= args.amount", "within": within}
    return workflow(step(f"{shop.url}/refunds", verify=verify, **rest))


def test_proof_may_take_a_while_and_holds_no_worker(approved: Any, shop: Any) -> None:
    shop.will("/order", (200, {"refunded": 0}, {}), 500, (200, {"refunded": 60}, {}))
    execution = approved(proved(shop))
    for probes in (1, 2):
        run(execution.pk)
        execution.refresh_from_db()
        assert (execution.status, Step.objects.get().probes) == ("scheduled", probes)
        Execution.objects.update(due_at=Now())

    execution = run_to_rest(execution)

    assert (execution.status, execution.verdict) == ("succeeded", "verified")
    assert (len(shop.asked("/refunds")), len(shop.asked("/order"))) == (1, 3)


@pytest.mark.parametrize(
    ("answer", "verdict"), [((200, {"refunded": 0}, {}), "mismatch"), ("hang up", "unverifiable")]
)
def test_what_is_not_proved_in_time_is_for_a_person(
    approved: Any, shop: Any, answer: Any, verdict: str
) -> None:
    shop.will("/order", answer)

    execution = run_to_rest(approved(proved(shop, "1ms")))

    assert (execution.status, execution.verdict) == ("needs_attention", verdict)
    assert steps_of(execution) == {"refund": ("waiting", verdict)}
    assert "its effect is not proved" in execution.reason


def test_what_is_proved_later_counts_as_proved(approved: Any, shop: Any, olga: Any) -> None:
    shop.will("/order", (200, {"refunded": 0}, {}))
    execution = run_to_rest(approved(proved(shop, "1ms")))
    assert execution.verdict == "mismatch"
    assert story(execution, for_people=True).steps[0].receipt["probe_answer"] == '{"refunded": 0}'
    assert "probe_answer" not in story(execution, for_people=False).steps[0].receipt

    shop.will("/order", (200, {"refunded": 60}, {}))
    attend.retry(execution, by=olga, reason="They have booked it now.")
    execution = run_to_rest(execution)

    assert (execution.status, execution.verdict) == ("succeeded", "verified")
    assert Step.objects.get().receipt["probe_answer"] is None
    assert len(shop.asked("/refunds")) == 1


@pytest.mark.parametrize(("refunded", "status", "calls"), [(60, "succeeded", 1), (0, "needs_attention", 1)])
def test_a_doubt_is_settled_by_looking_before_a_person_is_asked(
    approved: Any, shop: Any, refunded: int, status: str, calls: int
) -> None:
    shop.will("/refunds", "hang up")
    shop.will("/order", (200, {"refunded": refunded}, {}))

    execution = run_to_rest(approved(proved(shop, "1ms")))

    assert (execution.status, len(shop.asked("/refunds"))) == (status, calls)
    assert tried(execution) == [("1", "unknown")]


# --- Costs ------------------------------------------------------------------------------------


def test_attempts_cost_no_more_than_the_budget(approved: Any, shop: Any) -> None:
    shop.will("/refunds", 503)
    route = {"kind": "http", "url": f"{shop.url}/refunds", "cost": "2", "idempotent": True}
    plan = {**workflow(step(route)), "currency": "EUR", "budget": 5}

    execution = run_to_rest(approved(plan))

    assert len(shop.calls) == 2
    assert "what its attempts may cost is used up" in execution.reason
