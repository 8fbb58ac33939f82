"""The pages, the API and the commands of the kill switches."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from audit.ground.actors import SYSTEM
from audit.models import Event
from execution.models import Execution
from governance.models import Halt
from governance.trust import halts
from tests.approvals.conftest import in_force
from tests.execution.conftest import step, workflow
from tests.pages import in_one_line

pytestmark = pytest.mark.django_db
HOME = "/governance/halts/"


def signed_in(user: Any) -> Client:
    client = Client()
    client.force_login(user)
    return client


SMALL_ONES_PASS = """
version: 1
rules:
  - {name: small, when: "args.amount < 100.0", then: {verdict: auto_approve}}
"""


def throw(scope: str = "everything", **what: Any) -> Halt:
    return halts.throw(scope, reason="Refunds run wild.", actor=SYSTEM, **what)


# --- Pages --------------------------------------------------------------------------------------


def test_a_reviewer_stops_everything_from_any_page(ana: Any) -> None:
    client = signed_in(ana)
    assert f"{HOME}throw/?scope=everything" in client.get("/queue/").content.decode()
    assert 'value="everything" checked' in client.get(f"{HOME}throw/?scope=everything").content.decode()

    client.post(f"{HOME}throw/now/", {"scope": "everything", "reason": "Refunds run wild."})

    page = client.get("/queue/").content.decode()
    assert "Stopped: <bdi>everything</bdi>." in page
    assert "Refunds run wild." in page
    assert "Lift…" not in client.get(HOME).content.decode()
    assert [halt.by for halt in Halt.objects.on()] == [ana]


def test_an_agent_is_stopped_from_a_link_with_its_name(ana: Any, agent: Any) -> None:
    client = signed_in(ana)
    page = client.get(f"{HOME}throw/?scope=agent&agent=support-bot").content.decode()
    page = in_one_line(page)
    assert 'value="agent" checked' in page
    assert 'name="agent" value="support-bot"' in page

    client.post(f"{HOME}throw/now/", {"scope": "agent", "agent": "support-bot", "reason": "It repeats."})

    assert Halt.objects.get().agent == agent


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"scope": "everything", "reason": " "}, "Say why"),
        ({"scope": "agent", "agent": "nobody", "reason": "why"}, "There is no agent nobody."),
        ({"scope": "action", "action": "<b>", "reason": "why"}, "There is no action type &lt;b&gt;."),
        ({"scope": "agent", "reason": "why"}, "Name the agent"),
        ({"scope": "everything", "agent": "support-bot", "reason": "why"}, "Name the agent, and only where"),
        ({"scope": "galaxy", "reason": "why"}, "One of everything, agent, action."),
        ({"scope": "", "reason": "why"}, "One of everything, agent, action."),
        ({"scope": " ", "reason": "why"}, "One of everything, agent, action."),
        ({"reason": "why"}, "One of everything, agent, action."),
        ({"scope": "", "agent": "support-bot", "reason": "why"}, "One of everything, agent, action."),
    ],
)
def test_a_mistake_stops_nothing_and_loses_no_word(
    ana: Any, agent: Any, form: dict[str, str], said: str
) -> None:
    answer = signed_in(ana).post(f"{HOME}throw/now/", form)

    page = answer.content.decode()
    assert (answer.status_code, said in page, Halt.objects.count()) == (422, True, 0)
    assert form["reason"].strip() in page


@pytest.mark.parametrize("scope", ["\0", "everything\0", "\0everything"])
def test_a_scope_that_no_text_can_be_stops_nothing(ana: Any, scope: str) -> None:
    answer = signed_in(ana).post(f"{HOME}throw/now/", {"scope": scope, "reason": "why"})
    assert (answer.status_code, Halt.objects.count()) == (400, 0)


def test_the_slower_of_two_is_told_that_it_is_on(ana: Any, ben: Any) -> None:
    throw()

    answer = signed_in(ben).post(
        f"{HOME}throw/now/", {"scope": "everything", "reason": "me too"}, follow=True
    )

    assert "There is a kill switch for everything already" in answer.content.decode()
    assert Halt.objects.count() == 1


def test_an_operator_lifts_it_with_a_reason(olga: Any) -> None:
    halt, client = throw(), signed_in(olga)
    address = f"{HOME}{halt.pk}/lift/"

    refused = client.post(address, {"reason": " "})
    assert (refused.status_code, "Say why" in refused.content.decode()) == (422, True)
    assert [h.pk for h in halts.on()] == [halt.pk]

    page = client.post(address, {"reason": "The cause is gone."}, follow=True).content.decode()
    assert "Lifted for everything" in page
    assert "The cause is gone." in page
    assert "Nothing is stopped" in page
    again = client.post(address, {"reason": "me too"}, follow=True).content.decode()
    assert "was lifted before" in again


def test_the_page_says_how_much_waits(olga: Any, approved: Any, shop: Any) -> None:
    approved(workflow(step(f"{shop.url}/refunds")))
    throw()

    assert "1 approved execution waits for it" in in_one_line(signed_in(olga).get(HOME).content.decode())


def test_the_list_asks_as_much_for_many_as_for_one(olga: Any, django_assert_num_queries: Any) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    client = signed_in(olga)

    def cost(n: int) -> int:
        for _ in range(n):
            halts.lift(throw(), reason="over", by=olga, actor=SYSTEM)
        with CaptureQueriesContext(connection) as captured:
            client.get(HOME)
        return len(captured)

    assert cost(1) == cost(11)


def test_older_ones_are_on_further_pages(olga: Any) -> None:
    for _ in range(26):
        halts.lift(throw(), reason="over", by=olga, actor=SYSTEM)
    client = signed_in(olga)
    first = client.get(HOME)
    assert first.context["next_url"]

    second = client.get(first.context["next_url"])

    assert (len(first.context["past"]), len(second.context["past"])) == (25, 1)


# --- What proposals and executions say ----------------------------------------------------------


def test_an_agent_is_told_that_its_proposal_is_held_and_why(api: Any, propose: Any) -> None:
    proposal = propose()
    assert api.get(f"proposals/{proposal.pk}/").json()["held"] is False
    throw()

    answer = api.get(f"proposals/{proposal.pk}/").json()

    assert (answer["held"], answer["status"]) == (True, "pending")
    assert answer["held_reason"] == "A kill switch is on for everything: Refunds run wild."
    assert [p["held"] for p in api.get("proposals/").json()["proposals"]] == [True]


def test_an_agent_is_told_to_wait_with_what_was_handed_back(api: Any, approved: Any) -> None:
    execution = approved(None)
    throw()

    told = api.get(f"proposals/{execution.proposal_id}/execution/").json()
    assert (told["status"], told["held"], "Refunds run wild." in told["held_reason"]) == (
        "handed_back",
        True,
        True,
    )
    reported = api.post(f"proposals/{execution.proposal_id}/result/", {"outcome": "succeeded"})
    assert (reported.status_code, reported.json()["status"], reported.json()["held"]) == (
        200,
        "succeeded",
        False,
    )


def test_what_it_does_not_name_is_not_held(api: Any, propose: Any, olga: Any) -> None:
    from governance.models import Agent

    throw("agent", agent=Agent.objects.create(name="other-bot", owner=olga))

    assert api.get(f"proposals/{propose().pk}/").json()["held"] is False


def test_the_desk_says_held_and_decides(ana: Any, propose: Any) -> None:
    proposal, client = propose(), signed_in(ana)
    throw()

    page = client.get(f"/queue/{proposal.pk}/").content.decode()
    assert '<b class="held">held</b>' in page
    assert "A kill switch is on for everything: Refunds run wild." in page
    assert "It can be decided" in page
    suggestion = proposal.suggestions.get()
    digest = suggestion.action_digest
    decision = {"suggestion": suggestion.pk, "action_digest": digest, "shown": digest}
    client.post(f"/queue/{proposal.pk}/approve/", decision)

    assert Execution.objects.get().status == "scheduled"
    assert "held" in client.get("/executions/").content.decode()


def test_the_policy_lets_nothing_pass_while_one_is_on(propose: Any, trusted: Any) -> None:
    from tests.conftest import DEPLOYED

    in_force(SMALL_ONES_PASS)
    assert propose(provenance=DEPLOYED).status == "approved"
    throw("action", action="refund_payment")

    stopped = propose(provenance=DEPLOYED)

    assert stopped.status == "pending"
    assert stopped.verdict["notes"] == ["A rule would let this pass. A kill switch is on."]


def test_one_that_is_thrown_after_the_policy_was_asked_counts_too(
    agent: Any, trusted: Any, action_type: Any
) -> None:
    import uuid

    from audit.asking.bodies import check
    from governance.door.authentication import caller_of
    from suggestions.intake.bodies import ProposalBody
    from suggestions.intake.prepare import prepare
    from suggestions.intake.submit import submit
    from suggestions.models import Proposal
    from tests.conftest import DEPLOYED, proposal_body

    in_force(SMALL_ONES_PASS)
    body = check(ProposalBody, proposal_body(provenance=DEPLOYED))
    prepared = prepare(caller_of(agent), body, key=uuid.uuid4().hex, body_digest="sha256:" + "0" * 64)
    assert prepared.proposal.verdict["verdict"] == "auto_approve"
    throw()

    submit(agent, [prepared])

    stored = Proposal.objects.get()
    assert (stored.status, stored.verdict["verdict"]) == ("pending", "review")
    [event] = [json.loads(e.body) for e in Event.objects.filter(type="proposal.submitted")]
    assert event["data"]["verdict"] == "review"


# --- API and commands ---------------------------------------------------------------------------


def test_the_api_throws_lists_and_lifts(api_as: Any, ana: Any, olga: Any, agent: Any) -> None:
    thrown = api_as(ana).post("halts/", {"scope": "agent", "agent": "support-bot", "reason": "It repeats."})
    assert (thrown.status_code, thrown.json()["agent"], thrown.json()["by"]) == (201, "support-bot", "Ana")
    again = api_as(olga).post("halts/", {"scope": "agent", "agent": "support-bot", "reason": "me too"})
    assert (again.status_code, again.json()["halt"]) == (409, thrown.json()["id"])
    assert again.json()["type"] == "urn:reviewapp:problem:already-halted"

    lift = f"halts/{thrown.json()['id']}/lift/"
    assert api_as(ana).post(lift, {"reason": "over"}).status_code == 403
    assert api_as(olga).post(lift, {}).status_code == 422
    lifted = api_as(olga).post(lift, {"reason": "Repaired."})
    assert (lifted.status_code, lifted.json()["lifted_by"]) == (200, "Olga")
    assert api_as(olga).post(lift, {"reason": "again"}).status_code == 409

    page = api_as(olga).get("halts/").json()
    assert (page["on"], [h["lifting_reason"] for h in page["lifted"]]) == ([], ["Repaired."])


@pytest.mark.parametrize(
    "body",
    [
        {"scope": "everything"},
        {"scope": "galaxy", "reason": "why"},
        {"scope": "", "reason": "why"},
        {"scope": "\0", "reason": "why"},
        {"scope": "everything\0", "reason": "why"},
        {"scope": None, "reason": "why"},
        {"reason": "why"},
        {"scope": "agent", "agent": "nobody", "reason": "why"},
        {"scope": "everything", "reason": "why", "colour": "red"},
    ],
)
def test_the_api_names_what_is_wrong(api_as: Any, ana: Any, body: dict[str, str]) -> None:
    answer = api_as(ana).post("halts/", body)

    assert (answer.status_code, bool(answer.json()["errors"])) == (422, True)
    assert not Halt.objects.exists()


def test_the_commands_throw_and_lift(olga: Any, ana: Any, agent: Any, capsys: Any) -> None:
    call_command("halt", "agent", "support-bot", "--reason", "It repeats.", "--as", "ana")
    assert capsys.readouterr().out.splitlines()[-1] == str(Halt.objects.get().pk)
    with pytest.raises(CommandError, match="already, thrown by Ana"):
        call_command("halt", "agent", "support-bot", "--reason", "It repeats.")
    with pytest.raises(CommandError, match="nobody called ana who may"):
        call_command("lift_halt", "agent", "support-bot", "--reason", "over", "--as", "ana")

    call_command("lift_halt", "agent", "support-bot", "--reason", "over", "--as", "olga")

    assert Halt.objects.get().lifted_by == olga
    with pytest.raises(CommandError, match="No such kill switch"):
        call_command("lift_halt", "everything", "--reason", "over", "--as", "olga")
