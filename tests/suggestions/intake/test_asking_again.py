"""What a person rejected is not asked for again, unless something that matters has changed."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models.functions import Now

from approvals.deciding import decide, may_decide, reopen
from audit.ground.actors import SYSTEM
from audit.models import Event
from governance.models import Agent
from suggestions.intake import asking_again
from suggestions.intake.asking_again import AlreadyRejected
from suggestions.models import Callback, Proposal, RejectedAction
from tests.conftest import REFUND, actor_of, in_force, proposal_body, suggestion_body

pytestmark = pytest.mark.usefixtures("action_type")
Propose = Callable[..., Any]
OTHER = suggestion_body(arguments={"order_id": "#W2", "amount": 10})
CHANGED = {"context": {"messages": [{"role": "user", "content": "Here is a photo."}]}}


def reject(proposal: Any, by: Any) -> None:
    decide.reject(proposal.pk, reviewer=by, actor=actor_of(by), reason="not our customer")


@pytest.fixture
def rejected(proposal: Any, ana: Any) -> Any:
    reject(proposal, ana)
    proposal.refresh_from_db()
    return proposal


def test_the_same_again_is_refused_and_told_who_said_no(rejected: Any, api: Any) -> None:
    answer = api.submit(proposal_body(title="Please", summary="Really", provenance={"model": "another"}))

    assert answer.status_code == 409
    body = answer.json()
    resolution = rejected.resolution
    assert body["type"] == "urn:reviewapp:problem:already-rejected"
    assert body["pointer"] == "/suggestions/0"
    assert body["earlier"] == {
        "proposal": str(rejected.pk),
        "status": "rejected",
        "by": "Ana",
        "at": resolution.at.isoformat(),
        "reason": "not our customer",
        "link": f"/api/v1/proposals/{rejected.pk}/",
        "page": f"/queue/{rejected.pk}/",
    }
    assert body["detail"].startswith("Ana rejected this on ")
    assert "`revises`" in body["detail"]
    assert Proposal.objects.count() == 1
    refusal = Event.objects.get(type="request.refused")
    assert (refusal.proposal_id, refusal.actor_name) == (rejected.pk, "support-bot")


@pytest.mark.parametrize(
    "changes",
    [
        {"subject": {"type": "customer", "id": "another"}},
        {"subject": None},
        {"suggestions": [OTHER]},
        {"suggestions": [suggestion_body(arguments={"order_id": "#W1", "amount": 54.05})]},
    ],
)
def test_something_else_may_be_asked_for(rejected: Any, propose: Propose, changes: Any) -> None:
    assert propose(**changes).status == "pending"


def test_another_agent_may_ask(rejected: Any, propose: Propose, olga: Any) -> None:
    other = Agent.objects.create(name="other-bot", owner=olga)
    asked = propose(other)
    assert (asked.agent, asked.status) == (other, "pending")
    assert asked.suggestions.get().arguments == rejected.suggestions.get().arguments


def test_the_same_number_spelled_otherwise_is_the_same(propose: Propose, ana: Any) -> None:
    reject(propose(suggestions=[suggestion_body(arguments={"order_id": "#W1", "amount": 10})]), ana)
    with pytest.raises(AlreadyRejected):
        propose(suggestions=[suggestion_body(arguments={"amount": 10.0, "order_id": "#W1"})])


def test_a_new_version_of_the_action_makes_no_new_question(rejected: Any, propose: Propose) -> None:
    from governance.actions.action_types import register

    register({**REFUND, "template": "Pay {amount} back for {order_id}"}, actor=SYSTEM)
    with pytest.raises(AlreadyRejected):
        propose()


def test_a_rejected_option_among_others_is_still_rejected(propose: Propose, ana: Any) -> None:
    reject(propose(suggestions=[suggestion_body(), {**OTHER, "rank": 2}]), ana)
    new = suggestion_body(rank=1, arguments={"order_id": "#W3", "amount": 1})
    with pytest.raises(AlreadyRejected) as refused:
        propose(suggestions=[new, {**OTHER, "rank": 2}])
    assert refused.value.facts["pointer"] == "/suggestions/1"


@pytest.mark.parametrize("end", [decide.give_back, None])
def test_only_a_rejection_counts(proposal: Any, propose: Propose, ana: Any, end: Any) -> None:
    if end:
        end(proposal.pk, reviewer=ana, actor=actor_of(ana), reason="Add a photo.")
    assert propose().status == "pending"
    assert not RejectedAction.objects.exists()


# --- For how long


def test_after_a_while_it_may_be_asked_again(rejected: Any, propose: Propose) -> None:
    row = RejectedAction.objects.get()
    assert row.until - row.at == timedelta(hours=24)
    RejectedAction.objects.update(until=Now())
    assert propose().status == "pending"


def test_the_policy_says_for_how_long(propose: Propose, ana: Any) -> None:
    text = """
version: 1
defaults: {ask_again_after: 2h}
rules:
  - {name: large, when: "args.amount > 100.0", then: {ask_again_after: 7d}}
  - {name: larger, when: "args.amount > 200.0", then: {ask_again_after: 3d}}
  - {name: any-time, when: 'args.order_id == "#W0"', then: {ask_again_after: 0s}}
"""
    in_force(text)
    lasted = {}
    for order, amount in [("#W1", 1), ("#W1", 150), ("#W1", 250), ("#W0", 1)]:
        options = [suggestion_body(arguments={"order_id": order, "amount": amount})]
        one = propose(suggestions=options)
        reject(one, ana)
        lasted[order, amount] = [r.until - r.at for r in one.rejected_actions.all()]
    hour = timedelta(hours=1)
    assert lasted == {
        ("#W1", 1): [2 * hour],
        ("#W1", 150): [168 * hour],
        ("#W1", 250): [168 * hour],
        ("#W0", 1): [],
    }
    propose(suggestions=options)


def test_what_is_over_is_swept_away(rejected: Any, propose: Propose, ana: Any) -> None:
    reject(propose(suggestions=[OTHER]), ana)
    RejectedAction.objects.filter(proposal=rejected).update(until=Now())
    assert (asking_again.forget(), asking_again.forget()) == (1, 0)
    assert RejectedAction.objects.exclude(proposal=rejected).count() == 1


# --- Something has changed


@pytest.mark.parametrize(
    ("changes", "taken"),
    [
        (CHANGED, True),
        ({"suggestions": [suggestion_body(before={"amount": 0})]}, True),
        ({"suggestions": [suggestion_body(risk={"level": "low", "indicators": [{"code": "photo"}]})]}, True),
        ({"suggestions": [suggestion_body(), {**OTHER, "rank": 2}]}, True),
        ({"suggestions": [{**OTHER, "rank": 1}, suggestion_body(rank=2)]}, True),
        ({}, False),
        ({"title": "Refund, urgent", "summary": "The customer insists."}, False),
        (
            {"suggestions": [suggestion_body(confidence=0.99, success_probability=1, explanation="Really")]},
            False,
        ),
        ({"suggestions": [suggestion_body(risk={"level": "low"})]}, False),
        ({"suggestions": [suggestion_body(), suggestion_body(rank=2)]}, False),
        ({"expires_at": "2036-01-01T00:00:00Z", "provenance": {"model": "m"}}, False),
    ],
)
def test_a_revision_counts_if_something_that_matters_has_changed(
    rejected: Any, propose: Propose, changes: Any, taken: bool
) -> None:
    if taken:
        propose(revises=str(rejected.pk), **changes)
        return
    with pytest.raises(AlreadyRejected, match="nothing that matters has changed"):
        propose(revises=str(rejected.pk), **changes)


def test_a_change_without_revises_does_not_count(rejected: Any, propose: Propose) -> None:
    with pytest.raises(AlreadyRejected):
        propose(**CHANGED)
    other = propose(suggestions=[OTHER])
    with pytest.raises(AlreadyRejected):
        propose(revises=str(other.pk), **CHANGED)


def test_a_revision_of_a_revision_counts_and_has_to_differ_from_every_rejected_one(
    rejected: Any, propose: Propose, ana: Any
) -> None:
    second = propose(revises=str(rejected.pk), **CHANGED)
    reject(second, ana)
    third = {"context": {"note": "Now with an invoice."}}

    with pytest.raises(AlreadyRejected):
        propose(revises=str(rejected.pk), **third)  # what was said to the second is left out
    with pytest.raises(AlreadyRejected):
        propose(revises=str(second.pk), **CHANGED)
    with pytest.raises(AlreadyRejected):
        propose(revises=str(second.pk))  # as the first was
    propose(revises=str(second.pk), **third)


# --- Once, however often


def test_a_replay_gives_the_first_answer_whatever_became_of_it(api: Any, ana: Any) -> None:
    first = api.submit(key="one")
    reject(Proposal.objects.get(), ana)

    again = api.submit(key="one")

    assert (again.status_code, again["Idempotent-Replayed"]) == (201, "true")
    assert again.json() == first.json()
    assert api.submit(key="two").status_code == 409


def batch(api: Any, *items: dict[str, Any], atomic: bool = True) -> Any:
    keyed = [{"idempotency_key": uuid.uuid4().hex, **item} for item in items]
    return api.post(f"proposals/batch/?atomic={str(atomic).lower()}", {"proposals": keyed})


def test_a_batch_names_the_item(rejected: Any, api: Any) -> None:
    fine = proposal_body(suggestions=[OTHER])

    whole = batch(api, fine, proposal_body())

    assert whole.status_code == 422
    assert [e["pointer"] for e in whole.json()["errors"]] == ["/proposals/1/suggestions/0"]
    assert Proposal.objects.count() == 1

    each = batch(api, fine, proposal_body(), {**fine, "title": "Again"}, atomic=False)

    assert each.status_code == 200
    results = each.json()["results"]
    assert [r["accepted"] for r in results] == [True, False, True]
    assert results[1]["earlier"]["proposal"] == str(rejected.pk)
    assert Event.objects.filter(type="request.refused", proposal_id=rejected.pk).count() == 2


def test_a_batch_with_a_replay_of_what_was_rejected_is_taken(api: Any, ana: Any) -> None:
    item = {**proposal_body(), "idempotency_key": "one"}
    batch(api, item)
    reject(Proposal.objects.get(), ana)
    answer = batch(api, item, proposal_body(suggestions=[OTHER]))
    assert [r["replayed"] for r in answer.json()["results"]] == [True, False]


def test_twice_in_one_batch_is_fine(api: Any) -> None:
    assert batch(api, proposal_body(), proposal_body()).status_code == 201


# --- Letting it ask again


def test_a_reviewer_lets_the_agent_ask_again_and_it_is_told(propose: Propose, ana: Any, ben: Any) -> None:
    proposal = propose(callback_url="https://agent.example/hooks")
    reject(proposal, ana)

    reopen.reopen(proposal.pk, reviewer=ben, actor=actor_of(ben), reason="It is our customer after all.")

    propose()
    told = Callback.objects.get(type="proposal.reopened")
    assert told.data == {
        "proposal": str(proposal.pk), "actor": "Ben", "reason": "It is our customer after all."
    }  # fmt: skip
    event = Event.objects.get(type="proposal.reopened")
    assert (event.actor_name, event.proposal_id) == ("Ben", proposal.pk)
    assert "customer after" not in event.body
    with pytest.raises(reopen.NothingToReopen):
        reopen.reopen(proposal.pk, reviewer=ben, actor=actor_of(ben))


def test_it_may_then_ask_although_the_same_was_rejected_twice(propose: Propose, ana: Any) -> None:
    first, second = propose(), propose()
    reject(first, ana)
    reject(second, ana)
    assert reopen.reopen(first.pk, reviewer=ana, actor=actor_of(ana)) == 2
    reject(propose(), ana)
    with pytest.raises(AlreadyRejected):
        propose()


def test_neither_another_team_nor_the_owner_lets_it_ask_again(
    rejected: Any, propose: Propose, cyd: Any, olga: Any
) -> None:
    olga.teams.add("operations")
    for person, refusal in [(cyd, may_decide.NotInTeam), (olga, may_decide.OwnAgent)]:
        with pytest.raises(refusal):
            reopen.reopen(rejected.pk, reviewer=person, actor=actor_of(person))
    with pytest.raises(AlreadyRejected):
        propose()


@pytest.mark.parametrize("state", ["pending", "approved", "returned", "over"])
def test_what_was_not_rejected_needs_no_reopening(proposal: Any, ana: Any, state: str) -> None:
    suggestion = proposal.suggestions.get()
    if state == "approved":
        decide.approve(suggestion, reviewer=ana, actor=actor_of(ana), shown_digest=suggestion.action_digest)
    elif state == "returned":
        decide.give_back(proposal.pk, reviewer=ana, actor=actor_of(ana), reason="More")
    elif state == "over":
        reject(proposal, ana)
        RejectedAction.objects.update(until=Now())
    with pytest.raises(reopen.NothingToReopen):
        reopen.reopen(proposal.pk, reviewer=ana, actor=actor_of(ana))


# --- At the same moment


@pytest.mark.django_db(transaction=True)
def test_after_the_rejection_none_gets_in(proposal: Any, propose: Propose, ana: Any) -> None:
    """Eight keep asking while a reviewer says no: whoever begins after the no is refused."""
    said_no = threading.Event()
    late: list[str] = []
    begun = threading.Barrier(9)

    def ask() -> None:
        begun.wait()
        for _ in range(12):
            after = said_no.is_set()
            try:
                propose()
            except AlreadyRejected:
                late.append("refused")
            else:
                late.append("taken after the no" if after else "taken")
        connection.close()

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    begun.wait()
    reject(proposal, ana)
    said_no.set()
    for thread in threads:
        thread.join()

    assert len(late) == 96
    assert "refused" in late
    assert "taken after the no" not in late
