"""Taking back what was done: offered with the exact calls, approved like any action, carried out once."""

from __future__ import annotations

from typing import Any

import pytest
from django.db.models.functions import Now

from audit.models import Event
from execution.desk import attend
from execution.healing import compensation
from execution.models import Compensation, Execution, Step
from suggestions.models import Proposal
from tests.conftest import make_person
from tests.execution.conftest import events_of, run_to_rest, step, workflow

pytestmark = pytest.mark.django_db


def plan_of(shop: Any, **rest: Any) -> dict[str, Any]:
    back = {
        "kind": "http",
        "method": "DELETE",
        "url": shop.url + "/refunds/{id}",
        "with": {"id": "=steps.refund.json.id"},
    }
    first = step(f"{shop.url}/refunds", undo={"routes": [back], "retry": {"attempts": 2, "base": "1ms"}})
    return {**workflow(first, step(f"{shop.url}/mail", name="mail")), **rest}


@pytest.fixture
def half_done(approved: Any, shop: Any) -> Any:
    """The refund was made, the mail was refused."""
    shop.will("/refunds", (201, {"id": "r-7"}, {}))
    shop.will("/mail", 422)
    execution = run_to_rest(approved(plan_of(shop)))
    assert execution.status == "needs_attention"
    return execution


def test_what_was_done_is_undone_once_somebody_approves_the_exact_call(
    half_done: Any, shop: Any, ana: Any
) -> None:
    offer = Compensation.objects.get()
    [call] = offer.calls
    assert call["step"] == "undo.refund"
    assert call["routes"][0]["url"] == f"{shop.url}/refunds/r-7"
    with pytest.raises(compensation.AnotherUndo):
        compensation.approve(offer, by=ana, digest="sha256:other")
    assert len(shop.calls) == 2

    compensation.approve(offer, by=ana, digest=offer.digest, reason="The customer has left.")
    execution = run_to_rest(half_done)

    assert (execution.status, execution.reason) == ("cancelled", compensation.UNDONE)
    assert [(method, path) for method, path, _, _ in shop.calls] == [
        ("POST", "/refunds"),
        ("POST", "/mail"),
        ("DELETE", "/refunds/r-7"),
    ]
    assert shop.calls[2][2]["idempotency-key"] == f"{execution.pk}/undo.refund"
    offer.refresh_from_db()
    assert offer.status == "done"
    told = [event for event in events_of(execution) if event.startswith("compensation.")]
    assert told == ["compensation.offered", "compensation.approved", "compensation.done"]
    with pytest.raises(compensation.NotOffered):
        compensation.approve(offer, by=ana, digest=offer.digest)


def test_what_was_seen_stays_seen_when_it_is_undone(approved: Any, shop: Any, ana: Any) -> None:
    shop.will("/refunds", (201, {"id": "r-7"}, {}))
    shop.will("/mail", 422)
    shop.will("/look", (200, {"refunded": True}, {}))
    plan = plan_of(shop)
    look = {"kind": "http", "method": "GET", "url": f"{shop.url}/look"}
    plan["steps"][0]["verify"] = {"route": look, "expect": "response.json.refunded == true"}
    execution = run_to_rest(approved(plan))
    assert (execution.status, execution.verdict) == ("needs_attention", "verified")
    offer = Compensation.objects.get()

    compensation.approve(offer, by=ana, digest=offer.digest)
    execution = run_to_rest(execution)

    assert (execution.status, execution.verdict) == ("cancelled", "verified")
    assert Step.objects.get(kind="undo").verdict == "unverified"


def test_as_many_people_approve_it_as_the_action_asked_for(half_done: Any, shop: Any, ana: Any) -> None:
    Proposal.objects.update(approvals_needed=2)
    calls = Compensation.objects.get().calls
    Compensation.objects.all().delete()
    half_done.proposal.refresh_from_db()
    offer = compensation.offer(half_done, calls)
    Proposal.objects.update(approvals_needed=1)  # else its own approval is not proved
    assert offer.approvals_needed == 2

    compensation.approve(offer, by=ana, digest=offer.digest)
    with pytest.raises(compensation.ApprovedAlready):
        compensation.approve(offer, by=ana, digest=offer.digest)
    assert Execution.objects.get().status == "needs_attention"

    compensation.approve(offer, by=make_person("otto", "operator"), digest=offer.digest)

    assert run_to_rest(half_done).status == "cancelled"
    assert len(shop.calls) == 3


def test_who_could_decide_on_the_action_or_is_an_operator_is_asked(
    half_done: Any, shop: Any, ana: Any, cyd: Any, dora: Any, olga: Any
) -> None:
    offer = Compensation.objects.get()
    otto = make_person("otto", "operator")
    asked = {one.username: compensation.may_answer(half_done, one) for one in (ana, cyd, dora, olga, otto)}
    assert asked == {"ana": True, "cyd": False, "dora": False, "olga": True, "otto": True}
    for stranger in (cyd, dora):
        with pytest.raises(compensation.NotAskedToUndo):
            compensation.approve(offer, by=stranger, digest=offer.digest)
        with pytest.raises(compensation.NotAskedToUndo):
            compensation.decline(offer, by=stranger)
    with pytest.raises(compensation.OwnAgentsWork):
        compensation.approve(offer, by=olga, digest=offer.digest)

    proposal = Proposal.objects.get()
    Proposal.objects.update(verdict={**proposal.verdict, "owner_may_approve": True})
    compensation.approve(offer, by=olga, digest=offer.digest)

    assert run_to_rest(half_done).status == "cancelled"


def test_what_is_declined_stays_and_a_retry_goes_on(half_done: Any, shop: Any, olga: Any) -> None:
    compensation.decline(Compensation.objects.get(), by=olga, reason="The mail can wait.")
    shop.will("/mail", 201)
    attend.retry(half_done, by=olga)

    assert run_to_rest(half_done).status == "succeeded"
    assert [path for _, path, _, _ in shop.calls] == ["/refunds", "/mail", "/mail"]


def test_an_offer_that_is_open_ends_with_what_people_do_otherwise(
    half_done: Any, shop: Any, olga: Any, ana: Any
) -> None:
    shop.will("/mail", 201)
    offer = Compensation.objects.get()
    attend.retry(half_done, by=olga)

    with pytest.raises(compensation.NotOffered):
        compensation.approve(offer, by=ana, digest=offer.digest)
    assert run_to_rest(half_done).status == "succeeded"
    offer.refresh_from_db()
    assert (offer.status, offer.ended_at is None) == ("lapsed", False)


@pytest.mark.parametrize(
    "verb",
    [
        lambda execution, **who: attend.cancel(execution, **who),
        lambda execution, **who: attend.mark_done(execution, evidence="seen", **who),
        lambda execution, **who: attend.skip_step(execution, step="mail", evidence="told him", **who),
        lambda execution, **who: attend.choose_route(execution, step="mail", route=1, **who),
    ],
)
def test_whatever_else_people_do_ends_the_offer_once(half_done: Any, olga: Any, verb: Any) -> None:
    verb(half_done, by=olga)

    assert Compensation.objects.get().status == "lapsed"
    [lapsed] = Event.objects.filter(type="compensation.lapsed")
    assert lapsed.actor == f"user:{olga.pk}"


def test_what_fails_again_is_offered_anew(half_done: Any, shop: Any, olga: Any) -> None:
    attend.retry(half_done, by=olga)

    assert run_to_rest(half_done).status == "needs_attention"
    statuses = Compensation.objects.order_by("offered_at").values_list("status", flat=True)
    assert list(statuses) == ["lapsed", "offered"]
    told = [event for event in events_of(half_done) if event.startswith("compensation.")]
    assert told == ["compensation.offered", "compensation.lapsed", "compensation.offered"]


def test_an_undo_that_fails_is_for_a_person_and_goes_on_from_there(
    half_done: Any, shop: Any, olga: Any, ana: Any
) -> None:
    shop.will("/refunds/r-7", 409)
    offer = Compensation.objects.get()
    compensation.approve(offer, by=ana, digest=offer.digest)
    stuck = run_to_rest(half_done)
    assert (stuck.status, stuck.undoing) == ("needs_attention", True)

    attend.mark_done(stuck, by=olga, evidence="cancelled over the telephone")

    stuck.refresh_from_db()
    assert (stuck.status, stuck.reason) == ("cancelled", "Undone by hand by Olga.")
    assert Compensation.objects.get().status == "done"


def test_what_would_be_undone_otherwise_than_approved_is_not(half_done: Any, shop: Any, ana: Any) -> None:
    offer = Compensation.objects.get()
    compensation.approve(offer, by=ana, digest=offer.digest)
    Step.objects.filter(name="refund").update(answer={"status": 201, "json": {"id": "r-8"}})

    execution = run_to_rest(half_done)

    assert (execution.status, len(shop.calls)) == ("needs_attention", 2)
    assert "not what was approved" in execution.reason


@pytest.mark.parametrize(("allowed", "status"), [(True, "cancelled"), (False, "needs_attention")])
def test_nobody_is_asked_only_where_workflow_and_policy_agree(
    approved: Any, shop: Any, allowed: bool, status: str
) -> None:
    shop.will("/refunds", (201, {"id": "r-7"}, {}))
    shop.will("/mail", 422)
    execution = approved(plan_of(shop, compensate="automatic"))
    if allowed:
        proposal = Proposal.objects.get()
        Proposal.objects.update(verdict={**proposal.verdict, "compensate": "automatic"})
    Execution.objects.update(due_at=Now())

    execution = run_to_rest(execution)

    assert (execution.status, len(shop.calls)) == (status, 3 if allowed else 2)
