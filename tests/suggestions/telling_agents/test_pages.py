"""What people see of the messages to an agent, on pages and over the API, and what is kept from them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.db.models.functions import Now
from django.test import Client

from audit.ground.actors import SYSTEM
from governance.actions.action_types import register
from governance.agents.callback_secret import callback_secret
from governance.models import Agent
from suggestions.models import Callback, CallbackEndpoint, SecondReview
from suggestions.telling_agents.send import send
from tests.conftest import suggestion_body
from tests.ground import REFUND
from tests.queries import last_of_twelve
from tests.suggestions.telling_agents.conftest import Hook, state

pytestmark = pytest.mark.django_db

Owe = Callable[..., Callback]
LIST = "/governance/agents/support-bot/callbacks/"


def browser(person: Any) -> Client:
    client = Client()
    client.force_login(person)
    return client


def text(client: Client, path: str) -> str:
    response = client.get(path)
    assert response.status_code == 200
    return str(response.content.decode())


def of(callback: Callback) -> str:
    return f"/governance/agents/callbacks/{callback.pk}/"


# --- The list -------------------------------------------------------------------------------------


def test_the_list_tells_states_answers_and_what_is_next(owe: Owe, hook: Hook, dora: Any) -> None:
    arrived, waiting, given_up, paused = (owe(f"execution.{n}") for n in "abcd")
    send(arrived.pk)
    hook.will_answer(503)
    send(waiting.pk)
    Callback.objects.filter(pk=given_up.pk).update(status="given_up", last_error="HTTP 500", attempts=10)
    Callback.objects.filter(pk=paused.pk).update(status="paused")
    client = browser(dora)

    page = text(client, LIST)
    for said in ("Arrived", "HTTP 204", "Waiting", "next try", "HTTP 503", "Given up", "Waiting: paused"):
        assert said in page
    shown = {
        state: [name for name in "abcd" if f"execution.{name}" in text(client, f"{LIST}?state={state}")]
        for state in ("", "unsent", "given_up", "sent", "nonsense")
    }
    assert shown == {
        "": ["a", "b", "c", "d"],
        "unsent": ["b", "d"],
        "given_up": ["c"],
        "sent": ["a"],
        "nonsense": ["a", "b", "c", "d"],
    }


def test_a_page_goes_on_where_the_one_before_ended(
    owe: Owe, dora: Any, api_as: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("suggestions.telling_agents.read.PAGE", 2)
    made = [owe(f"execution.{n}") for n in "abc"]
    client, api = browser(dora), api_as(dora)

    assert f"before={made[1].pk}" in text(client, LIST)
    assert "execution.a" in text(client, f"{LIST}?before={made[1].pk}")
    first = api.get("agents/support-bot/callbacks/").json()
    second = api.get(f"agents/support-bot/callbacks/?cursor={first['next']}").json()
    assert [one["type"] for one in first["callbacks"] + second["callbacks"]] == [
        "execution.c",
        "execution.b",
        "execution.a",
    ]
    assert second["next"] is None
    wrong = api.get("agents/support-bot/callbacks/?state=lost")
    assert [error["pointer"] for error in wrong.json()["errors"]] == ["?state"]


def test_the_list_asks_as_often_for_twelve_as_for_one(owe: Owe, dora: Any) -> None:
    client = browser(dora)
    answer = last_of_twelve(lambda: client.get(LIST), lambda n: send(owe(f"execution.n{n}").pk))
    assert "execution.n11" in answer.content.decode()


def test_an_agent_that_was_told_nothing_has_a_page_that_says_so(agent: Agent, dora: Any) -> None:
    assert "No message yet" in text(browser(dora), LIST)
    assert "No message in this state" in text(browser(dora), f"{LIST}?state=sent")


def test_what_somebody_is_to_decide_without_knowing_of_it_is_not_told_here(
    owe: Owe, olga: Any, ana: Any
) -> None:
    callback = owe("proposal.approved")
    review = {"first": ana, "second": olga, "share": 1, "deadline": Now(), "team_id": "operations"}
    SecondReview.objects.create(proposal_id=callback.proposal_id, **review)

    assert "proposal.approved" not in text(browser(olga), LIST)
    assert browser(olga).get(of(callback)).status_code == 404
    assert browser(olga).post(f"{of(callback)}send-again/").status_code == 404
    assert state(callback) == ("waiting", 0, "")


# --- One message ----------------------------------------------------------------------------------


@pytest.fixture
def sensitive(agent: Agent, owe: Owe, propose: Callable[..., Any]) -> Callback:
    """A message whose arguments hold an account number that its action type marks as sensitive."""
    schema = json.loads(json.dumps(REFUND["schema"]))
    schema["properties"]["iban"] = {"type": "string", "x-sensitive": True}
    register({**REFUND, "schema": schema}, actor=SYSTEM)
    arguments = {"order_id": "#W1", "amount": 54.04, "iban": "DE89370400440532013000"}
    callback = owe("proposal.approved")
    proposal = propose(suggestions=[suggestion_body(arguments=arguments)])
    Callback.objects.filter(pk=callback.pk).update(
        proposal=proposal,
        data={"arguments": arguments, "suggestion": str(proposal.suggestions.get().pk), "actor": "Ana\u202e"},
    )
    type(proposal).objects.filter(pk=proposal.pk).update(callback_url=callback.proposal.callback_url)
    return callback


def test_sensitive_arguments_and_secrets_are_masked_in_payload_and_answer(
    sensitive: Callback, hook: Hook, agent: Agent, dora: Any, api_as: Any
) -> None:
    secret = callback_secret(agent)
    echo = f"no: DE89370400440532013000 {secret} {secret[6:]} <b>\u202eab".encode()
    hook.will_answer(422, body=echo)
    send(sensitive.pk)
    assert b"DE89370400440532013000" in hook.heard[0][1]

    page = text(browser(dora), of(sensitive))
    answer = api_as(dora).get(f"callbacks/{sensitive.pk}/").json()

    for told in (page, json.dumps(answer)):
        assert "DE8937" not in told
        assert secret[6:] not in told
    assert answer["data"]["arguments"] == {"order_id": "#W1", "amount": 54.04, "iban": "•••"}
    assert answer["tries"][0]["answer"] == "no: ••• ••• ••• <b>\u202eab"
    assert "no: ••• ••• ••• &lt;b&gt;" in page
    assert "\u202e" not in page
    assert "U+202E" in page
    assert "hooks?x=1" not in page  # the path of an address may hold a token


def test_an_attempt_of_which_nobody_knows_is_told_as_such(
    owed: Callback, hook: Hook, dora: Any, api_as: Any
) -> None:
    Callback.objects.filter(pk=owed.pk).update(attempts=1)  # taken by a worker that was killed
    send(owed.pk)

    page = text(browser(dora), of(owed))

    assert "Nothing is known of it" in page
    assert [one["number"] for one in api_as(dora).get(f"callbacks/{owed.pk}/").json()["tries"]] == [2]


# --- What operators do ----------------------------------------------------------------------------


def test_an_operator_sends_one_again_and_then_all_that_failed(owe: Owe, hook: Hook, olga: Any) -> None:
    one, other = owe(), owe()
    Callback.objects.update(status="given_up")
    client = browser(olga)

    assert "Send it again" in text(client, of(one))
    client.post(f"{of(one)}send-again/")
    assert state(one)[0] == "waiting"
    told = client.post(f"{of(one)}send-again/", follow=True).content.decode()
    assert "This message has not been given up" in told

    preview = text(client, f"{LIST}send-again/")
    assert "Send 1 message again" in preview
    assert f'value="{other.pk}"' in preview
    client.post(f"{LIST}send-again/", {"until": str(other.pk)})
    assert state(other)[0] == "waiting"
    assert "Nothing was given up" in text(client, f"{LIST}send-again/")


def test_an_operators_program_does_the_same(owe: Owe, olga: Any, api_as: Any) -> None:
    one, other = owe(), owe()
    Callback.objects.update(status="given_up")
    api = api_as(olga)

    assert api.post(f"callbacks/{one.pk}/send-again/").json()["status"] == "waiting"
    assert api.post(f"callbacks/{one.pk}/send-again/").status_code == 409
    preview = api.get("agents/support-bot/callbacks/failed/").json()
    assert (preview["count"], preview["until"]) == (1, str(other.pk))
    sent = api.post("agents/support-bot/callbacks/send-again/", {"until": preview["until"]})
    assert sent.json() == {"callbacks": 1}
    assert api.post("agents/support-bot/callbacks/send-again/", {}).status_code == 409


@pytest.fixture
def endpoint(owed: Callback) -> CallbackEndpoint:
    Callback.objects.filter(pk=owed.pk).update(status="paused")
    since = {"failures": 6, "failing_since": Now(), "paused_at": Now(), "last_error": "HTTP 500 <i>"}
    return CallbackEndpoint.objects.create(
        agent_id=owed.agent_id, origin=owed.origin, paused_because="failing", probe_due_at=Now(), **since
    )


def test_a_paused_address_is_told_loudly_and_an_operator_resumes_it(
    endpoint: CallbackEndpoint, owed: Callback, olga: Any, dora: Any
) -> None:
    for path in (LIST, of(owed), "/governance/agents/support-bot/"):
        page = text(browser(dora), path)
        assert 'role="alert"' in page
        assert endpoint.origin in page
        assert "HTTP 500 &lt;i&gt;" in page
        assert "Resume it now" not in page
        assert "Resume it now" in text(browser(olga), path)

    resume = f"/governance/agents/callbacks/endpoints/{endpoint.pk}/resume/"
    told = browser(olga).post(resume, follow=True).content.decode()
    assert "The address is called again. One message that waited is sent now." in told
    assert "This address is not paused." in browser(olga).post(resume, follow=True).content.decode()
    assert state(owed)[0] == "waiting"


def test_the_api_tells_of_paused_addresses_and_resumes_them(
    endpoint: CallbackEndpoint, olga: Any, api_as: Any
) -> None:
    api = api_as(olga)
    [told] = api.get("agents/support-bot/callback-endpoints/").json()["endpoints"]
    assert (told["id"], told["paused_because"], told["failures"]) == (str(endpoint.pk), "failing", 6)
    assert api.post(f"callback-endpoints/{endpoint.pk}/resume/").json() == {"callbacks": 1}
    assert api.post(f"callback-endpoints/{endpoint.pk}/resume/").status_code == 409
    assert api.get("agents/support-bot/callback-endpoints/").json() == {"endpoints": []}


def test_an_owner_sees_their_own_and_nobody_elses(endpoint: CallbackEndpoint, agent: Agent, ana: Any) -> None:
    path = "/governance/agents/callbacks/paused/"
    assert "None fails" in text(browser(ana), path)
    Agent.objects.filter(pk=agent.pk).update(owner=ana)
    page = text(browser(ana), path)
    assert endpoint.origin in page
    assert "Resume" not in page
