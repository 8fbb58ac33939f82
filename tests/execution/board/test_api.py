"""Steering executions over the API: every verb with its door, its errors and what comes of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from audit.ground.actors import SYSTEM
from audit.models import Event
from execution.models import BreakerChange, Compensation, Execution, Signal, Step
from execution.running.run import run
from governance.door.keys import issue_key
from governance.models import Agent
from tests.conftest import ApiClient
from tests.execution.conftest import events_of, run_to_rest, step, tried, workflow

pytestmark = pytest.mark.django_db


@pytest.fixture
def operator(api_as: Any, olga: Any) -> Any:
    return api_as(olga)


@pytest.fixture
def refused(approved: Any, shop: Any) -> Any:
    """It stands at its second step, which neither of two routes carries out."""
    for path in ("/mail", "/post"):
        shop.will(path, 422)
    mail = step(f"{shop.url}/mail", f"{shop.url}/post", name="mail")
    execution = run_to_rest(approved(workflow(step(f"{shop.url}/refunds"), mail)))
    assert execution.status == "needs_attention"
    return execution


def undoable(shop: Any) -> dict[str, Any]:
    back = {"kind": "http", "method": "DELETE", "url": shop.url + "/refunds/7"}
    first = step(f"{shop.url}/refunds", undo={"routes": [back]})
    return workflow(first, step(f"{shop.url}/mail", name="mail"))


# --- Outside events ---------------------------------------------------------------------------


@pytest.fixture
def waiting(approved: Any, shop: Any) -> Any:
    """It waits until the shop tells that the refund was settled."""
    settled = {"signal": "settled", "within": "2d", "expect": "signal.state == 'done'"}
    execution = approved(workflow(step(f"{shop.url}/refunds", **{"await": settled})))
    run(execution.pk)
    return execution


def test_an_event_ends_what_waits_for_it_and_counts_once(waiting: Any, api: Any) -> None:
    path, event = f"executions/{waiting.pk}/signals/", {"signal": "settled", "data": {"state": "done"}}

    answers = [api.post(path, event) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].json() == answers[1].json()
    assert answers[0].json()["data"] == {"state": "done"}
    assert events_of(waiting).count("execution.signalled") == 1
    assert run_to_rest(waiting).status == "succeeded"

    other = api.post(path, {**event, "data": {"state": "failed"}})
    assert (other.status_code, other.json()["type"]) == (409, "urn:reviewapp:problem:another-signal")


def test_what_is_wrong_with_an_event_is_told_by_field(waiting: Any, api: Any) -> None:
    path = f"executions/{waiting.pk}/signals/"
    for body, pointer in [
        ({"signal": "shipped"}, "/signal"),
        ({"data": {}}, "/signal"),
        ({"signal": "settled", "data": 1}, "/data"),
        ({"signal": "settled", "more": 1}, "/more"),
    ]:
        answer = api.post(path, body)
        assert answer.status_code == 422
        assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
    assert not Signal.objects.exists()


def test_only_the_agent_itself_and_who_attends_tell_of_events(
    waiting: Any, api_as: Any, operator: Any, ana: Any, cyd: Any, olga: Any
) -> None:
    other = Agent.objects.create(name="other-bot", owner=olga)
    stranger = ApiClient(issue_key(other, actor=SYSTEM))
    path, event = f"executions/{waiting.pk}/signals/", {"signal": "settled", "data": {"state": "done"}}

    assert stranger.post(path, event).status_code == 404
    assert [api_as(person).post(path, event).status_code for person in (ana, cyd)] == [403, 403]
    assert operator.post(path, event).status_code == 200
    assert Signal.objects.get().by.endswith("Olga")


# --- Routes and steps -------------------------------------------------------------------------


def test_another_route_is_chosen_and_taken_first(refused: Any, shop: Any, operator: Any) -> None:
    shop.will("/post", 201)

    answer = operator.post(
        f"executions/{refused.pk}/choose-route/", {"step": "mail", "route": 2, "reason": "By post then."}
    )

    assert (answer.status_code, answer.json()["status"]) == (200, "scheduled")
    assert run_to_rest(refused).status == "succeeded"
    assert tried(refused) == [
        ("1", "succeeded"),
        ("1", "refused"),
        ("2", "refused"),
        ("2", "succeeded"),
    ]
    event = Event.objects.get(type="execution.route_chosen")
    assert json.loads(event.body)["data"]["route"].startswith("2. POST ")
    assert "By post" not in event.body


@pytest.mark.parametrize(
    ("body", "status", "told"),
    [
        ({"step": "mail", "route": 3}, 422, "choose 1 to 2"),
        ({"step": "mail", "route": 0}, 422, "choose 1 to 2"),
        ({"step": "refund", "route": 1}, 409, "it stands at step mail"),
        ({"step": "mail"}, 422, ""),
    ],
)
def test_a_choice_that_makes_no_sense_is_refused(
    refused: Any, operator: Any, body: dict[str, Any], status: int, told: str
) -> None:
    answer = operator.post(f"executions/{refused.pk}/choose-route/", body)

    assert answer.status_code == status
    assert told in json.dumps(answer.json())
    assert Execution.objects.get().chosen == {}


def test_another_route_after_a_doubtful_call_needs_a_look(approved: Any, shop: Any, operator: Any) -> None:
    shop.will("/refunds", "hang up")
    stuck = run_to_rest(approved(workflow(step(f"{shop.url}/refunds", f"{shop.url}/other"))))
    path, body = f"executions/{stuck.pk}/choose-route/", {"step": "refund", "route": 2}

    assert operator.post(path, body).json()["type"].endswith(":may-have-happened")
    assert shop.asked("/other") == []

    assert operator.post(path, {**body, "checked": True}).status_code == 200
    assert run_to_rest(stuck).status == "succeeded"
    assert len(shop.asked("/other")) == 1


def test_a_choice_in_the_grace_period_waits_for_its_end(approved: Any, shop: Any, operator: Any) -> None:
    execution = approved(workflow(step(f"{shop.url}/refunds", f"{shop.url}/other")), grace=60)
    due = Execution.objects.get().due_at

    assert (
        operator.post(f"executions/{execution.pk}/choose-route/", {"step": "refund", "route": 2}).status_code
        == 200
    )

    found = Execution.objects.get()
    assert (found.due_at, found.round, found.chosen) == (due, 1, {"refund": 1})


def test_a_step_is_skipped_with_evidence_and_the_rest_goes_on(refused: Any, shop: Any, operator: Any) -> None:
    path = f"executions/{refused.pk}/skip-step/"
    assert (
        operator.post(path, {"step": "mail", "evidence": " "}).json()["errors"][0]["pointer"] == "/evidence"
    )
    assert operator.post(path, {"step": "refund", "evidence": "x"}).status_code == 409

    answer = operator.post(path, {"step": "mail", "evidence": "The customer was told in person."})

    assert answer.status_code == 200
    assert run_to_rest(refused).status == "succeeded"
    left_out = Step.objects.get(name="mail")
    assert left_out.status == "skipped"
    assert left_out.receipt["evidence"] == "The customer was told in person."
    event = Event.objects.get(type="step.skipped")
    assert event.actor.startswith("user:")
    assert "in person" not in event.body
    assert [path for _, path, _, _ in shop.calls] == ["/refunds", "/mail", "/post"]


def test_retry_mark_done_and_cancel_have_their_calls(refused: Any, shop: Any, operator: Any) -> None:
    path = f"executions/{refused.pk}/"
    assert operator.post(path + "retry/", {"round": 7}).status_code == 409
    assert operator.post(path + "retry/", {"reason": "again"}).json()["status"] == "scheduled"
    assert operator.post(path + "retry/").status_code == 409
    assert run_to_rest(refused).status == "needs_attention"
    assert operator.post(path + "mark-done/", {}).json()["errors"][0]["pointer"] == "/evidence"
    assert operator.post(path + "mark-done/", {"evidence": "seen"}).json()["status"] == "succeeded"
    assert operator.post(path + "cancel/", {"reason": "late"}).status_code == 409
    assert operator.get(path).json()["steps"][1]["receipt"]["evidence"] == "seen"


def test_what_nobody_knows_is_settled_with_evidence(approved: Any, shop: Any, operator: Any) -> None:
    shop.will("/refunds", "hang up")
    stuck = run_to_rest(
        approved(workflow(step(f"{shop.url}/refunds"), step(f"{shop.url}/mail", name="mail")))
    )
    path = f"executions/{stuck.pk}/settle/"
    for body, pointer in [
        ({"happened": True}, "/evidence"),
        ({"happened": True, "evidence": " "}, "/evidence"),
        ({"evidence": "seen"}, "/happened"),
        ({"happened": "perhaps", "evidence": "seen"}, "/happened"),
        ({"happened": True, "evidence": "seen", "round": 0}, "/round"),
    ]:
        answer = operator.post(path, body)
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)
    late = operator.post(path, {"happened": True, "evidence": "seen", "round": 7})
    assert (late.status_code, late.json()["type"]) == (409, "urn:reviewapp:problem:not-waiting")

    answer = operator.post(path, {"happened": True, "evidence": "It is in their books.", "round": 1})

    refund = answer.json()["steps"][0]
    assert (answer.json()["status"], refund["status"], refund["verdict"]) == (
        "scheduled",
        "completed",
        "unverified",
    )
    assert (refund["receipt"]["settled_by"], refund["receipt"]["evidence"]) == (
        "Olga",
        "It is in their books.",
    )
    found = refund["attempts"][0]["found"]
    assert {**found, "at": ""} == {
        "happened": True,
        "by": "Olga",
        "evidence": "It is in their books.",
        "at": "",
    }
    assert run_to_rest(stuck).status == "succeeded"
    assert [path for _, path, _, _ in shop.calls] == ["/refunds", "/mail"]
    again = operator.post(path, {"happened": False, "evidence": "seen"})
    assert again.status_code == 409


def test_where_nothing_is_in_doubt_that_is_a_409(refused: Any, operator: Any) -> None:
    answer = operator.post(f"executions/{refused.pk}/settle/", {"happened": True, "evidence": "seen"})
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:reviewapp:problem:nothing-in-doubt")


def test_an_agent_steers_nothing(refused: Any, api: Any) -> None:
    for verb in (
        "retry",
        "settle",
        "mark-done",
        "cancel",
        "choose-route",
        "skip-step",
        "compensation/approve",
    ):
        assert api.post(f"executions/{refused.pk}/{verb}/", {}).status_code == 403


# --- Undoing ----------------------------------------------------------------------------------


def test_undoing_is_approved_by_its_digest(approved: Any, shop: Any, api_as: Any, ana: Any) -> None:
    reviewer = api_as(ana)
    shop.will("/mail", 422)
    execution = run_to_rest(approved(undoable(shop)))
    path = f"executions/{execution.pk}/compensation/"
    offer = reviewer.get(path).json()
    assert [call["routes"][0]["url"] for call in offer["calls"]] == [f"{shop.url}/refunds/7"]

    other = reviewer.post(path + "approve/", {"digest": "sha256:other"})
    assert (other.status_code, other.json()["type"]) == (409, "urn:reviewapp:problem:another-undo")
    assert reviewer.post(path + "decline/", {"digest": "sha256:other"}).status_code == 409
    assert reviewer.post(path + "approve/", {}).json()["errors"][0]["pointer"] == "/digest"
    answer = reviewer.post(path + "approve/", {"digest": offer["digest"], "reason": "He left."})

    assert answer.json()["approvals"] == [{"by": "Ana", "reason": "He left."}]
    assert run_to_rest(execution).status == "cancelled"
    assert reviewer.get(path).json()["status"] == "done"
    assert reviewer.post(path + "decline/").status_code == 409


def test_undoing_is_declined_with_a_reason(approved: Any, shop: Any, operator: Any) -> None:
    shop.will("/mail", 422)
    execution = run_to_rest(approved(undoable(shop)))

    answer = operator.post(f"executions/{execution.pk}/compensation/decline/", {"reason": "It can stay."})

    assert (answer.json()["status"], answer.json()["reason"]) == ("declined", "It can stay.")
    assert Compensation.objects.get().ended_at is not None


def test_where_nothing_is_offered_there_is_nothing(refused: Any, operator: Any) -> None:
    assert operator.get(f"executions/{refused.pk}/compensation/").status_code == 404


# --- Breakers ---------------------------------------------------------------------------------


def test_a_breaker_is_opened_and_closed_by_hand(approved: Any, shop: Any, operator: Any) -> None:
    approved(workflow(step(f"{shop.url}/refunds", f"{shop.url}/other")))
    route = f"POST {shop.url}/refunds"
    [first, second] = operator.get("breakers/").json()["breakers"]
    assert (second["route"], second["state"], second["actions"]) == (route, "closed", ["refund_payment"])

    opened = operator.post("breakers/open/", {"route": route, "reason": "The shop moves house."})

    assert opened.status_code == 200
    assert operator.get("breakers/").json()["breakers"][0] == opened.json()
    assert (opened.json()["state"], opened.json()["until"], opened.json()["reason"]) == (
        "open",
        None,
        "The shop moves house.",
    )
    closed = operator.post("breakers/close/", {"route": route, "reason": "It has moved."}).json()
    assert [change["state"] for change in closed["history"]] == ["closed", "open"]
    assert operator.post("breakers/close/", {"route": route, "reason": "again"}).status_code == 409
    assert first["route"].endswith("/other")


def test_a_breaker_of_no_route_or_without_a_reason_is_refused(
    approved: Any, shop: Any, operator: Any, api_as: Any, ana: Any
) -> None:
    approved(workflow(step(f"{shop.url}/refunds")))
    route = f"POST {shop.url}/refunds"
    for body, pointer in [
        ({"route": "POST http://nowhere.example/", "reason": "x"}, "/route"),
        ({"route": route, "reason": " "}, "/reason"),
        ({"route": route}, "/reason"),
    ]:
        answer = operator.post("breakers/open/", body)
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)
    assert not BreakerChange.objects.exists()
    assert api_as(ana).get("breakers/").status_code == 200
    assert api_as(ana).post("breakers/open/", {"route": route, "reason": "x"}).status_code == 403
