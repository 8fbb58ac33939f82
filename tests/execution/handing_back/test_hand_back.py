from __future__ import annotations

import pytest

from execution.desk import attend
from execution.models import Attempt, Compensation, Execution, Step
from execution.running import overdue
from suggestions.models import Callback
from tests.execution.conftest import events_of, run_to_rest, step, tried, workflow

pytestmark = pytest.mark.django_db
HOOK = "https://agent.example/hook"


def test_an_action_without_a_workflow_is_the_agents_to_carry_out(approved, api):
    execution = approved(None, callback_url=HOOK)
    assert execution.status == "handed_back"
    assert Callback.objects.filter(type="execution.handed_back").exists()

    answer = api.post(f"proposals/{execution.proposal_id}/result/", {"outcome": "succeeded", "detail": "ok"})

    assert (answer.status_code, answer.json()["status"]) == (200, "succeeded")
    assert answer.json()["steps"][0]["receipt"] == {
        "route": "reported by the agent",
        "reported_by": "support-bot",
        "begun": False,
        "verified": None,
    }
    assert events_of(execution) == ["execution.handed_back", "execution.result_reported"]


def test_an_agent_can_say_that_it_failed(approved, api):
    execution = approved(None)

    answer = api.post(f"proposals/{execution.proposal_id}/result/", {"outcome": "failed", "detail": "sold"})

    assert answer.json()["status"] == "failed"
    assert Attempt.objects.get().detail == "sold"
    assert events_of(execution)[-1] == "execution.failed"


@pytest.mark.parametrize("says", ["failed", "nothing"])
def test_what_was_done_before_is_offered_for_undoing(says, approved, shop, api):
    back = {"kind": "http", "url": f"{shop.url}/back"}
    refund = step(f"{shop.url}/refunds", undo={"routes": [back]})
    execution = run_to_rest(approved(workflow(refund, step({"kind": "handback"}, name="tell"))))
    assert execution.status == "handed_back"

    if says == "failed":
        api.post(f"proposals/{execution.proposal_id}/result/", {"outcome": "failed", "detail": "no post"})
        execution = run_to_rest(execution)
        assert execution.reason == "Step tell: the agent reported that it failed. no post"
    else:
        Execution.objects.update(deadline=execution.created_at)
        overdue.end_what_is_overdue()
        execution.refresh_from_db()

    assert execution.status == "needs_attention"
    [call] = Compensation.objects.get(status="offered").calls
    assert call["step"] == "undo.refund"


def test_who_said_that_it_failed_is_asked_again_once_a_person_wants_that(approved, shop, api, olga):
    plan = workflow(step(f"{shop.url}/refunds"), step({"kind": "handback"}, name="tell"))
    execution = run_to_rest(approved(plan))
    address = f"proposals/{execution.proposal_id}/result/"
    api.post(address, {"outcome": "failed"})
    assert run_to_rest(execution).status == "needs_attention"

    attend.retry(execution, by=olga, reason="Their mailbox was emptied.")
    assert run_to_rest(execution).status == "handed_back"
    api.post(address, {"outcome": "succeeded"})

    assert run_to_rest(execution).status == "succeeded"
    assert len(shop.asked("/refunds")) == 1


def test_a_result_is_reported_once(approved, api):
    address = f"proposals/{approved(None).proposal_id}/result/"
    api.post(address, {"outcome": "succeeded"})

    assert api.post(address, {"outcome": "failed"}).status_code == 409
    assert Execution.objects.get().status == "succeeded"


def test_a_step_is_handed_back_when_the_routes_are_spent(approved, shop, api):
    shop.will("/refunds", 404)
    back = {"kind": "handback", "to": "agent", "within": "2h"}
    plan = workflow(step(f"{shop.url}/refunds", back), step(f"{shop.url}/mail", name="mail"))
    execution = run_to_rest(approved(plan))
    assert (execution.status, tried(execution)) == ("handed_back", [("1", "refused")])
    assert shop.asked("/mail") == []

    api.post(f"proposals/{execution.proposal_id}/result/", {"outcome": "succeeded"})
    execution = run_to_rest(execution)

    assert execution.status == "succeeded"
    assert len(shop.asked("/mail")) == 1


@pytest.mark.parametrize(("refunded", "status"), [(54.04, "succeeded"), (0, "needs_attention")])
def test_the_agents_word_is_verified_where_that_is_possible(refunded, status, approved, shop, api):
    shop.will("/order", (200, {"refunded": refunded}, {}))
    expect = "response.json.refunded >= args.amount"
    verify = {"url": f"{shop.url}/order", "expect": expect, "within": "1ms"}
    execution = run_to_rest(approved(workflow(step({"kind": "handback", "within": "1h"}, verify=verify))))

    api.post(f"proposals/{execution.proposal_id}/result/", {"outcome": "succeeded"})

    assert run_to_rest(execution).status == status
    assert Step.objects.get().receipt["verified"] is (status == "succeeded")


def test_an_agent_that_never_reports_is_noticed(approved):
    execution = approved(None)
    Execution.objects.update(deadline=execution.created_at)

    assert overdue.end_what_is_overdue() == 1

    execution.refresh_from_db()
    assert (execution.status, execution.reason) == (
        "needs_attention",
        "The agent did not report a result in time.",
    )


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/outcome"),
        ({"outcome": "perhaps"}, "/outcome"),
        ({"outcome": "failed", "detail": "x" * 501}, "/detail"),
        ({"outcome": "failed", "extra": 1}, "/extra"),
    ],
)
def test_a_report_that_is_wrong_says_where(body, pointer, approved, api):
    answer = api.post(f"proposals/{approved(None).proposal_id}/result/", body)

    assert answer.status_code == 422
    assert [e["pointer"] for e in answer.json()["errors"]] == [pointer]


def test_only_the_agent_itself_may_report(approved, olga, ana, api_as):
    from audit.ground.actors import SYSTEM
    from governance.door.keys import issue_key
    from governance.models import Agent
    from tests.conftest import ApiClient

    execution = approved(None)
    stranger = ApiClient(issue_key(Agent.objects.create(name="other-bot", owner=olga), actor=SYSTEM))
    address = f"proposals/{execution.proposal_id}/result/"

    assert stranger.post(address, {"outcome": "succeeded"}).status_code == 404
    assert api_as(ana).post(address, {"outcome": "succeeded"}).status_code == 403
    assert ApiClient().post(address, {"outcome": "succeeded"}).status_code == 401
    assert stranger.get(f"proposals/{execution.proposal_id}/execution/").status_code == 404


def test_the_story_of_an_execution_is_told_over_the_api(approved, shop, api, api_as, ana, cyd):
    shop.will("/refunds", 503, (201, {"internal": "note"}, {}))
    execution = run_to_rest(approved(workflow(step(f"{shop.url}/refunds")), idempotent=True))
    address = f"proposals/{execution.proposal_id}/execution/"

    told = api.get(address).json()

    assert (told["id"], told["status"]) == (str(execution.pk), "succeeded")
    [one] = told["steps"]
    assert (one["name"], one["status"]) == ("refund", "completed")
    assert [(a["number"], a["outcome"], a["http_status"]) for a in one["attempts"]] == [
        (1, "failed", 503),
        (2, "succeeded", 201),
    ]
    assert "internal" not in str(told)
    assert "internal" in str(api_as(ana).get(address).json())
    assert api_as(cyd).get(address).status_code == 404


def test_what_was_not_approved_has_no_execution(proposal, api):
    assert api.get(f"proposals/{proposal.pk}/execution/").status_code == 404
    assert api.post(f"proposals/{proposal.pk}/result/", {"outcome": "failed"}).status_code == 404
