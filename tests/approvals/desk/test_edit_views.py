"""Edit, then approve, on the desk: checked, judged anew, and nothing typed is lost."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from approvals.deciding import decide
from approvals.models import Decision
from audit.ground.actors import SYSTEM
from audit.models import Event
from governance.actions.action_types import register
from governance.models import Agent
from suggestions.models import Proposal
from tests.approvals.conftest import BLOCKS_LARGE, TWO_PEOPLE
from tests.approvals.forms import sent_back
from tests.conftest import actor_of, suggestion_body


@pytest.fixture
def browser(client: Client, ana: Any) -> Client:
    client.force_login(ana)
    return client


def address(proposal: Any, **query: str) -> str:
    path = reverse("approvals:edit", args=[proposal.pk])
    return path + ("?" + "&".join(f"{k}={v}" for k, v in query.items()) if query else "")


def typed(response: Any, **changes: str) -> dict[str, str]:
    """What the form on this page sends, with other words in the fields of these arguments."""
    sent = sent_back(response.content.decode())
    names = {json.loads(v): k[2:] for k, v in sent.items() if k.startswith("n.") and v}
    return {**sent, **{f"v.{names[name]}": value for name, value in changes.items()}}


def post(browser: Client, proposal: Any, sent: dict[str, str], do: str, **how: Any) -> Any:
    return browser.post(address(proposal), {**sent, "do": do}, **how)


def edit_and_check(browser: Client, proposal: Any, **changes: str) -> Any:
    return post(browser, proposal, typed(browser.get(address(proposal)), **changes), "check")


def status_of(proposal: Any) -> str:
    return Proposal.objects.get(pk=proposal.pk).status


def events() -> int:
    return Event.objects.count()


def test_checking_shows_what_it_comes_to_and_changes_nothing(browser: Client, proposal: Any) -> None:
    before = events(), Proposal.objects.values().get()

    page = edit_and_check(browser, proposal, amount="40").content.decode()

    assert "Approve edited:" in page
    assert "Refund 40 for order #W1" in page
    assert "54.04" in page
    assert "Your approval is enough." in page
    assert (events(), Proposal.objects.values().get()) == before


def test_an_edit_is_approved_as_it_was_shown(browser: Client, proposal: Any) -> None:
    checked = edit_and_check(browser, proposal, amount="40")

    answer = post(browser, proposal, typed(checked), "approve")

    assert answer.status_code == 303
    decision = Decision.objects.get()
    assert decision.arguments == {"order_id": "#W1", "amount": 40}
    assert decision.changes == [{"pointer": "/amount", "kind": "changed", "from": 54.04, "to": 40}]
    assert status_of(proposal) == "approved"
    page = browser.get(reverse("approvals:proposal", args=[proposal.pk])).content.decode()
    assert "Edited" in page


def test_what_was_typed_after_the_check_is_not_approved(browser: Client, proposal: Any) -> None:
    """Without scripts one can type on: then it is shown anew, with every word."""
    checked = edit_and_check(browser, proposal, amount="40")

    answer = post(browser, proposal, typed(checked, amount="41"), "approve")

    assert answer.status_code == 409
    assert status_of(proposal) == "pending"
    assert "Refund 41 for order #W1" in answer.content.decode()
    assert post(browser, proposal, typed(answer), "approve").status_code == 303
    assert Decision.objects.get().arguments == {"order_id": "#W1", "amount": 41}


def test_nothing_is_approved_that_was_not_checked(browser: Client, proposal: Any) -> None:
    answer = post(browser, proposal, typed(browser.get(address(proposal)), amount="40"), "approve")

    assert answer.status_code == 409
    assert status_of(proposal) == "pending"


def test_each_error_is_at_its_field_and_every_word_stays(browser: Client, propose: Any) -> None:
    proposal = propose(
        suggestions=[suggestion_body(arguments={"order_id": "#W1", "amount": 5, "note": "a\r\nb\u202e"})]
    )

    answer = edit_and_check(browser, proposal, amount="-5", note="x\r\ny")

    assert answer.status_code == 422
    page = answer.content.decode()
    assert 'href="#f-r-1"' in page
    assert 'id="f-r-1-error"' in page
    kept = typed(answer)
    assert (kept["v.r-1"], kept["v.r-2"]) == ("-5", "x\r\ny")


def test_what_the_policy_blocks_says_so_and_has_no_button(
    browser: Client, policy: Any, proposal: Any
) -> None:
    policy(BLOCKS_LARGE)

    answer = edit_and_check(browser, proposal, amount="150")

    assert answer.status_code == 422
    page = answer.content.decode()
    assert "Above 100" in page
    assert 'value="approve"' not in page
    assert typed(answer)["v.r-1"] == "150"


def test_boundaries_hold_for_an_edit(browser: Client, agent: Agent, proposal: Any) -> None:
    agent.boundaries = {
        "budgets": [{"argument": "amount", "action": "refund_payment", "most": "60", "per": "1d"}]
    }
    Agent.objects.filter(pk=agent.pk).update(boundaries=agent.boundaries)

    answer = edit_and_check(browser, proposal, amount="90")

    assert answer.status_code == 422
    assert "can’t be approved" in answer.content.decode()
    assert status_of(proposal) == "pending"


def test_more_people_are_asked_for_and_that_is_said_before(
    browser: Client, policy: Any, proposal: Any, ana: Any
) -> None:
    policy(BLOCKS_LARGE)
    checked = edit_and_check(browser, proposal, amount="70")
    assert "It needs 2 approvals instead of 1." in checked.content.decode()

    assert post(browser, proposal, typed(checked), "approve").status_code == 303

    assert status_of(proposal) == "pending"
    assert Proposal.objects.get(pk=proposal.pk).approvals_needed == 2


def test_a_policy_that_changed_meanwhile_is_told_and_nothing_approved(
    browser: Client, policy: Any, proposal: Any
) -> None:
    checked = edit_and_check(browser, proposal, amount="40")
    policy(TWO_PEOPLE)

    answer = post(browser, proposal, {**typed(checked), "reason": "as agreed"}, "approve")

    page = answer.content.decode()
    assert answer.status_code == 409
    assert "It needs 2 approvals instead of 1." in page
    assert "as agreed" in page
    assert not Decision.objects.exists()
    assert Proposal.objects.get(pk=proposal.pk).approvals_needed == 1
    assert Event.objects.filter(type="decision.refused").exists()
    assert post(browser, proposal, typed(answer), "approve").status_code == 303
    assert Decision.objects.get().arguments == {"order_id": "#W1", "amount": 40}


def test_who_was_second_keeps_what_they_typed(browser: Client, proposal: Any, ben: Any) -> None:
    checked = edit_and_check(browser, proposal, amount="40")
    decide.reject(proposal.pk, reviewer=ben, actor=actor_of(ben), reason="no")

    answer = post(browser, proposal, typed(checked), "approve")

    page = answer.content.decode()
    assert answer.status_code == 409
    assert "by Ben" in page
    assert typed(answer)["v.r-1"] == "40"
    assert 'value="approve"' not in page
    assert Decision.objects.get().reviewer == ben


def test_any_suggestion_can_be_edited(browser: Client, propose: Any) -> None:
    second = suggestion_body(rank=2, arguments={"order_id": "#W2", "amount": 10})
    proposal = propose(suggestions=[suggestion_body(), second])
    suggestion = proposal.suggestions.get(rank=2)
    url = address(proposal, suggestion=str(suggestion.pk))

    checked = browser.post(url, {**typed(browser.get(url), amount="9"), "do": "check"})
    browser.post(url, {**typed(checked), "do": "approve"})

    assert Decision.objects.get().suggestion == suggestion
    assert Decision.objects.get().arguments == {"order_id": "#W2", "amount": 9}


def test_as_json_and_back(browser: Client, proposal: Any) -> None:
    form = browser.get(address(proposal))
    as_json = post(browser, proposal, typed(form, amount="40"), "json")
    sent = sent_back(as_json.content.decode())
    assert json.loads(sent["json"]) == {"order_id": "#W1", "amount": 40}

    wrong = post(browser, proposal, {**sent, "json": '{"amount": '}, "form")
    assert sent_back(wrong.content.decode())["json"] == '{"amount": '
    back = post(browser, proposal, {**sent, "json": '{"order_id": "#W1", "amount": 41}'}, "form")
    assert typed(back)["v.r-1"] == "41"
    checked = post(browser, proposal, {**sent, "json": '{"order_id": "#W1", "amount": 42}'}, "check")
    assert post(browser, proposal, sent_back(checked.content.decode()), "approve").status_code == 303
    assert Decision.objects.get().arguments == {"order_id": "#W1", "amount": 42}


def test_nothing_changed_is_nothing_to_approve_here(browser: Client, proposal: Any) -> None:
    page = edit_and_check(browser, proposal, amount="54.040").content.decode()

    assert "Nothing is changed yet" in page
    assert 'value="approve"' not in page


def test_who_may_not_decide_is_led_to_the_page_that_says_why(
    browser: Client, proposal: Any, ana: Any, ben: Any
) -> None:
    decide.reject(proposal.pk, reviewer=ben, actor=actor_of(ben), reason="no")

    answer = browser.get(address(proposal))

    assert answer.status_code == 302
    assert answer["Location"] == reverse("approvals:proposal", args=[proposal.pk])


def test_another_team_has_no_such_page(client: Client, proposal: Any, cyd: Any) -> None:
    client.force_login(cyd)
    assert client.get(address(proposal)).status_code == 404
    assert client.post(address(proposal), {"do": "check"}).status_code == 404


@pytest.mark.parametrize(
    "sent",
    [
        {},
        {"mode": "form", "k.r": "nonsense"},
        {"mode": "form", "k.r": "group", "k.r-0": "text", "n.r-0": "{"},
        {"mode": "form", "k.r": "group", "do": "out r-9-9"},
        {"mode": "form", "k.r": "text", "v.r": "x", "do": "check"},
        {"mode": "form", "k.r": "group", "do": "add x"},
        {"mode": "json", "json": "\x01"},
        {"mode": "json", "json": '{"a":"\\u0000"}', "do": "check"},
        {
            "mode": "form",
            "k.r": "group",
            "k.r-0": "text",
            "n.r-0": '"order_id"',
            "v.r-0": "a\x01b",
            "do": "check",
        },
    ],
)
def test_a_form_that_is_none_breaks_nothing(browser: Client, proposal: Any, sent: dict[str, str]) -> None:
    assert browser.post(address(proposal), sent).status_code in (200, 302, 422)
    assert status_of(proposal) == "pending"


def test_an_edit_of_somebody_else_is_agreed_with_to_the_digest(
    browser: Client, policy: Any, propose: Any, ben: Any
) -> None:
    policy(TWO_PEOPLE.replace("approvals: 2", "approvals: 2, four_eyes: false"))
    proposal = propose()
    checked = edit_and_check(browser, proposal, amount="40")
    post(browser, proposal, typed(checked), "approve")
    edited = Decision.objects.get()

    decided = decide.approve(
        edited.suggestion, reviewer=ben, actor=actor_of(ben), shown_digest=edited.action_digest
    )

    assert decided.resolution is not None
    assert decided.resolution.arguments == {"order_id": "#W1", "amount": 40}
    assert decided.decision.changes == edited.changes


def test_what_is_critical_wants_its_key_figure_and_a_fresh_log_in(
    client: Client, propose: Any, ana: Any
) -> None:
    proposal = propose(suggestions=[suggestion_body(risk={"level": "critical"})])
    client.force_login(ana)  # proves nothing
    checked = edit_and_check(client, proposal, amount="40")
    assert "Type <b><bdi>40</bdi></b>" in checked.content.decode()

    sent = {**typed(checked), "key_figure": "40", "reason": "as agreed"}
    away = post(client, proposal, sent, "approve")
    assert away.status_code == 303
    assert away["Location"].startswith("/accounts/reauthenticate/")
    confirmed = client.post(away["Location"], {"password": "ana-has-a-long-password"})
    assert confirmed["Location"].startswith(address(proposal))

    back = client.get(confirmed["Location"])
    assert (typed(back)["v.r-1"], typed(back)["key_figure"]) == ("40", "40")
    assert "as agreed" in back.content.decode()
    assert status_of(proposal) == "pending"
    wrong = post(client, proposal, {**typed(back), "key_figure": "54.04"}, "approve")
    assert "What you typed is not the Amount" in wrong.content.decode()
    assert post(client, proposal, {**typed(wrong), "key_figure": "40"}, "approve").status_code == 303
    assert Decision.objects.get().arguments == {"order_id": "#W1", "amount": 40}


def test_an_agents_owner_learns_that_somebody_else_has_to_approve(
    client: Client, proposal: Any, ana: Any
) -> None:
    proposal.agent.owner = ana
    proposal.agent.save(update_fields=["owner"])
    client.force_login(ana)

    page = client.get(address(proposal)).content.decode()

    assert "You own this agent" in page
    assert 'value="approve"' not in edit_and_check(client, proposal, amount="40").content.decode()


def test_an_editor_counts_where_the_policy_that_asks_for_more_says_so(
    browser: Client, policy: Any, proposal: Any, ben: Any
) -> None:
    policy(BLOCKS_LARGE.replace("approvals: 2,", "approvals: 2, four_eyes: false,"))
    checked = edit_and_check(browser, proposal, amount="70")
    assert "who edits does not count" not in checked.content.decode()
    post(browser, proposal, typed(checked), "approve")
    edited = Decision.objects.get()

    decided = decide.approve(
        edited.suggestion, reviewer=ben, actor=actor_of(ben), shown_digest=edited.action_digest
    )

    assert decided.resolution is not None


def test_an_error_at_a_name_with_a_slash_finds_its_field(browser: Client, propose: Any) -> None:
    schema = {"type": "object", "properties": {"a/b~c": {"type": "integer", "maximum": 5}}}
    register({"name": "odd", "schema": schema}, actor=SYSTEM)
    proposal = propose(suggestions=[suggestion_body(action="odd", arguments={"a/b~c": 1})])

    answer = edit_and_check(browser, proposal, **{"a/b~c": "6"})

    assert 'id="f-r-0-error"' in answer.content.decode()
