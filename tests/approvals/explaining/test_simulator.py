from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from audit.models import Event
from suggestions.models import Proposal
from tests.conftest import DEPLOYED, proposal_body, suggestion_body

RULES = """
version: 1
defaults: {verdict: auto_approve, team: operations}
rules:
  - name: large-refund
    when: action.name == "refund_payment" && args.amount > 500.0
    then: {verdict: review, team: finance, approvals: 2, decide_within: 30m, reason: "Above 500"}
  - name: odd
    when: args.nope == 1
    then: {verdict: block}
"""


def page(user: Any, **asked: str) -> Any:
    client = Client()
    client.force_login(user)
    return client.get("/governance/simulator/", asked)


def test_a_proposal_shows_every_rule_with_what_it_saw(policy: Any, propose: Any, dora: Any) -> None:
    policy(RULES)
    proposal = propose(suggestions=[suggestion_body(arguments={"order_id": "#W1", "amount": 842.1})])

    response = page(dora, proposal=str(proposal.pk))

    text = response.content.decode()
    assert "large-refund" in text
    assert "842.1" in text
    assert "goes to people: finance, 2 approvals, within 30m" in text
    assert "could not be evaluated" in text


def test_another_version_says_what_it_would_have_said(
    policy: Any, propose: Any, api_as: Any, ana: Any
) -> None:
    strict = policy("version: 1\nrules: [{name: none, when: 'true', then: {verdict: block, reason: Never}}]")
    policy(RULES)
    proposal = propose()
    address = f"proposals/{proposal.pk}/explanation/"

    was = api_as(ana).get(address).json()
    would_be = api_as(ana).get(f"{address}?policy={strict.pk}").json()

    assert was["policy"] == proposal.policy_id
    assert was["verdict"]["verdict"] == "review"  # one rule fails
    assert (would_be["policy"], would_be["verdict"]["verdict"]) == (strict.pk, "block")
    assert Proposal.objects.get().status == "pending"


def test_what_was_known_then_counts_and_not_what_is_known_now(
    policy: Any, propose: Any, trusted: Any, api_as: Any, ana: Any
) -> None:
    from governance.models import Autonomy, Deployment

    policy("version: 1\ndefaults: {verdict: auto_approve}")
    proposal = propose(provenance=DEPLOYED)
    assert proposal.status == "approved"
    Autonomy.objects.all().delete()
    Deployment.objects.all().delete()

    said = api_as(ana).get(f"proposals/{proposal.pk}/explanation/").json()
    assert said["verdict"]["verdict"] == "auto_approve"


def test_a_simulation_stores_and_tells_nothing(agent: Any, action_type: Any, api_as: Any, ana: Any) -> None:
    api = api_as(ana)
    before = Event.objects.count()

    said = api.post("simulations/", {"agent": "support-bot", "proposal": proposal_body()})

    assert said.status_code == 200
    assert said.json()["verdict"]["verdict"] == "review"
    assert (Proposal.objects.count(), Event.objects.count()) == (0, before)


def test_a_pasted_proposal_is_judged_as_of_now(agent: Any, action_type: Any, ana: Any) -> None:
    client = Client()
    client.force_login(ana)
    typed = {"agent": "support-bot", "body": json.dumps(proposal_body()), "version": ""}

    response = client.post("/governance/simulator/", typed)

    assert "Reviewed by a person" in response.content.decode()


@pytest.mark.parametrize(
    ("typed", "pointer"),
    [
        ({"agent": "support-bot", "body": "{"}, "/body"),
        ({"agent": "support-bot", "body": "{}"}, "/body/title"),
        ({"agent": "nobody", "body": json.dumps(proposal_body())}, "/agent"),
        ({"agent": "support-bot", "body": json.dumps(proposal_body()), "version": "sha256:no"}, "/version"),
        ({"proposal": "x"}, "/proposal"),
        ({"proposal": "00000000-0000-0000-0000-000000000000"}, "/proposal"),
    ],
)
def test_what_is_wrong_is_said_at_its_field_and_nothing_is_lost(
    agent: Any, action_type: Any, ana: Any, typed: dict[str, str], pointer: str
) -> None:
    client = Client()
    client.force_login(ana)

    response = client.post("/governance/simulator/", typed)

    assert response.status_code == 422
    assert pointer in [e["pointer"] for e in response.context["errors"]]
    assert response.context["typed"]["body"] == typed.get("body", "")


def test_a_boundary_refuses_before_any_rule(agent: Any, action_type: Any, ana: Any) -> None:
    agent.allowed_actions = []
    agent.save()
    client = Client()
    client.force_login(ana)
    response = client.post(
        "/governance/simulator/", {"agent": "support-bot", "body": json.dumps(proposal_body())}
    )
    assert "refused before any rule" in response.content.decode()


def test_only_what_a_person_may_see_is_explained(proposal: Any, cyd: Any, api_as: Any) -> None:
    assert api_as(cyd).get(f"proposals/{proposal.pk}/explanation/").status_code == 404
    assert page(cyd, proposal=str(proposal.pk)).status_code == 422


def test_what_was_asked_of_the_past_is_shown_as_it_was_then(
    policy: Any, propose: Any, api_as: Any, ana: Any
) -> None:
    policy(
        "version: 1\ndefaults: {team: operations}\nrules:\n"
        "  - {name: often, when: 'history.agent.count(\"1h\") >= 1', then: {verdict: review}}"
    )
    first, second = propose(), propose()
    propose()

    def seen(proposal: Any) -> Any:
        said = api_as(ana).get(f"proposals/{proposal.pk}/explanation/").json()
        [rule] = said["suggestions"][0]["rules"]
        return rule["outcome"], rule["conditions"][0]["values"]

    assert seen(first) == ("did not match", {'history.agent.count("1h")': 0})
    assert seen(second) == ("matched", {'history.agent.count("1h")': 1})
