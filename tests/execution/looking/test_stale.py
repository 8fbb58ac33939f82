"""Right before anything is done the worker looks again: what has moved goes back to its reviewers."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.db import connection

from approvals.deciding import decide
from approvals.models import Decision
from audit.models import Event
from execution.looking import premise
from execution.looking.looks import look_at
from execution.models import Execution, Look
from execution.running.run import run
from suggestions.models import Callback, Proposal
from tests.conftest import actor_of, proposal_body
from tests.execution.conftest import events_of, run_to_rest, step, tamper
from tests.execution.looking.conftest import ORDER, looking

pytestmark = pytest.mark.django_db


@pytest.fixture
def waiting(shop: Any, order: Any, propose: Any, known: Any) -> Any:
    """A proposal that was looked at, before anybody decided."""

    def hand_in(plan: Any = None, **changes: Any) -> Any:
        from audit.ground.actors import SYSTEM
        from governance.actions.action_types import register
        from tests.conftest import REFUND

        register({**REFUND, "workflow": plan or looking(shop)}, actor=SYSTEM)
        proposal = propose(**{**known, **changes})
        assert look_at(proposal.pk) == 1
        return proposal

    return hand_in


def approve(proposal: Any, person: Any, *, shown: bool = True) -> Any:
    """With what is known of it by now, as the page would show it; returns the execution."""
    suggestion = proposal.suggestions.select_related("action_type").get(rank=1)
    newest = Look.objects.filter(proposal=proposal).order_by("-asked_at").values_list("pk", flat=True)[:1]
    decided = decide.approve(
        suggestion,
        reviewer=person,
        actor=actor_of(person),
        shown_digest=suggestion.action_digest,
        shown=list(newest) if shown else [],
    )
    return decided.resolution.proposal.execution if decided.resolution else None


def test_what_is_still_as_it_was_shown_is_carried_out(shop: Any, waiting: Any, ana: Any) -> None:
    execution = approve(waiting(), ana)

    assert run_to_rest(execution).status == Execution.Status.SUCCEEDED
    assert len(shop.asked("/refunds")) == 1
    acting = Look.objects.get(occasion="acting")
    assert (acting.execution, acting.known, acting.reason) == (execution.pk, True, "")


@pytest.mark.parametrize("shown", [True, False])
def test_what_has_moved_goes_back_to_its_reviewers_and_nothing_is_sent(
    shop: Any, order: Any, waiting: Any, ana: Any, ben: Any, shown: bool
) -> None:
    proposal = waiting(callback_url="http://agent.test/hear")
    execution = approve(proposal, ana, shown=shown)
    order(54.04, owner="Eve")
    before = Proposal.objects.get(pk=proposal.pk)

    run(execution.pk)

    assert shop.asked("/refunds") == []
    proposal = Proposal.objects.get(pk=proposal.pk)
    assert proposal.status == Proposal.Status.PENDING
    assert not hasattr(proposal, "resolution")
    assert proposal.deadline > before.deadline
    assert not Execution.objects.exists()
    decision = Decision.objects.get()
    assert (decision.verdict, decision.standing, decision.stale) == ("approve", False, True)
    look = Look.objects.get(occasion="acting")
    assert look.moved == [["Owner", "Ida", "Eve"]]
    assert look.reason == "It is not as it was when it was decided, the shop says: Owner."
    assert events_of(execution)[-1] == "execution.stale"
    [told] = Callback.objects.filter(type="proposal.returned_stale")
    assert told.data["moved"] == ["Owner"]
    assert "Eve" not in json.dumps(told.data)

    # Shown what is there now, somebody approves it again, and it is carried out.
    again = approve(proposal, ben, shown=shown)
    assert run_to_rest(again).status == Execution.Status.SUCCEEDED
    assert len(shop.asked("/refunds")) == 1


def test_what_is_required_no_longer_holds(shop: Any, order: Any, waiting: Any, ana: Any) -> None:
    execution = approve(waiting(looking(shop, stale_when=[])), ana)
    order(10)
    run(execution.pk)
    assert Proposal.objects.get().status == Proposal.Status.PENDING
    assert "look.json.refundable >= args.amount" in Look.objects.get(occasion="acting").reason
    assert shop.asked("/refunds") == []


@pytest.mark.parametrize("answer", [(200, {}, {}), (404, {"detail": "gone"}, {}), (200, [1], {})])
def test_what_is_required_and_cannot_be_told_does_not_hold(
    shop: Any, waiting: Any, ana: Any, answer: Any
) -> None:
    execution = approve(waiting(looking(shop, stale_when=[])), ana)
    shop.will(ORDER, answer)
    run(execution.pk)
    assert Proposal.objects.get().status == Proposal.Status.PENDING
    assert "can’t be told" in Look.objects.get(occasion="acting").reason


def test_what_is_required_may_be_about_the_decision(shop: Any, waiting: Any, ana: Any) -> None:
    wants = f'decision.by == ["{ana.printed_name}"] && !decision.edited'
    since = 'timestamp(decision.at) > timestamp("2020-01-01T00:00:00Z")'
    execution = approve(waiting(looking(shop, require=f"{wants} && {since}")), ana)
    assert run_to_rest(execution).status == Execution.Status.SUCCEEDED


def test_without_an_answer_it_waits_and_then_a_person_is_asked(shop: Any, waiting: Any, ana: Any) -> None:
    execution = approve(waiting(), ana)
    shop.will(ORDER, 503)

    run(execution.pk)
    assert Execution.objects.get().status == Execution.Status.SCHEDULED
    assert events_of(execution)[-1] == "execution.put_off"

    rested = run_to_rest(execution)
    assert rested.status == Execution.Status.NEEDS_ATTENTION
    assert rested.reason == ("Nothing was sent, for what is there now can't be seen. No answer: HTTP 503.")
    assert Look.objects.filter(occasion="acting", known=False).count() == 3
    assert shop.asked("/refunds") == []


def test_an_attempt_that_was_made_is_never_made_stale(shop: Any, order: Any, waiting: Any, ana: Any) -> None:
    """The first try may have moved it itself."""
    shop.will("/refunds", (503, {}, {"retry-after": "0"}), 201)
    execution = approve(waiting(), ana)
    run(execution.pk)
    order(0)
    assert run_to_rest(execution).status == Execution.Status.SUCCEEDED


def test_what_the_policy_let_pass_goes_to_reviewers_as_well(
    shop: Any, order: Any, policy: Any, trusted: Any, waiting: Any, ana: Any, propose: Any, known: Any
) -> None:
    from audit.ground.actors import SYSTEM
    from execution.running.schedule import adopt
    from governance.actions.action_types import register
    from tests.conftest import DEPLOYED, REFUND

    policy(
        "version: 1\ndefaults: {verdict: review, team: operations}\nmay_pass: [refund_payment]\n"
        "rules:\n- name: small\n  when: look.known && look.json.owner == 'Ida'\n"
        "  then: {verdict: auto_approve, sample: 1}\n"
    )
    register({**REFUND, "workflow": looking(shop)}, actor=SYSTEM)
    proposal = propose(**known, provenance=DEPLOYED)
    assert proposal.status == Proposal.Status.APPROVED
    assert adopt() == 1
    order(54.04, owner="Eve")
    execution = Execution.objects.get()

    run(execution.pk)

    proposal.refresh_from_db()
    assert (proposal.status, proposal.team_id) == (Proposal.Status.PENDING, "operations")
    assert adopt() == 0
    approved = approve(proposal, ana)
    assert not approved.passed
    assert run_to_rest(approved).status == Execution.Status.SUCCEEDED
    types = list(Event.objects.filter(type__startswith="sample.").values_list("type", flat=True))
    assert types == ["sample.chosen", "sample.dropped"]


def test_several_people_were_shown_different_things(
    shop: Any, order: Any, policy: Any, waiting: Any, ana: Any, ben: Any
) -> None:
    """Each of them has to have seen what is there now."""
    policy("version: 1\ndefaults: {verdict: review, team: operations, approvals: 2}\n")
    proposal = waiting(looking(shop, require=None, look={**looking(shop)["look"], "cached": "1s"}))
    assert approve(proposal, ana) is None
    order(80)
    Look.objects.update(at="2020-01-01T00:00:00Z")
    assert look_at(proposal.pk) == 1
    execution = approve(proposal, ben)
    run(execution.pk)
    assert Look.objects.get(occasion="acting").moved == [["Refundable", 54.04, 80]]
    assert list(Decision.objects.values_list("standing", flat=True)) == [False, False]


def test_steps_use_what_was_seen(shop: Any, waiting: Any, ana: Any) -> None:
    route = {"kind": "http", "url": f"{shop.url}/refunds", "body": {"to": "=look.json.owner"}}
    execution = approve(waiting(looking(shop, steps=[step(route)])), ana)
    assert run_to_rest(execution).status == Execution.Status.SUCCEEDED
    assert shop.asked("/refunds")[0][1] == {"to": "Ida"}


def test_a_proposal_without_a_look_costs_nothing(approved: Any, shop: Any) -> None:
    from tests.execution.conftest import step, workflow

    run_to_rest(approved(workflow(step(f"{shop.url}/refunds"))))
    assert not Look.objects.exists()


def test_the_replay_of_what_had_passed_says_that_it_waits(
    shop: Any, order: Any, policy: Any, trusted: Any, api: Any, known: Any
) -> None:
    from audit.ground.actors import SYSTEM
    from execution.running.schedule import adopt
    from governance.actions.action_types import register
    from tests.conftest import DEPLOYED, REFUND

    policy("version: 1\ndefaults: {verdict: auto_approve, team: operations}\nmay_pass: [refund_payment]\n")
    register({**REFUND, "workflow": looking(shop)}, actor=SYSTEM)
    body = proposal_body(**known, provenance=DEPLOYED)
    assert api.submit(body, key="one").json()["status"] == "approved"
    adopt()
    order(1)
    run(Execution.objects.get().pk)
    answer = api.submit(body, key="one")
    assert (answer.status_code, answer.json()["status"]) == (201, "pending")


def test_what_the_agent_carries_out_is_looked_at_before_it_is_handed_back(
    shop: Any, order: Any, waiting: Any, agent: Any, ana: Any, ben: Any
) -> None:
    from governance.models import Autonomy

    Autonomy.objects.create(agent=agent, action="refund_payment", stage=Autonomy.Stage.ASSISTED)
    proposal = waiting()
    execution = approve(proposal, ana)
    assert (execution.assisted, execution.status) == (True, Execution.Status.SCHEDULED)
    order(1)
    run(execution.pk)
    assert Proposal.objects.get().status == Proposal.Status.PENDING
    order(54.04)
    Look.objects.update(at="2020-01-01T00:00:00Z")
    look_at(proposal.pk)
    assert run_to_rest(approve(proposal, ben)).status == Execution.Status.HANDED_BACK


def test_what_was_decided_before_it_came_back_stays_without_effect(
    shop: Any, order: Any, policy: Any, waiting: Any, ana: Any, ben: Any
) -> None:
    """Also where somebody lets a row of it stand again: the log knows better."""
    policy("version: 1\ndefaults: {verdict: review, team: operations, approvals: 2}\n")
    proposal = waiting(looking(shop, require=None))
    approve(proposal, ana)
    execution = approve(proposal, ben)
    order(10)
    run(execution.pk)
    [first, _] = Decision.objects.order_by("at")
    tamper("UPDATE approvals_decision SET standing = true WHERE id = %s", first.pk)

    again = approve(proposal, ben)

    assert run_to_rest(again).status == Execution.Status.NEEDS_ATTENTION
    assert "1 of 2 people stand behind this action" in Execution.objects.get().reason
    assert shop.asked("/refunds") == []


def test_an_edit_that_leads_to_another_question_is_compared_with_nothing(
    shop: Any, waiting: Any, ana: Any
) -> None:
    """Nobody was shown the other order; what is required holds for it all the same."""
    proposal = waiting()
    shop.will("/orders/W2", (200, {"refundable": 9, "owner": "Eve"}, {}))
    suggestion = proposal.suggestions.select_related("action_type").get()
    how = {"reviewer": ana, "actor": actor_of(ana), "shown_digest": suggestion.action_digest}
    shown = [Look.objects.get().pk]
    other = {"order_id": "W2", "amount": 5}
    execution = decide.approve(suggestion, arguments=other, shown=shown, **how).resolution.proposal.execution

    assert run_to_rest(execution).status == Execution.Status.SUCCEEDED
    assert [body for _, body in shop.asked("/refunds")] == [other]


# --- What the agent carries out -------------------------------------------------------------------


@pytest.fixture
def handed_back(shop: Any, waiting: Any, ana: Any) -> Any:
    execution = approve(waiting(looking(shop, steps=[step({"kind": "handback"})])), ana)
    assert run_to_rest(execution).status == Execution.Status.HANDED_BACK
    return execution


def begin(api: Any, execution: Any) -> Any:
    return api.post(f"proposals/{execution.proposal_id}/execution/begin/", {})


def test_an_agent_is_granted_what_is_still_as_it_was_shown(handed_back: Any, api: Any) -> None:
    assert begin(api, handed_back).status_code == 200
    assert Look.objects.filter(occasion="acting", reason="").count() == 2
    assert begin(api, handed_back).json()["type"] == "urn:reviewapp:problem:already-begun"
    assert Look.objects.filter(occasion="acting").count() == 2


def test_an_agent_that_begins_too_late_is_told_what_moved_and_reviewers_are_asked_again(
    handed_back: Any, order: Any, api: Any, ana: Any, shop: Any
) -> None:
    order(54.04, owner="Eve")

    answer = begin(api, handed_back)

    problem = answer.json()
    assert (answer.status_code, problem["type"]) == (409, "urn:reviewapp:problem:went-stale")
    assert problem["moved"] == ["Owner"]
    assert "Eve" not in answer.content.decode()
    proposal = Proposal.objects.get()
    assert (proposal.status, Execution.objects.exists()) == (Proposal.Status.PENDING, False)
    assert Look.objects.exclude(reason="").get().moved == [["Owner", "Ida", "Eve"]]
    assert events_of(handed_back)[-1] == "execution.stale"
    assert begin(api, handed_back).status_code == 404

    again = approve(proposal, ana)
    assert run_to_rest(again).status == Execution.Status.HANDED_BACK
    assert begin(api, again).status_code == 200


def test_without_an_answer_an_agent_asks_again_until_a_person_is_asked(
    handed_back: Any, shop: Any, api: Any
) -> None:
    shop.will(ORDER, 503)
    answer = begin(api, handed_back)
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:reviewapp:problem:not-seen")
    assert "ask again" in answer.json()["detail"]
    assert Execution.objects.get().status == Execution.Status.HANDED_BACK
    Look.objects.filter(known=False).update(asked_at="2020-01-01T00:00:00Z")

    assert "A person was asked" in begin(api, handed_back).json()["detail"]

    execution = Execution.objects.get()
    assert (execution.status, execution.attention.team_id) == ("needs_attention", "operations")
    assert execution.reason.startswith(
        "Nothing was done, for what is there now can't be seen. No answer: HTTP 503"
    )
    assert begin(api, handed_back).json()["type"] == "urn:reviewapp:problem:not-handed-back"


@pytest.mark.django_db(transaction=True)
def test_a_slow_service_holds_no_transaction(handed_back: Any, api: Any, shop: Any, monkeypatch: Any) -> None:
    held: list[bool] = []
    check = premise.check

    def looked(work: Any) -> Any:
        held.append(connection.in_atomic_block)
        return check(work)

    monkeypatch.setattr(premise, "check", looked)
    assert begin(api, handed_back).status_code == 200
    assert held == [False]
