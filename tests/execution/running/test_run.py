from __future__ import annotations

import json
import random
import threading
from functools import partial

import pytest
from celery.exceptions import SoftTimeLimitExceeded
from django.db import OperationalError, connection
from django.db.models import F
from django.db.models.functions import Now

from audit.models import Event
from execution.holding.lease import LeaseLost, take
from execution.models import Attempt, Execution, Step
from execution.running.run import run
from execution.running.turn import Turn
from execution.running.waiting import Waiting
from suggestions.models import Callback, Proposal, Resolution
from tests.conftest import suggestion_body
from tests.execution.conftest import events_of, run_to_rest, step, tamper, tried, wait_for, workflow
from tests.queries import spent

pytestmark = pytest.mark.django_db


def receipt_of(execution, position=0):
    return Step.objects.get(execution=execution.pk, position=position).receipt


def test_what_was_approved_is_carried_out_once(approved, shop):
    plan = step(
        {
            "kind": "http",
            "method": "PUT",
            "url": shop.url + "/orders/{order_id}/refunds",
            "headers": {"X-Mark": "1"},
            "body": {"amount": "=args.amount", "why": "=proposal.title", "all": ["=args.order_id", "fixed"]},
        }
    )
    execution = approved(workflow(plan), callback_url="https://agent.example/hook")
    before = Proposal.objects.get(pk=execution.proposal_id).version

    run(execution.pk)
    run(execution.pk)

    execution.refresh_from_db()
    assert (execution.status, execution.fence, execution.reason) == ("succeeded", 1, "")
    assert execution.finished_at
    [(headers, body)] = shop.asked("/orders/%23W1/refunds")
    assert body == {"amount": 54.04, "why": "Refund for a broken kettle", "all": ["#W1", "fixed"]}
    assert headers["idempotency-key"] == f"{execution.pk}/refund"
    assert (headers["x-mark"], headers["user-agent"]) == ("1", "reviewapp")
    receipt = receipt_of(execution)
    assert receipt["http_status"] == 201
    assert receipt["verified"] is None
    assert receipt["response_digest"].startswith("sha256:")
    assert events_of(execution) == [
        "execution.scheduled",
        "execution.started",
        "attempt.started",
        "attempt.finished",
        "step.completed",
        "execution.succeeded",
    ]
    assert Proposal.objects.get(pk=execution.proposal_id).version > before
    assert list(Callback.objects.values_list("type", flat=True).order_by("created_at")) == [
        "proposal.approved",
        "execution.succeeded",
    ]


def test_without_a_body_the_arguments_are_sent_as_they_were_approved(approved, shop):
    execution = run_to_rest(approved(workflow(step(f"{shop.url}/refunds"))))

    assert shop.asked("/refunds")[0][1] == {"order_id": "#W1", "amount": 54.04}
    assert execution.status == "succeeded"


def test_no_argument_and_no_answer_is_in_the_log(approved, shop):
    shop.will("/refunds", (201, {"secret": "answer-of-the-shop"}, {}))
    run_to_rest(approved(workflow(step(f"{shop.url}/refunds"))))

    log = "".join(Event.objects.filter(type__startswith="attempt").values_list("body", flat=True))
    assert "54.04" not in log
    assert "answer-of-the-shop" not in log


def test_the_trace_is_passed_on(approved, shop):
    execution = approved(workflow(step(f"{shop.url}/refunds")))
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    Proposal.objects.filter(pk=execution.proposal_id).update(traceparent=trace)

    run_to_rest(execution)

    assert shop.asked("/refunds")[0][0]["traceparent"] == trace


# --- Trying again -----------------------------------------------------------------------------


def test_a_failure_that_passes_is_tried_again_with_the_same_key(approved, shop):
    shop.will("/refunds", 503, "hang up", 500, 201)
    plan = {**step(f"{shop.url}/refunds"), "retry": {"attempts": 5, "base": "1ms"}}

    execution = run_to_rest(approved(workflow(plan), idempotent=True))

    assert execution.status == "succeeded"
    assert tried(execution) == [("1", "failed"), ("1", "unknown"), ("1", "failed"), ("1", "succeeded")]
    assert {headers["idempotency-key"] for headers, _ in shop.asked("/refunds")} == {f"{execution.pk}/refund"}


def test_a_route_that_honours_the_key_is_asked_again(approved, shop):
    shop.will("/refunds", "hang up", 201)
    route = {"kind": "http", "url": f"{shop.url}/refunds", "idempotent": True}

    execution = run_to_rest(approved(workflow(step(route))))

    assert execution.status == "succeeded"
    assert tried(execution) == [("1", "unknown"), ("1", "succeeded")]


@pytest.mark.parametrize("answer", ["hang up", 500, 502, 503, 504, 408])
def test_an_unknown_outcome_of_an_action_that_acts_twice_goes_to_a_person(answer, approved, shop):
    shop.will("/refunds", answer)

    execution = run_to_rest(approved(workflow(step(f"{shop.url}/refunds", f"{shop.url}/other"))))

    assert execution.status == "needs_attention"
    assert "the outcome is unknown" in execution.reason
    assert tried(execution) == [("1", "unknown")]
    assert len(shop.calls) == 1


@pytest.mark.parametrize("answer", [429, 425, (503, {}, {"Retry-After": "0"})])
def test_an_answer_that_says_nothing_was_begun_is_tried_again(answer, approved, shop):
    shop.will("/refunds", answer, 201)

    execution = run_to_rest(approved(workflow(step(f"{shop.url}/refunds"))))

    assert execution.status == "succeeded"
    assert tried(execution) == [("1", "failed"), ("1", "succeeded")]


def test_retry_after_is_honoured(approved, shop):
    shop.will("/refunds", (429, {}, {"Retry-After": "30"}))
    execution = approved(workflow(step(f"{shop.url}/refunds")))

    run(execution.pk)

    waits = Execution.objects.annotate(wait=F("due_at") - Now()).get(pk=execution.pk).wait
    assert 28 < waits.total_seconds() <= 30


def test_what_was_never_sent_is_tried_again(approved, shop, settings):
    settings.EGRESS_ALLOW = [shop.place, "127.0.0.1:9"]

    execution = run_to_rest(approved(workflow(step("http://127.0.0.1:9/refunds", f"{shop.url}/refunds"))))

    assert execution.status == "succeeded"
    assert tried(execution) == [("1", "failed")] * 3 + [("2", "succeeded")]


def test_a_refusal_leads_to_the_next_route_and_then_to_a_person(approved, shop):
    shop.will("/a", 404)
    shop.will("/b", 422)

    execution = run_to_rest(approved(workflow(step(f"{shop.url}/a", f"{shop.url}/b"))))

    assert execution.status == "needs_attention"
    assert execution.reason == "Step refund: every route is spent. The last answer: HTTP 422."
    assert tried(execution) == [("1", "refused"), ("2", "refused")]
    assert events_of(execution)[-1] == "execution.needs_attention"


def test_attempts_are_counted_in_the_database(approved, shop):
    shop.will("/refunds", 500)

    execution = run_to_rest(approved(workflow(step(f"{shop.url}/refunds")), idempotent=True))

    assert execution.status == "needs_attention"
    assert len(shop.calls) == 3


def test_after_doubt_no_other_route_is_taken_by_an_action_that_acts_twice(approved, shop):
    shop.will("/a", "hang up", 500)
    route = {"kind": "http", "url": f"{shop.url}/a", "idempotent": True}

    execution = run_to_rest(approved(workflow(step(route, f"{shop.url}/b"))))

    assert execution.status == "needs_attention"
    assert shop.asked("/b") == []


def test_an_address_that_is_not_listed_is_never_called(approved, shop, settings):
    settings.EGRESS_ALLOW = []

    execution = run_to_rest(approved(workflow(step(f"{shop.url}/refunds"))))

    assert execution.status == "needs_attention"
    assert "is not in EGRESS_ALLOW" in execution.reason
    assert shop.calls == []


@pytest.mark.parametrize("order", ["..", ".", ""])
def test_arguments_cannot_lead_to_another_address(order, approved, shop):
    suggestions = [suggestion_body(arguments={"order_id": order, "amount": 1})]
    plan = workflow(step(shop.url + "/orders/{order_id}/refunds"))

    execution = run_to_rest(approved(plan, suggestions=suggestions))

    assert execution.status == "needs_attention"
    assert shop.calls == []


@pytest.mark.parametrize(
    ("order", "path"),
    [("a/../b", "/orders/a%2F..%2Fb"), ("x?y=1#z", "/orders/x%3Fy%3D1%23z"), ("@evil", "/orders/%40evil")],
)
def test_arguments_stay_in_their_place_in_the_address(order, path, approved, shop):
    suggestions = [suggestion_body(arguments={"order_id": order, "amount": 1})]

    run_to_rest(approved(workflow(step(shop.url + "/orders/{order_id}")), suggestions=suggestions))

    assert [asked for _, asked, _, _ in shop.calls] == [path]


def test_success_is_what_the_workflow_says_it_is(approved, shop):
    shop.will("/refunds", (200, {"state": "rejected"}, {}))
    plan = step(f"{shop.url}/refunds", success_when="response.json.state == 'done'")

    execution = run_to_rest(approved(workflow(plan)))

    assert execution.status == "needs_attention"
    assert tried(execution) == [("1", "refused")]


def test_a_success_that_cannot_be_told_is_in_doubt(approved, shop):
    shop.will("/refunds", (200, {}, {}))
    plan = step(f"{shop.url}/refunds", success_when="response.json.state == 'done'")

    execution = run_to_rest(approved(workflow(plan)))

    assert tried(execution) == [("1", "unknown")]
    assert "Success cannot be told" in execution.reason


# --- Proof ------------------------------------------------------------------------------------


def verified(shop, **rest):
    expect = "response.json.refunded >= args.amount"
    verify = {"url": shop.url + "/orders/{order_id}", "expect": expect, "within": "1ms"}
    return step(f"{shop.url}/refunds", verify=verify, **rest)


def test_the_proof_is_on_the_receipt(approved, shop):
    shop.will("/orders/%23W1", (200, {"refunded": 0}, {}), (200, {"refunded": 54.04}, {}))

    execution = run_to_rest(approved(workflow(verified(shop))))

    assert execution.status == "succeeded"
    assert receipt_of(execution)["verified"] is True
    assert receipt_of(execution)["expect"] == "response.json.refunded >= args.amount"
    assert len(shop.asked("/orders/%23W1")) == 2


def test_an_effect_that_is_not_proved_goes_to_a_person(approved, shop):
    shop.will("/orders/%23W1", (200, {"refunded": 0}, {}))

    execution = run_to_rest(approved(workflow(verified(shop))))

    assert execution.status == "needs_attention"
    assert "is not proved" in execution.reason
    assert receipt_of(execution)["verified"] is False
    assert len(shop.asked("/refunds")) == 1


# --- Nothing else than what was approved ------------------------------------------------------


def test_no_change_after_the_approval_is_carried_out(approved, shop):
    plan = workflow(step(f"{shop.url}/refunds"))
    execution = approved(plan)
    rng = random.Random(20261122)
    original = Resolution.objects.get(pk=execution.proposal_id)
    other = approved(plan)

    for n in range(500):
        statement, parameters = _tampering(rng, n, execution, original, other)
        tamper(statement, *parameters)
        Execution.objects.filter(pk=execution.pk).update(status="scheduled", due_at=Now())
        run(execution.pk)
        execution.refresh_from_db()
        assert execution.status == "needs_attention", statement
        _restore(execution, original)

    assert shop.calls == []
    assert events_of(execution).count("execution.refused") == 500
    Execution.objects.filter(pk=execution.pk).update(status="scheduled", due_at=Now())
    run(execution.pk)
    execution.refresh_from_db()
    assert execution.status == "succeeded"


def _tampering(rng, n, execution, original, other):
    resolution = "UPDATE suggestions_resolution SET {} WHERE proposal_id = %s"
    at = [execution.proposal_id]
    arguments = dict(original.arguments)
    kinds = [
        lambda: arguments.update(amount=round(rng.uniform(54.05, 9_999), 2)),
        lambda: arguments.update(amount=str(arguments["amount"])),
        lambda: arguments.update(order_id=f"#W{rng.randrange(2, 10_000)}"),
        lambda: arguments.update(order_id=arguments["order_id"] + rng.choice("\u200b \u202e\u00a0a")),
        lambda: arguments.update({f"extra{rng.randrange(1000)}": None}),
        lambda: arguments.pop(rng.choice(["amount", "order_id"])),
    ]
    if n % 10 < 6:
        kinds[n % 10]()
        return resolution.format("arguments = %s"), [json.dumps(arguments), *at]
    digest = "sha256:" + rng.randbytes(32).hex()
    return [
        (resolution.format("action_digest = %s"), [digest, *at]),
        ("UPDATE execution_execution SET action_digest = %s WHERE id = %s", [digest, execution.pk]),
        (resolution.format("suggestion_id = %s"), [other.suggestion_id, *at]),
        (resolution.format("status = 'rejected'"), at),
    ][n % 10 - 6]


def _restore(execution, original):
    Resolution.objects.filter(pk=original.pk).update(
        arguments=original.arguments,
        action_digest=original.action_digest,
        suggestion=original.suggestion_id,
        status=original.status,
    )
    Execution.objects.filter(pk=execution.pk).update(action_digest=original.action_digest)


def test_without_an_approval_nothing_is_called(approved, shop):
    execution = approved(workflow(step(f"{shop.url}/refunds")))
    tamper("DELETE FROM suggestions_resolution WHERE proposal_id = %s", execution.proposal_id)

    run(execution.pk)

    execution.refresh_from_db()
    assert (execution.status, execution.reason) == ("needs_attention", "There is no approval for this.")
    assert shop.calls == []


def test_nothing_is_carried_out_for_a_disabled_agent(approved, shop, agent):
    execution = approved(workflow(step(f"{shop.url}/refunds")))
    agent.enabled = False
    agent.save()

    run(execution.pk)

    execution.refresh_from_db()
    assert (execution.status, execution.reason) == ("needs_attention", "The agent is disabled.")
    assert shop.calls == []


def test_nothing_is_begun_after_the_deadline(approved, shop):
    execution = approved(workflow(step(f"{shop.url}/refunds")))
    Execution.objects.update(deadline=Now())

    run(execution.pk)

    execution.refresh_from_db()
    assert (execution.status, execution.reason) == (
        "needs_attention",
        "The deadline passed before it was finished.",
    )
    assert shop.calls == []
    assert tried(execution) == []


def test_nothing_happens_in_the_grace_period(approved, shop):
    execution = approved(workflow(step(f"{shop.url}/refunds")), grace=60)

    run(execution.pk)

    execution.refresh_from_db()
    assert (execution.status, execution.fence) == ("scheduled", 0)
    assert shop.calls == []


# --- One at a time ----------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_of_two_workers_one_calls(approved, shop):
    execution = approved(workflow(step(f"{shop.url}/refunds")))

    def work():
        try:
            run(execution.pk)
        finally:
            connection.close()

    workers = [threading.Thread(target=work) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    execution.refresh_from_db()
    assert (execution.status, execution.fence) == ("succeeded", 1)
    assert len(shop.calls) == 1


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_lost_its_lease_writes_nothing(approved, shop):
    shop.will("/refunds", "silent")
    execution = approved(workflow(step(f"{shop.url}/refunds")))

    def work():
        try:
            run(execution.pk)
        finally:
            connection.close()

    worker = threading.Thread(target=work)
    worker.start()
    wait_for(lambda: shop.calls)
    tamper("UPDATE execution_execution SET fence = fence + 1, reason = 'mine'")
    shop.release.set()
    worker.join()

    execution.refresh_from_db()
    assert (execution.status, execution.reason) == ("running", "mine")
    assert tried(execution) == [("1", "open")]
    assert events_of(execution)[-1] == "attempt.started"


def test_a_lease_that_was_taken_over_cannot_write(approved, shop):
    execution = approved(workflow(step(f"{shop.url}/refunds")))
    first = take(execution.pk)
    Execution.objects.update(lease_until=Now())
    second = take(execution.pk)

    with pytest.raises(LeaseLost):
        first.write(reason="late")

    assert (first.fence, second.fence) == (1, 2)
    assert take(execution.pk) is None


def test_a_completed_step_is_never_repeated(approved, shop):
    shop.will("/second", 500)
    plan = workflow(step(f"{shop.url}/first", name="first"), step(f"{shop.url}/second", name="second"))
    execution = run_to_rest(approved(plan))
    assert execution.status == "needs_attention"
    shop.will("/second", 201)

    Execution.objects.update(status="scheduled", due_at=Now(), round=2)
    execution = run_to_rest(execution)

    assert execution.status == "succeeded"
    assert (len(shop.asked("/first")), len(shop.asked("/second"))) == (1, 2)


def test_a_call_that_succeeded_is_not_repeated_when_the_proof_is_cut_off(approved, shop, monkeypatch):
    shop.will("/orders/%23W1", (200, {"refunded": 100}, {}))
    execution = approved(workflow(verified(shop)))
    monkeypatch.setattr(Waiting, "_prove", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        run(execution.pk)
    monkeypatch.undo()
    monkeypatch.setattr("audit.outbox.tell_worker._hand_over", lambda *_: None)
    Execution.objects.update(lease_until=Now())

    execution = run_to_rest(execution)

    assert execution.status == "succeeded"
    assert len(shop.asked("/refunds")) == 1


@pytest.mark.parametrize(
    ("idempotent", "status", "outcomes"),
    [
        (False, "needs_attention", [("1", "unknown")]),
        (True, "succeeded", [("1", "unknown"), ("1", "succeeded")]),
    ],
)
def test_an_attempt_that_a_killed_worker_left_open_is_in_doubt(idempotent, status, outcomes, approved, shop):
    execution = approved(workflow(step(f"{shop.url}/refunds")), idempotent=idempotent)
    assert Turn(partial(take, execution.pk))._begin()  # and it was killed
    Execution.objects.update(lease_until=Now())

    execution = run_to_rest(execution)

    assert (execution.status, tried(execution)) == (status, outcomes)
    assert len(shop.calls) == len(outcomes) - 1


@pytest.mark.parametrize("steps", [1, 2])
@pytest.mark.parametrize("committed", [False, True], ids=["before the commit", "after it"])
@pytest.mark.django_db(transaction=True)
def test_a_database_that_goes_after_a_call_leaves_nothing_in_doubt(
    committed, steps, approved, shop, monkeypatch
):
    """After the commit, as if its answer had been lost on the way."""
    execution = approved(workflow(*(step(f"{shop.url}/refunds", name=f"step{n}") for n in range(steps))))
    monkeypatch.setattr("audit.outbox.insist.PAUSE", 0.01)
    close, gone = Turn._close, iter([True])

    def away(self, *arguments):
        if not next(gone, False):
            return close(self, *arguments)
        if committed:
            close(self, *arguments)
        raise OperationalError("the server closed the connection")

    monkeypatch.setattr(Turn, "_close", away)
    execution = run_to_rest(execution)

    assert (execution.status, len(shop.calls)) == ("succeeded", steps)
    assert tried(execution) == [("1", "succeeded")] * steps
    told = events_of(execution)
    assert [told.count(what) for what in ("attempt.finished", "step.completed")] == [steps, steps]


def test_a_call_that_kills_every_worker_ends(approved, shop):
    execution = approved(workflow(step(f"{shop.url}/refunds")), idempotent=True)
    for _ in range(3):
        assert Turn(partial(take, execution.pk))._begin()
        Execution.objects.update(lease_until=Now())

    execution = run_to_rest(execution)

    assert execution.status == "needs_attention"
    assert tried(execution) == [("1", "unknown")] * 3
    assert shop.calls == []


def test_a_fault_in_the_worker_itself_is_shown_to_a_person(approved, shop, monkeypatch):
    execution = approved(workflow(step(f"{shop.url}/refunds")))
    monkeypatch.setattr("execution.routes.http.call", lambda *_, **__: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        run(execution.pk)

    execution.refresh_from_db()
    assert (execution.status, execution.reason) == (
        "needs_attention",
        "The worker failed: ZeroDivisionError.",
    )


def test_a_fault_before_anything_began_is_shown_to_a_person_too(approved, shop, monkeypatch):
    execution = approved(workflow(step(f"{shop.url}/refunds")))
    monkeypatch.setattr("execution.running.turn.broken", lambda *_: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        run(execution.pk)

    execution.refresh_from_db()
    assert (execution.status, execution.reason) == (
        "needs_attention",
        "The worker failed: ZeroDivisionError.",
    )
    assert (tried(execution), shop.calls) == ([], [])


def test_a_worker_whose_time_is_over_before_anything_began_asks_nobody(approved, shop, monkeypatch):
    """As it is where the database is silent for long."""
    execution = approved(workflow(step(f"{shop.url}/refunds")))
    with monkeypatch.context() as silent:
        silent.setattr(
            "execution.running.turn.work_on", lambda *_: (_ for _ in ()).throw(SoftTimeLimitExceeded)
        )
        with pytest.raises(SoftTimeLimitExceeded):
            run(execution.pk)

    execution = run_to_rest(execution)

    assert execution.status == "succeeded"
    assert tried(execution) == [("1", "succeeded")]


def test_a_worker_that_is_killed_before_anything_began_leaves_it_for_the_next(approved, shop, monkeypatch):
    execution = approved(workflow(step(f"{shop.url}/refunds")))
    with monkeypatch.context() as killed:
        killed.setattr("execution.running.turn.broken", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            run(execution.pk)
    execution.refresh_from_db()
    assert (execution.status, execution.fence) == ("scheduled", 0)

    run(execution.pk)

    assert tried(execution) == [("1", "succeeded")]


@pytest.mark.django_db(transaction=True)
def test_carrying_out_takes_few_statements_and_two_commits(approved, shop):
    plan = workflow(step(f"{shop.url}/refunds"))
    run(approved(plan).pk)  # the first one of a process also looks around
    execution = approved(plan)

    with spent() as cost:
        run(execution.pk)

    assert len(cost.statements) <= 7, cost.statements
    assert cost.commits == 2
    execution.refresh_from_db()
    assert execution.status == "succeeded"


def test_the_answer_is_kept_for_people_and_cut(approved, shop):
    shop.will("/refunds", (201, {"text": "a\x00b" + "x" * 5_000}, {}))

    run_to_rest(approved(workflow(step(f"{shop.url}/refunds"))))

    assert len(Attempt.objects.get().response) == 2_000
