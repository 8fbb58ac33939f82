"""From a decision to a standing approval: the verb, the pages, the API."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from approvals.deciding import decide
from approvals.standing import standing as drafting
from approvals.standing.standing import Like
from audit.ground.refusals import Invalid
from governance.models import Autonomy, StandingApproval
from governance.trust import halts, standing
from governance.trust.standing import Bound
from suggestions.models import Proposal
from tests.conftest import DEPLOYED, actor_of, in_force, suggestion_body
from tests.pages import in_one_line

ALIKE = {"order_id": Bound(prefix="#W"), "amount": Bound(at_most=60)}


@pytest.fixture
def approved(propose: Callable[..., Any], ana: Any) -> Any:
    """Approved by ana, who made 50 of 54.04."""
    proposal = propose(provenance=DEPLOYED)
    suggestion = proposal.suggestions.get()
    edited = {"order_id": "#W1", "amount": 50}
    decide.approve(
        suggestion, reviewer=ana, actor=actor_of(ana), shown_digest=suggestion.action_digest, arguments=edited
    )
    return Proposal.objects.get(pk=proposal.pk)


def draft(proposal: Any, by: Any, arguments: Any = ALIKE, **more: Any) -> StandingApproval:
    return drafting.draft(proposal, Like(arguments, **more), reviewer=by, actor=actor_of(by))


def signed_in(user: Any) -> Client:
    client = Client()
    client.force_login(user)
    return client


# --- The verb


def test_it_is_about_the_agent_the_action_and_the_subject_of_the_decision(approved: Any, ana: Any) -> None:
    one = draft(approved, ana)
    assert (one.agent, one.action, one.version) == (approved.agent, "refund_payment", 1)
    assert (one.subject_type, one.subject_id, one.any_subject) == ("customer", "customer-19122", False)
    assert (one.uses_allowed, one.lasts, one.status) == (20, timedelta(days=7), "draft")
    assert (one.team, one.proposal) == (approved.team, approved.pk)


@pytest.mark.parametrize(
    ("arguments", "wrong"),
    [
        ({"order_id": Bound(equal="#W1")}, {"/arguments/amount"}),
        ({}, {"/arguments/amount", "/arguments/order_id"}),
        ({**ALIKE, "amount": Bound(at_most=49)}, {"/arguments/amount"}),
        ({**ALIKE, "amount": Bound(equal=54.04)}, {"/arguments/amount"}),
        ({**ALIKE, "amount": Bound(prefix="5")}, {"/arguments/amount"}),
        ({**ALIKE, "note": Bound(equal="x")}, {"/arguments/note"}),
        ({**ALIKE, "colour": Bound(any=True)}, {"/arguments/colour"}),
        ({**ALIKE, "note": Bound(any=True)}, set()),
        ({**ALIKE, "amount": Bound(any=True)}, set()),
        ({**ALIKE, "amount": Bound(one_of=[50.0, 20])}, set()),
    ],
)
def test_every_argument_is_bounded_and_what_was_approved_is_covered(
    approved: Any, ana: Any, arguments: Any, wrong: set[str]
) -> None:
    if not wrong:
        draft(approved, ana, arguments)
        return
    with pytest.raises(Invalid) as refused:
        draft(approved, ana, arguments)
    assert {error["pointer"] for error in refused.value.errors} == wrong


@pytest.mark.parametrize("state", ["pending", "rejected", "passed"])
def test_it_comes_from_what_a_person_approved(propose: Any, ana: Any, trusted: Any, state: str) -> None:
    if state == "passed":
        in_force("version: 1\nmay_pass: [refund_payment]\ndefaults: {verdict: auto_approve}")
    proposal = propose(provenance=DEPLOYED)
    if state == "rejected":
        decide.reject(proposal.pk, reviewer=ana, actor=actor_of(ana), reason="no")
    proposal = Proposal.objects.get(pk=proposal.pk)
    assert proposal.status == {"passed": "approved"}.get(state, state)
    with pytest.raises(drafting.NoDecision):
        draft(proposal, ana)


def test_what_several_teams_agreed_on_is_not_for_one(approved: Any, ana: Any) -> None:
    approved.also_teams = ["finance"]
    with pytest.raises(drafting.SeveralTeams):
        draft(approved, ana)


def test_what_was_drafted_and_activated_lets_the_next_one_pass(
    approved: Any, propose: Any, trusted: Any, ana: Any, ben: Any
) -> None:
    one = draft(approved, ana)
    assert propose(provenance=DEPLOYED).status == "pending"
    standing.activate(one.pk, by=ben, actor=actor_of(ben))
    assert propose(provenance=DEPLOYED).status == "approved"
    assert propose(provenance=DEPLOYED, subject={"type": "customer", "id": "other"}).status == "pending"


# --- What keeps it from counting


def test_it_is_told_plainly_when_it_does_not_count_yet(
    approved: Any, ana: Any, agent: Any, olga: Any
) -> None:
    one = draft(approved, ana)

    def told() -> list[str]:
        return standing.not_yet([StandingApproval.objects.select_related("agent").get()])[one.pk]

    assert told() == [
        "refund_payment of support-bot is at stage 2: "
        "this begins to count at stage 4, because it is of medium risk.",
        "support-bot has no active deployment; this begins to count once its proposals name one.",
    ]
    Autonomy.objects.create(agent=agent, action="refund_payment", stage=4)
    halts.throw("action", action="refund_payment", reason="look", by=olga, actor=actor_of(olga))
    assert told()[0] == "A kill switch is on: nothing passes before it is lifted."


def test_nothing_is_told_of_one_that_counts(approved: Any, ana: Any, trusted: Any) -> None:
    one = draft(approved, ana)
    assert standing.not_yet([StandingApproval.objects.select_related("agent").get()]) == {one.pk: []}


# --- The pages


def form(**changes: Any) -> dict[str, Any]:
    """As the form comes, filled in: order_id begins with #W, amount at most 60, note left out."""
    return {
        "kind-0": "prefix",
        "text-0": "#W",
        "kind-1": "at_most",
        "text-1": "60",
        "kind-2": "absent",
        "subject": "same",
        "uses": "20",
        "days": "7",
        "note": "small ones",
        **changes,
    }


def address(proposal: Any) -> str:
    return f"/queue/{proposal.pk}/standing/"


def test_the_page_of_an_approved_proposal_leads_to_the_form(approved: Any, ana: Any, dora: Any) -> None:
    link = f'href="{address(approved)}"'
    assert link in signed_in(ana).get(f"/queue/{approved.pk}/").content.decode()
    assert link not in signed_in(dora).get(f"/queue/{approved.pk}/").content.decode()
    page = in_one_line(signed_in(ana).get(address(approved)).content.decode())
    assert "this begins to count at stage 4" in page
    assert '<option value="equal" selected> exactly this </option>' in page
    assert page.count('value="equal" selected') == 2


def test_unchanged_the_form_drafts_exactly_this_again(approved: Any, ana: Any) -> None:
    unchanged = form(**{"kind-0": "equal", "kind-1": "equal"})
    response = signed_in(ana).post(address(approved), unchanged)
    assert (response.status_code, response["Location"]) == (302, "/governance/standing/")
    assert StandingApproval.objects.get().arguments == {"order_id": {"equal": "#W1"}, "amount": {"equal": 50}}


def test_the_form_says_what_is_like_it(approved: Any, ana: Any) -> None:
    several = form(
        **{
            "kind-0": "one_of",
            "text-0": "#W1\r\n\r\n#W2",
            "kind-2": "any",
            "subject": "any",
            "version": "any",
        }
    )
    signed_in(ana).post(address(approved), several)
    one = StandingApproval.objects.get()
    assert one.arguments == {
        "order_id": {"one_of": ["#W1", "#W2"]},
        "amount": {"at_most": 60},
        "note": {"any": True},
    }
    assert (one.any_subject, one.version, one.note) == (True, None, "small ones")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"text-1": "49"}, "This would not cover what was approved."),
        ({"text-1": "much"}, "Give a number"),
        ({"text-1": "NaN"}, "Give a number"),
        ({"text-1": "1e999"}, "Give a number"),
        ({"text-1": "true"}, "Give a number"),
        ({"text-0": ""}, "Give at least one character."),
        ({"kind-0": "at_most"}, "Give at least one value"),
        ({"kind-2": "equal"}, "Give a number"),
        ({"days": "91"}, "up to 90 days"),
        ({"days": ""}, "whole numbers"),
        ({"uses": "1001"}, "1 to 1,000 uses"),
        ({"uses": "-1"}, "whole numbers"),
    ],
)
def test_what_is_wrong_in_the_form_is_said_beside_it(
    approved: Any, ana: Any, changes: Any, says: str
) -> None:
    response = signed_in(ana).post(address(approved), form(**changes))
    assert response.status_code == 422
    page = response.content.decode()
    assert says in page
    assert "small ones" in page
    assert not StandingApproval.objects.exists()


def test_the_owner_of_the_agent_is_told_why_not(approved: Any, olga: Any) -> None:
    from django.contrib.auth.models import Group

    olga.groups.add(Group.objects.get(name="reviewer"))
    olga.teams.add("operations")
    response = signed_in(olga).post(address(approved), form())
    assert response.status_code == 409
    assert "You own this agent" in response.content.decode()


def test_what_nobody_approved_leads_back(proposal: Any, ana: Any) -> None:
    response = signed_in(ana).get(address(proposal), follow=True)
    assert response.redirect_chain == [(f"/queue/{proposal.pk}/", 302)]
    assert "comes from a decision" in response.content.decode()


def test_a_second_person_activates_on_the_list_and_either_revokes_in_one_click(
    approved: Any, ana: Any, ben: Any
) -> None:
    one = draft(approved, ana)
    mine, bens = (signed_in(user).get("/governance/standing/").content.decode() for user in (ana, ben))
    assert "You drafted this, so somebody else has to activate it." in mine
    assert f"/governance/standing/{one.pk}/activate/" not in mine
    assert f"/governance/standing/{one.pk}/activate/" in bens
    assert "args.amount &lt;= 60" in bens

    page = signed_in(ben).post(f"/governance/standing/{one.pk}/activate/", follow=True).content.decode()
    assert "It counts from now on." in page
    assert "0 of 20" in page

    page = signed_in(ana).post(f"/governance/standing/{one.pk}/revoke/", follow=True).content.decode()
    assert "it lets nothing pass any more" in page
    assert str(one.pk) not in page
    ended = signed_in(ana).get("/governance/standing/?state=ended").content.decode()
    assert str(one.pk) in ended


def test_who_drafted_it_cannot_activate_it_by_hand_either(approved: Any, ana: Any) -> None:
    one = draft(approved, ana)
    page = signed_in(ana).post(f"/governance/standing/{one.pk}/activate/", follow=True).content.decode()
    assert "somebody else has to activate it" in page
    one.refresh_from_db()
    assert one.status == "draft"


def test_another_team_sees_none_of_it(approved: Any, ana: Any, cyd: Any) -> None:
    one = draft(approved, ana)
    client = signed_in(cyd)
    assert str(one.pk) not in client.get("/governance/standing/").content.decode()
    assert client.post(f"/governance/standing/{one.pk}/revoke/").status_code == 404


def test_the_list_asks_as_often_for_twelve_as_for_one(approved: Any, ana: Any) -> None:
    client = signed_in(ana)

    def asked() -> int:
        client.get("/governance/standing/")
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert client.get("/governance/standing/").status_code == 200
        return len(queries)

    draft(approved, ana)
    one = asked()
    for _ in range(11):
        draft(approved, ana)
    assert asked() == one


def test_the_page_of_what_passed_says_by_whose_leave(
    approved: Any, propose: Any, trusted: Any, ana: Any, ben: Any
) -> None:
    standing.activate(draft(approved, ana).pk, by=ben, actor=actor_of(ben))
    passed = propose(provenance=DEPLOYED)
    page = signed_in(ana).get(f"/queue/{passed.pk}/").content.decode()
    assert "Passed by the standing approval of Ana and Ben" in page
    assert "19 uses left" in page


def test_what_agents_write_is_shown_with_marks(propose: Any, ana: Any) -> None:
    hostile = "<script>alert(1)</script>\u202eevil"
    proposal = propose(suggestions=[suggestion_body(arguments={"order_id": hostile, "amount": 1})])
    suggestion = proposal.suggestions.get()
    decide.approve(suggestion, reviewer=ana, actor=actor_of(ana), shown_digest=suggestion.action_digest)
    proposal = Proposal.objects.get(pk=proposal.pk)
    client = signed_in(ana)
    assert "U+202E" in client.get(address(proposal)).content.decode()
    draft(proposal, ana, {"order_id": Bound(equal=hostile), "amount": Bound(any=True)})
    page = client.get("/governance/standing/").content.decode()
    assert "<script>alert" not in page
    assert "U+202E" in page


# --- The API


def test_all_of_it_over_the_api(approved: Any, api_as: Any, ana: Any, ben: Any) -> None:
    body = {
        "proposal": str(approved.pk),
        "arguments": {"order_id": {"equal": "#W1"}, "amount": {"at_least": 1, "at_most": 60}},
        "any_subject": True,
        "lasts": "3d",
        "uses": 5,
    }
    drafted = api_as(ana).post("standing-approvals/", body)
    assert drafted.status_code == 201
    told = drafted.json()
    assert (told["status"], told["drafted_by"], told["subject"]) == ("draft", "Ana", None)
    assert "args.amount >= 1\n&& args.amount <= 60" in told["rule"]
    assert told["not_yet"][0].startswith("refund_payment of support-bot is at stage 2")
    path = f"standing-approvals/{told['id']}"

    assert api_as(ana).post(f"{path}/activate/").json()["type"].endswith("your-own-draft")
    assert api_as(ben).post(f"{path}/activate/").json()["status"] == "active"
    assert api_as(ben).post(f"{path}/activate/").status_code == 409
    revoked = api_as(ana).post(f"{path}/revoke/", {"reason": "enough"}).json()
    assert (revoked["status"], revoked["ended_by"], revoked["ending_reason"]) == ("revoked", "Ana", "enough")
    listed = api_as(ana).get("standing-approvals/?status=revoked").json()
    assert [one["id"] for one in listed["standing_approvals"]] == [told["id"]]
    assert api_as(ana).get("standing-approvals/?status=draft").json()["standing_approvals"] == []


@pytest.mark.parametrize(
    "changes",
    [{"uses": 0}, {"uses": "5"}, {"lasts": "91d"}, {"lasts": "soon"}, {"arguments": {"amount": {"free": 1}}},
     {"proposal": "01a204c0-61bb-7a5d-abaa-9455e3e70682"}, {"rule": "true"}],
)  # fmt: skip
def test_a_body_that_is_wrong_is_refused(approved: Any, api_as: Any, ana: Any, changes: Any) -> None:
    body = {"proposal": str(approved.pk), "arguments": {n: b.said() for n, b in ALIKE.items()}, **changes}
    assert api_as(ana).post("standing-approvals/", body).status_code == 422
    assert not StandingApproval.objects.exists()
