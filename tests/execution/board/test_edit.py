"""Edit and retry: other arguments go back through approval, and nothing is lost of what had been tried."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now

from approvals.deciding import decide
from approvals.models import Decision
from audit.models import Event
from execution.board.edit import edit_and_retry
from execution.desk import attend
from execution.incidents.incidents import past_deadline
from execution.models import Attempt, Attention, Execution, FormerExecution, IncidentExecution, Step
from execution.running.run import run
from suggestions.models import Callback, Proposal
from tests.conftest import actor_of, in_force, make_person
from tests.execution.conftest import events_of, run_to_rest, step, tamper, workflow
from tests.suggestions.past.test_answers import at_once

pytestmark = pytest.mark.django_db

APPROVED, LESS = {"order_id": "#W1", "amount": 54.04}, {"order_id": "#W1", "amount": 40}
WHY = "The shop refunds at most 40."
FOUR_EYES = "version: 1\ndefaults: {verdict: review, team: operations, approvals: 2, four_eyes: true}\n"


@pytest.fixture
def operator(api_as: Any, olga: Any) -> Any:
    return api_as(olga)


@pytest.fixture
def refused(approved: Any, shop: Any) -> Any:
    """The shop will not have what was approved; anything else it takes."""

    def answer(_: Any, body: Any) -> Any:
        return (422, {"why": "too much"}, {}) if body["amount"] > 40 else 201

    shop.will("/refunds", answer)
    plan = workflow(step(f"{shop.url}/refunds"))
    execution = run_to_rest(approved(plan, callback_url="https://agent.example/hook"))
    assert execution.status == "needs_attention"
    return execution


def approve(proposal_id: Any, person: Any, digest: str) -> Any:
    suggestion = Proposal.objects.get(pk=proposal_id).suggestions.select_related("action_type").get()
    return decide.approve(suggestion, reviewer=person, actor=actor_of(person), shown_digest=digest)


def sent(shop: Any) -> list[tuple[str, Any]]:
    return [(headers["idempotency-key"], body) for headers, body in shop.asked("/refunds")]


# --- The whole way ----------------------------------------------------------------------------


def test_an_edit_goes_back_to_its_reviewers_and_runs_once_they_approve(
    refused: Any, shop: Any, operator: Any, ana: Any
) -> None:
    incident = past_deadline(refused, "It took too long.")
    path, body = f"executions/{refused.pk}/edit/", {"arguments": LESS, "reason": WHY, "round": 1}

    answer = operator.post(path, body)

    assert answer.status_code == 200
    told = answer.json()
    digest = told["action_digest"]
    assert (told["status"], told["execution"], told["former"]["edited_digest"]) == ("pending", None, digest)
    proposal = Proposal.objects.get()
    assert (proposal.status, hasattr(proposal, "resolution")) == ("pending", False)
    assert not Execution.objects.exists()
    assert not Attention.objects.exists()
    decision = Decision.objects.get()
    assert (decision.verdict, decision.standing, decision.stale) == ("approve", False, True)
    assert events_of(refused)[-1] == "execution.returned"
    data = json.loads(Event.objects.get(type="execution.returned").body)["data"]
    assert (data["action_digest"], data["edited_digest"]) == (refused.action_digest, digest)
    assert WHY not in Event.objects.get(type="execution.returned").body
    [callback] = Callback.objects.filter(type="proposal.returned_edited")
    assert (callback.data["reason"], callback.data["edited_digest"]) == (WHY, digest)
    [about] = operator.get(f"incidents/{incident.pk}/").json()["executions"]
    assert (about["execution"], about["proposal"]) == (str(refused.pk), str(proposal.pk))
    assert len(sent(shop)) == 1

    again = approve(proposal.pk, ana, digest).resolution.proposal.execution
    assert run_to_rest(again).status == "succeeded"
    [(first_key, first), (second_key, second)] = sent(shop)
    assert (first, second) == (APPROVED, LESS)
    assert first_key != second_key
    whole = operator.get(f"proposals/{proposal.pk}/execution/").json()
    [former] = whole["former"]
    assert (former["id"], former["by"], former["reason"]) == (str(refused.pk), "Olga", WHY)
    assert (former["arguments"], former["edited"]) == (APPROVED, LESS)
    [attempt] = former["story"]["steps"][0]["attempts"]
    assert (attempt["outcome"], attempt["http_status"]) == ("refused", 422)
    assert "too much" in attempt["response"]


def test_what_is_suggested_is_told_while_it_waits_and_only_to_people(
    refused: Any, operator: Any, api: Any, api_as: Any, ana: Any, cyd: Any, olga: Any
) -> None:
    path = f"proposals/{refused.proposal_id}/former-executions/"
    assert operator.get(path).json() == {"former": []}
    former = edit_and_retry(refused, by=olga, arguments=LESS, reason=WHY)
    assert former

    [told] = api_as(ana).get(path).json()["former"]

    assert (told["edited"], told["edited_digest"]) == (LESS, former.edited_digest)
    assert api_as(cyd).get(path).status_code == 404
    assert api.get(path).status_code == 403
    approve(refused.proposal_id, ana, former.edited_digest)
    assert "former" not in api.get(f"proposals/{refused.proposal_id}/execution/").json()


@pytest.mark.parametrize("order", ["ana ben", "ana both ben", "both ana ben"])
def test_its_maker_does_not_count_where_four_eyes_are_asked_for(
    refused: Any, shop: Any, ana: Any, ben: Any, order: str
) -> None:
    """As of an editing reviewer, by the rows and by the log; who only agrees is no editor."""
    people = {"ana": ana, "ben": ben, "both": make_person("both", "reviewer")}
    in_force(FOUR_EYES)
    former = edit_and_retry(refused, by=people["both"], arguments=LESS, reason=WHY)
    assert former
    digest, proposal = former.edited_digest, refused.proposal_id

    *first, last = [approve(proposal, people[name], digest).resolution for name in order.split()]

    assert first == [None] * len(first)
    assert last.arguments == LESS
    assert run_to_rest(last.proposal.execution).status == "succeeded"


def test_a_forged_maker_is_found_out_by_the_log(refused: Any, shop: Any, ana: Any, olga: Any) -> None:
    maker = make_person("both", "reviewer")
    in_force(FOUR_EYES)
    former = edit_and_retry(refused, by=maker, arguments=LESS, reason=WHY)
    assert former
    tamper("UPDATE execution_formerexecution SET by_id = %s", olga.pk)
    approve(refused.proposal_id, maker, former.edited_digest)
    execution = approve(refused.proposal_id, ana, former.edited_digest).resolution.proposal.execution

    assert run_to_rest(execution).status == "needs_attention"
    assert "1 of 2 people stand behind this action" in Execution.objects.get().reason
    assert len(sent(shop)) == 1


def test_the_policy_asks_for_what_it_asks_of_an_edit(refused: Any, olga: Any, ana: Any) -> None:
    in_force(
        "version: 1\ndefaults: {verdict: review, team: operations}\n"
        "rules:\n- name: small\n  when: args.amount < 50.0\n  then: {approvals: 2, four_eyes: false}\n"
    )
    former = edit_and_retry(refused, by=olga, arguments=LESS, reason=WHY)
    assert former
    assert Proposal.objects.get().approvals_needed == 2
    assert approve(refused.proposal_id, ana, former.edited_digest).resolution is None


def test_reviewers_may_also_approve_what_the_agent_suggested(
    refused: Any, shop: Any, olga: Any, ana: Any
) -> None:
    edit_and_retry(refused, by=olga, arguments=LESS, reason=WHY)
    again = approve(refused.proposal_id, ana, refused.action_digest).resolution.proposal.execution
    assert run_to_rest(again).status == "needs_attention"
    assert [body for _, body in sent(shop)] == [APPROVED, APPROVED]

    # Of several edits the newest is before the reviewers.
    former = edit_and_retry(again, by=olga, arguments={**LESS, "amount": 30}, reason="Still less.")
    assert former
    old = FormerExecution.objects.get(pk=refused.pk).edited_digest
    with pytest.raises(decide.DigestMismatch):
        approve(refused.proposal_id, ana, old)
    assert approve(refused.proposal_id, ana, former.edited_digest).resolution


def test_the_same_arguments_are_simply_tried_again(refused: Any, operator: Any, shop: Any) -> None:
    shop.will("/refunds", 201)

    answer = operator.post(f"executions/{refused.pk}/edit/", {"arguments": {**APPROVED, "amount": 54.04}})

    assert answer.status_code == 200
    assert (answer.json()["former"], answer.json()["execution"]["status"]) == (None, "scheduled")
    assert run_to_rest(refused).status == "succeeded"
    assert events_of(refused).count("execution.returned") == 0


# --- What is refused --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({"arguments": {**LESS, "amount": "much"}, "reason": WHY}, ["/arguments/amount"]),
        ({"arguments": {}, "reason": WHY}, ["/arguments/order_id", "/arguments/amount"]),
        ({"arguments": LESS, "reason": " "}, ["/reason"]),
        ({"arguments": [], "reason": WHY}, ["/arguments"]),
        ({"reason": WHY}, ["/arguments"]),
    ],
)
def test_what_is_wrong_is_told_by_field(
    refused: Any, operator: Any, body: dict[str, Any], pointers: list[str]
) -> None:
    answer = operator.post(f"executions/{refused.pk}/edit/", body)

    assert answer.status_code == 422
    assert {error["pointer"] for error in answer.json()["errors"]} <= {*pointers, "/arguments"}
    assert answer.json()["errors"]
    assert Execution.objects.get().status == "needs_attention"
    assert not FormerExecution.objects.exists()


def test_what_the_policy_blocks_is_told_with_its_rules(refused: Any, operator: Any) -> None:
    in_force(
        "version: 1\ndefaults: {verdict: review, team: operations}\n"
        "rules:\n- name: tiny\n  when: args.amount < 50.0\n  then: {verdict: block}\n"
    )
    answer = operator.post(f"executions/{refused.pk}/edit/", {"arguments": LESS, "reason": WHY})

    assert (answer.status_code, answer.json()["type"]) == (422, "urn:reviewapp:problem:edit-blocked")
    assert [rule["name"] for rule in answer.json()["rules"]] == ["tiny"]
    assert Proposal.objects.get().status == "approved"


def test_once_a_step_was_carried_out_its_arguments_stay(approved: Any, shop: Any, operator: Any) -> None:
    shop.will("/mail", 422)
    mail = step(f"{shop.url}/mail", name="mail")
    stuck = run_to_rest(approved(workflow(step(f"{shop.url}/refunds"), mail)))

    answer = operator.post(f"executions/{stuck.pk}/edit/", {"arguments": LESS, "reason": WHY})

    assert (answer.status_code, answer.json()["type"]) == (409, "urn:reviewapp:problem:carried-out-already")
    assert answer.json()["detail"].startswith("Step refund was carried out")


def test_a_doubtful_attempt_needs_a_look_although_a_key_was_honoured(
    approved: Any, shop: Any, operator: Any
) -> None:
    """The key is another one with other arguments, so it keeps nothing from happening twice."""
    shop.will("/refunds", "hang up")
    stuck = run_to_rest(approved(workflow(step(f"{shop.url}/refunds")), idempotent=True))
    assert stuck.status == "needs_attention"
    path, body = f"executions/{stuck.pk}/edit/", {"arguments": LESS, "reason": WHY}

    assert operator.post(path, body).json()["type"].endswith(":may-have-happened")
    answer = operator.post(path, {**body, "checked": True})

    assert answer.status_code == 200
    data = json.loads(Event.objects.get(type="execution.returned").body)["data"]
    assert data["although_unknown"] is True


def test_only_what_needs_attention_and_nobody_is_at_can_be_edited(refused: Any, olga: Any) -> None:
    def refusal(**columns: Any) -> str:
        Execution.objects.update(**{"undoing": False, "lease_until": None, **columns})
        with pytest.raises(attend.NotWaiting) as told:
            edit_and_retry(refused, by=olga, arguments=LESS, reason=WHY)
        return str(told.value.detail)

    assert "handed back" in refusal(status="handed_back")
    assert "being undone" in refusal(status="needs_attention", undoing=True)
    assert "changed meanwhile" in refusal(status="cancelled")
    assert "changed meanwhile" in refusal(status="scheduled")
    assert "in the middle" in refusal(status="running", lease_until=Now() + timedelta(hours=1))
    Execution.objects.update(status="needs_attention", lease_until=None)
    with pytest.raises(attend.NotWaiting):
        edit_and_retry(refused, by=olga, arguments=LESS, reason=WHY, seen=2)
    assert not FormerExecution.objects.exists()


def test_nobody_can_approve_it_after_the_agents_own_limit(refused: Any, operator: Any) -> None:
    Proposal.objects.update(expires_at=Now())
    answer = operator.post(f"executions/{refused.pk}/edit/", {"arguments": LESS, "reason": WHY})
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:reviewapp:problem:too-late-to-edit")
    assert Execution.objects.get().status == "needs_attention"


def test_who_may_not_attend_edits_nothing(refused: Any, api: Any, api_as: Any, ana: Any, cyd: Any) -> None:
    body = {"arguments": LESS, "reason": WHY}
    for caller in (api, api_as(ana), api_as(cyd)):
        assert caller.post(f"executions/{refused.pk}/edit/", body).status_code == 403
    assert Execution.objects.exists()


# --- Two at the same moment -------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_of_two_edits_and_a_retry_at_once_one_counts(refused: Any, olga: Any) -> None:
    def act(index: int) -> str:
        try:
            if index == 2:
                attend.retry(refused, by=olga, reason="again")
                return "retried"
            edit_and_retry(refused, by=olga, arguments={**LESS, "amount": 30 + index}, reason=WHY)
        except attend.NotWaiting:
            return "too late"
        return "edited"

    outcomes = at_once(3, act)

    assert outcomes.count("too late") == 2
    edited = "edited" in outcomes
    assert FormerExecution.objects.count() == int(edited)
    assert Execution.objects.filter(status="scheduled").count() == int(not edited)
    assert Proposal.objects.get().status == ("pending" if edited else "approved")


def test_what_comes_late_finds_nothing_and_breaks_nothing(refused: Any, olga: Any) -> None:
    edit_and_retry(refused, by=olga, arguments=LESS, reason=WHY)
    for verb in (attend.retry, attend.cancel):
        with pytest.raises(attend.NotWaiting):
            verb(refused, by=olga, reason="late")
    run(refused.pk)
    assert not Execution.objects.exists()
    assert not Attempt.objects.exists()
    assert not Step.objects.exists()


def test_it_goes_with_its_proposal(refused: Any, olga: Any) -> None:
    past_deadline(refused, "It took too long.")
    edit_and_retry(refused, by=olga, arguments=LESS, reason=WHY)
    Decision.objects.all().delete()
    Proposal.objects.all().delete()
    assert not FormerExecution.objects.exists()
    assert not IncidentExecution.objects.exists()
