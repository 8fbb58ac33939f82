"""What is handed back is granted once, reported once, and never done twice in silence."""

from __future__ import annotations

import json
import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models import F
from django.db.models.functions import Now

from approvals.models import Decision
from audit.models import Event
from execution.desk import attend
from execution.holding.outbox import EXECUTIONS
from execution.models import Attempt, Execution, Step
from execution.running import overdue
from execution.running.run import run
from governance.models import Incident
from governance.trust import halts
from suggestions.models import Callback, Proposal, Resolution
from tests.conftest import ApiClient, actor_of
from tests.execution.conftest import events_of, run_to_rest, step, tried, workflow

pytestmark = pytest.mark.django_db
HOOK = "https://agent.example/hook"


def ask(api: ApiClient, execution: Execution, **body: Any) -> Any:
    return api.post(f"proposals/{execution.proposal_id}/execution/begin/", body)


def report(api: ApiClient, execution: Execution, outcome: str = "succeeded", **body: Any) -> Any:
    return api.post(f"proposals/{execution.proposal_id}/result/", {"outcome": outcome, **body})


def told(api: ApiClient, execution: Execution) -> Any:
    return api.get(f"proposals/{execution.proposal_id}/execution/").json()


def lapse(execution: Execution) -> Execution:
    """The lease runs out, and a worker sees to it."""
    Execution.objects.filter(pk=execution.pk).update(lease_until=Now() - timedelta(seconds=1))
    assert execution.pk in EXECUTIONS.due()
    return run_to_rest(execution)


# --- Granted once -----------------------------------------------------------------------------


def test_the_first_who_asks_is_granted_it(approved: Any, api: Any) -> None:
    execution = approved(None)

    answer = ask(api, execution, holder="worker-1 of two", lease_seconds=60)

    granted = answer.json()
    assert answer.status_code == 200
    assert granted["arguments"] == {"order_id": "#W1", "amount": 54.04}
    assert granted["action_digest"] == execution.action_digest
    assert (granted["action"], granted["step"], granted["fence"]) == ("refund_payment", "report", 1)
    assert granted["idempotency_key"] == f"{execution.pk}/report"
    assert len(granted["token"]) >= 32
    execution.refresh_from_db()
    assert (execution.status, execution.fence) == ("running", 1)
    left = Execution.objects.annotate(left=F("lease_until") - Now()).get().left
    assert timedelta(seconds=30) < left <= timedelta(seconds=60)
    assert events_of(execution) == ["execution.handed_back", "execution.begun"]
    event = json.loads(Event.objects.get(type="execution.begun").body)
    assert event["actor"]["name"] == "support-bot"
    assert event["data"]["action_digest"] == execution.action_digest


def test_whoever_asks_later_is_told_by_whom_and_when(approved: Any, api: Any) -> None:
    execution = approved(None)
    first = ask(api, execution, holder="worker-1").json()

    answer = ask(api, execution, holder="worker-2")

    problem = answer.json()
    assert (answer.status_code, problem["type"]) == (409, "urn:reviewapp:problem:already-begun")
    assert problem["begun_by"].startswith("support-bot, key rk_")
    assert problem["begun_by"].endswith(", worker-1")
    assert problem["begun_at"][:19] == first["begun_at"][:19]
    assert problem["lease_until"][:19] == first["lease_until"][:19]
    assert "token" not in problem
    assert told(api, execution)["begun"]["by"] == problem["begun_by"]
    assert first["token"] not in json.dumps(list(Event.objects.values_list("body", flat=True)))
    assert not Attempt.objects.filter(token_digest=first["token"]).exists()


@pytest.mark.django_db(transaction=True)
def test_of_many_who_ask_at_the_same_moment_one_is_granted_it(approved: Any, agent: Any) -> None:
    from execution.handing_back.begin import AlreadyBegun, begin

    proposal = approved(None).proposal
    granted, refused = [], []
    together = threading.Barrier(8)

    def process(number: int) -> None:
        try:
            together.wait(30)
            granted.append(begin(proposal, agent=agent, key="rk_x", holder=str(number)).token)
        except AlreadyBegun as error:
            refused.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=process, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (len(granted), len(refused), Attempt.objects.count()) == (1, 7, 1)


def test_the_go_ahead_carries_the_arguments(approved: Any, api: Any) -> None:
    execution = approved(None, callback_url=HOOK)

    data = Callback.objects.get(type="execution.handed_back").data
    assert data["arguments"] == {"order_id": "#W1", "amount": 54.04}
    assert data["begin"] == f"/api/v1/proposals/{execution.proposal_id}/execution/begin/"
    answer = told(api, execution)
    assert (answer["arguments"], answer["action"], answer["begun"]) == (
        {"order_id": "#W1", "amount": 54.04},
        "refund_payment",
        None,
    )
    ask(api, execution)
    assert told(api, execution)["arguments"] is None  # no go-ahead for anybody else


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"lease_seconds": 0}, "/lease_seconds"),
        ({"lease_seconds": 3601}, "/lease_seconds"),
        ({"holder": "x" * 101}, "/holder"),
        ({"token": "no such token"}, "/token"),
        ({"extra": 1}, "/extra"),
    ],
)
def test_a_wrong_question_says_where(body: Any, pointer: str, approved: Any, api: Any) -> None:
    answer = ask(api, approved(None), **body)

    assert answer.status_code == 422
    assert [e["pointer"] for e in answer.json()["errors"]] == [pointer]
    assert Execution.objects.get().status == "handed_back"


def test_what_is_not_handed_back_is_not_granted(approved: Any, api: Any, shop: Any, olga: Any) -> None:
    planned = approved(workflow(step(f"{shop.url}/refunds")), grace=60)
    assert ask(api, planned).status_code == 409
    done = approved(None)
    report(api, done)
    assert ask(api, done).status_code == 409
    late = approved(None)
    Execution.objects.filter(pk=late.pk).update(deadline=Now())
    assert ask(api, late).status_code == 409


def test_nothing_begins_while_a_kill_switch_is_on(approved: Any, api: Any, olga: Any) -> None:
    begun, waiting = approved(None), approved(None)
    token = ask(api, begun).json()["token"]
    halts.throw("everything", reason="look first", by=olga, actor=actor_of(olga))

    answer = ask(api, waiting)

    assert (answer.status_code, answer.json()["type"]) == (409, "urn:reviewapp:problem:on-hold")
    assert told(api, waiting)["arguments"] is None
    assert ask(api, begun, token=token).status_code == 200  # what has begun may end
    assert report(api, begun, token=token).json()["status"] == "succeeded"


def test_a_disabled_agent_begins_nothing(approved: Any, agent: Any) -> None:
    from execution.handing_back.begin import begin
    from governance.agents.boundaries import AgentDisabled

    proposal = approved(None).proposal
    agent.enabled = False

    with pytest.raises(AgentDisabled):
        begin(proposal, agent=agent, key="rk_x")


@pytest.mark.parametrize(
    "tampering",
    [
        lambda: Decision.objects.update(standing=False),
        lambda: Resolution.objects.update(arguments={"order_id": "#W1", "amount": 9999}),
    ],
)
def test_what_people_did_not_decide_is_not_granted(tampering: Any, approved: Any, api: Any) -> None:
    execution = approved(None)
    tampering()

    assert told(api, execution)["arguments"] is None
    answer = ask(api, execution)

    assert (answer.status_code, answer.json()["type"]) == (409, "urn:reviewapp:problem:not-proved")
    execution.refresh_from_db()
    assert (execution.status, Attempt.objects.count()) == ("needs_attention", 0)
    assert "execution.refused" in events_of(execution)
    assert Incident.objects.get().kind == "unproved"


# --- The lease --------------------------------------------------------------------------------


def test_a_lease_is_renewed_by_its_token_up_to_the_deadline(approved: Any, api: Any) -> None:
    execution = approved(None)
    first = ask(api, execution, lease_seconds=60).json()

    again = ask(api, execution, token=first["token"], lease_seconds=600).json()

    assert (again["token"], again["fence"]) == (first["token"], first["fence"])
    assert again["lease_until"] > first["lease_until"]
    Execution.objects.update(deadline=Now() + timedelta(minutes=20))
    last = ask(api, execution, token=first["token"], lease_seconds=3600).json()
    assert last["lease_until"] == told(api, execution)["deadline"]
    assert events_of(execution).count("execution.begun") == 1


def test_a_lease_that_runs_out_is_for_a_person_to_look_at(approved: Any, api: Any) -> None:
    execution = approved(None, callback_url=HOOK)
    token = ask(api, execution, holder="worker-1").json()["token"]

    execution = lapse(execution)

    assert execution.status == "needs_attention"
    assert "did not report, so it may have taken effect" in execution.reason
    attempt = Attempt.objects.get()
    assert (attempt.outcome, attempt.detail[-37:]) == (
        "unknown",
        "and not reported while the lease ran.",
    )
    assert ask(api, execution).status_code == 409
    assert ask(api, execution, token=token).json()["type"] == "urn:reviewapp:problem:lease-over"
    assert Callback.objects.filter(type="execution.needs_attention").exists()


def test_an_idempotent_action_is_granted_again_but_not_for_ever(approved: Any, api: Any) -> None:
    execution = approved(None, idempotent=True)
    grants = [ask(api, execution).json()]
    for _ in range(2):
        assert lapse(execution).status == "handed_back"
        grants.append(ask(api, execution).json())
    execution = lapse(execution)

    assert (execution.status, "3 times" in execution.reason) == ("needs_attention", True)
    assert [g["fence"] for g in grants] == sorted({g["fence"] for g in grants})
    assert len({g["token"] for g in grants}) == 3
    assert len({g["idempotency_key"] for g in grants}) == 1


def test_a_deadline_ends_what_was_begun_too(approved: Any, api: Any) -> None:
    execution = approved(None)
    ask(api, execution)
    Execution.objects.update(lease_until=Now(), deadline=Now())

    assert overdue.end_what_is_overdue() == 1

    execution.refresh_from_db()
    assert (execution.status, Attempt.objects.get().outcome) == ("needs_attention", "unknown")


def test_a_step_of_a_workflow_is_begun_and_then_goes_on(approved: Any, api: Any, shop: Any) -> None:
    back = {"kind": "handback", "to": "agent", "within": "2h"}
    plan = workflow(step(back), step(f"{shop.url}/mail", name="mail"))
    execution = run_to_rest(approved(plan))
    granted = ask(api, execution).json()
    assert granted["step"] == "refund"

    assert report(api, execution, token=granted["token"]).json()["status"] == "scheduled"

    execution = run_to_rest(execution)
    assert (execution.status, len(shop.asked("/mail"))) == ("succeeded", 1)


def test_a_begun_step_that_fell_silent_is_not_handed_to_another_route(
    approved: Any, api: Any, shop: Any, agent: Any
) -> None:
    from governance.models import Autonomy

    Autonomy.objects.create(agent=agent, action="refund_payment", stage=1)
    execution = approved(workflow(step(f"{shop.url}/refunds")))
    ask(api, execution)

    assert lapse(execution).status == "needs_attention"
    assert shop.calls == []


# --- The report -------------------------------------------------------------------------------


def test_the_same_report_again_changes_nothing_and_another_is_refused(approved: Any, api: Any) -> None:
    execution = approved(None)
    token = ask(api, execution).json()["token"]
    first = report(api, execution, token=token, detail="Booked.")
    before = events_of(execution)

    again = report(api, execution, token=token, detail="Booked.")
    other = report(api, execution, "failed", token=token)

    assert (first.status_code, again.status_code) == (200, 200)
    assert first.json() == again.json()
    assert first.json()["steps"][0]["receipt"] == {
        "route": "carried out by the agent",
        "reported_by": "support-bot",
        "begun": True,
        "verified": None,
    }
    assert (other.status_code, other.json()["type"]) == (409, "urn:reviewapp:problem:another-outcome")
    assert other.json()["reported"] == "succeeded"
    assert events_of(execution) == before
    assert tried(execution) == [("carried out by the agent", "succeeded")]


@pytest.mark.parametrize("outcome", ["succeeded", "failed"])
def test_a_report_without_begin_is_understood_and_may_come_twice(
    outcome: str, approved: Any, api: Any
) -> None:
    execution = approved(None)

    assert report(api, execution, outcome).json()["status"] == outcome
    assert report(api, execution, outcome).status_code == 200
    other = "failed" if outcome == "succeeded" else "succeeded"
    assert report(api, execution, other).json()["type"] == "urn:reviewapp:problem:another-outcome"
    assert Attempt.objects.count() == 1


def test_who_did_not_begin_cannot_report_for_who_did(approved: Any, api: Any) -> None:
    execution = approved(None)
    token = ask(api, execution).json()["token"]

    without = report(api, execution)
    wrong = report(api, execution, token="x" * 43)
    of_another = report(api, approved(None), token=token)

    assert (without.status_code, without.json()["type"]) == (409, "urn:reviewapp:problem:already-begun")
    assert wrong.status_code == of_another.status_code == 422
    assert Execution.objects.get(pk=execution.pk).status == "running"


def test_a_late_report_counts_while_nobody_has_gone_on(approved: Any, api: Any) -> None:
    execution = approved(None)
    token = ask(api, execution).json()["token"]
    lapse(execution)

    assert report(api, execution, token=token).json()["status"] == "succeeded"
    assert tried(execution) == [("carried out by the agent", "succeeded")]


def test_a_late_report_is_kept_where_somebody_has_gone_on(approved: Any, api: Any, olga: Any) -> None:
    execution = approved(None)
    token = ask(api, execution).json()["token"]
    attend.cancel(lapse(execution), by=olga)

    answer = report(api, execution, token=token)

    assert (answer.status_code, answer.json()["type"]) == (409, "urn:reviewapp:problem:reported-too-late")
    execution.refresh_from_db()
    assert (execution.status, tried(execution)) == (
        "cancelled",
        [("carried out by the agent", "succeeded")],
    )
    assert events_of(execution)[-1] == "execution.result_came_late"
    assert report(api, execution, token=token).status_code == 200  # and is known from then on


def test_of_two_grants_the_older_reports_in_vain(approved: Any, api: Any) -> None:
    execution = approved(None, idempotent=True)
    old = ask(api, execution).json()["token"]
    lapse(execution)
    new = ask(api, execution).json()["token"]

    assert report(api, execution, "failed", token=old).status_code == 409
    assert report(api, execution, token=new).json()["status"] == "succeeded"


def test_a_late_success_stops_the_other_try_that_a_person_asked_for(
    approved: Any, api: Any, olga: Any
) -> None:
    execution = approved(None)
    token = ask(api, execution).json()["token"]
    with pytest.raises(attend.MayHaveHappened):
        attend.retry(lapse(execution), by=olga)
    attend.retry(execution, by=olga, checked=True)

    assert report(api, execution, "failed", token=token).status_code == 409
    assert run_to_rest(execution).status == "handed_back"
    second = approved(None)
    token = ask(api, second).json()["token"]
    attend.retry(lapse(second), by=olga, checked=True)
    assert report(api, second, token=token).json()["status"] == "succeeded"
    run(second.pk)
    assert Execution.objects.get(pk=second.pk).status == "succeeded"


# --- People in between ------------------------------------------------------------------------


def test_a_person_waits_for_the_lease_and_is_told_so(approved: Any, api: Any, olga: Any) -> None:
    execution = approved(None)
    ask(api, execution)

    for verb in (
        lambda: attend.cancel(execution, by=olga),
        lambda: attend.retry(execution, by=olga, checked=True),
        lambda: attend.mark_done(execution, by=olga, evidence="seen"),
    ):
        with pytest.raises(attend.InTheMiddle, match=r"in the middle of it, until \d\d:\d\d:\d\d UTC"):
            verb()
    assert Execution.objects.get().status == "running"


def test_what_nobody_holds_any_more_can_be_cancelled_and_says_what_may_have_happened(
    approved: Any, api: Any, olga: Any
) -> None:
    execution = approved(None)
    token = ask(api, execution).json()["token"]
    Execution.objects.update(lease_until=Now())

    attend.cancel(execution, by=olga)

    execution.refresh_from_db()
    assert (execution.status, execution.fence) == ("cancelled", 2)
    assert "may have taken effect" in execution.reason
    assert Attempt.objects.get().outcome == "unknown"
    assert ask(api, execution, token=token).status_code == 409


def test_a_person_who_did_it_themselves_keeps_the_agent_from_it(approved: Any, api: Any, olga: Any) -> None:
    execution = approved(None)
    attend.mark_done(execution, by=olga, evidence="seen in the books")

    assert ask(api, execution).status_code == 409
    assert Step.objects.get().status == "completed"


def test_what_was_withdrawn_is_withdrawn_again_and_nothing_changes(proposal: Any, api: Any, ana: Any) -> None:
    address = f"proposals/{proposal.pk}/withdraw/"
    first = api.post(address, {"reason": "not needed"})
    again = api.post(address, {"reason": "another reason"})

    assert (first.status_code, again.status_code) == (200, 200)
    assert first.json() == again.json()
    assert Event.objects.filter(type="proposal.withdrawn").count() == 1


def test_what_somebody_else_answered_is_not_withdrawn(approved: Any, api: Any) -> None:
    execution = approved(None)

    assert api.post(f"proposals/{execution.proposal_id}/withdraw/", {}).status_code == 409
    assert Proposal.objects.get().status == "approved"
