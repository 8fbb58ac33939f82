"""What the simulator is asked with, right and wrong, on its page and over the API."""

from __future__ import annotations

import html
import json
from typing import Any
from uuid import UUID, uuid4

import pytest

from audit.models import Event
from suggestions.models import Proposal
from tests.approvals.desk.test_views import browser
from tests.conftest import in_force, proposal_body
from tests.queries import same_queries_at
from tests.settled import *  # noqa: F403 - everybody, once for all tests here

PAGE = "/governance/simulator/"
ZEROS = "sha256:" + "0" * 64


def body_of(**changes: Any) -> str:
    return json.dumps(proposal_body(**changes))


def state() -> tuple[int, int]:
    return Proposal.objects.count(), Event.objects.exclude(type="request.refused").count()


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"proposal": "nonsense"}, "This is not the id of a proposal."),
        ({"proposal": "\u0663"}, "This is not the id of a proposal."),
        ({"proposal": str(UUID(int=7))}, "There is no such proposal that you may see."),
        ({"body": "{"}, "JSON"),
        ({"body": "[]", "agent": "support-bot"}, "/body"),
        ({"body": '{"title": "x"}', "agent": "support-bot"}, "/body/suggestions"),
        ({"body": body_of(), "agent": ""}, "Name the agent."),
        ({"body": body_of(), "agent": "nobody"}, "There is no agent of this name."),
        ({"body": body_of(), "agent": "<script>alert(1)</script>"}, "There is no agent of this name."),
        (
            {"body": body_of(), "agent": "support-bot", "version": ZEROS},
            "There is no such version of the policy.",
        ),
        ({"body": body_of(), "agent": "support-bot", "version": "x' OR 1=1"}, "There is no such version"),
        ({"body": body_of(more=1), "agent": "support-bot"}, "/body/more"),
    ],
)
def test_what_is_asked_wrongly_is_said_and_nothing_is_stored(
    agent: Any, action_type: Any, ana: Any, asked: dict[str, str], said: str
) -> None:
    before = state()

    answer = browser(ana).post(PAGE, asked)

    page = answer.content.decode()
    assert (answer.status_code, state()) == (422, before)
    assert said in html.unescape(page)
    assert "<script>alert" not in page


@pytest.mark.parametrize("method", ["get", "post"])
def test_what_could_be_handed_in_is_judged_and_not_handed_in(
    agent: Any, action_type: Any, dora: Any, method: str
) -> None:
    before = state()

    answer = getattr(browser(dora), method)(PAGE, {"body": body_of(), "agent": "support-bot"})

    assert (answer.status_code, state()) == (200, before)
    assert "Reviewed by a person" in answer.content.decode()


def test_what_may_not_be_seen_is_not_among_the_choices(proposal: Any, cyd: Any, ana: Any) -> None:
    assert str(proposal.pk) in browser(ana).get(PAGE).content.decode()
    client = browser(cyd)
    assert str(proposal.pk) not in client.get(PAGE).content.decode()
    answer = client.get(PAGE, {"proposal": str(proposal.pk)})
    assert (answer.status_code, "Refund" in answer.content.decode().split("<main")[1]) == (422, False)


def test_the_choices_cost_the_same_for_twelve_as_for_one(propose: Any, ana: Any) -> None:
    client, made = browser(ana), []

    def ask() -> int:
        page = client.get(PAGE).content.decode()
        return sum(str(one.pk) in page for one in made)

    same_queries_at(1, 12, lambda n: made.append(propose()), ask)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/agent"),
        ({"agent": "support-bot"}, "/proposal"),
        ({"agent": "nobody", "proposal": proposal_body()}, "/agent"),
        ({"agent": "support-bot", "proposal": []}, "/proposal"),
        ({"agent": "support-bot", "proposal": {"title": "x"}}, "/proposal/suggestions"),
        ({"agent": "support-bot", "proposal": proposal_body(), "policy": "latest"}, "/policy"),
        ({"agent": "support-bot", "proposal": proposal_body(), "policy": ZEROS}, "/policy"),
        ({"agent": "support-bot", "proposal": proposal_body(), "more": 1}, "/more"),
    ],
)
def test_a_simulation_over_the_api_names_what_is_wrong(
    agent: Any, action_type: Any, ana: Any, api_as: Any, body: Any, pointer: str
) -> None:
    answer = api_as(ana).post("simulations/", body)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == pointer
    assert not Proposal.objects.exists()


@pytest.mark.parametrize("policy", ["latest", ZEROS, "x' OR 1=1"])
def test_a_version_that_is_none_is_named(proposal: Any, ana: Any, api_as: Any, policy: str) -> None:
    answer = api_as(ana).get(f"proposals/{proposal.pk}/explanation/?policy={policy}")
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "?policy")
    assert api_as(ana).get(f"proposals/{uuid4()}/explanation/").status_code == 404


def test_the_same_proposal_under_two_versions(proposal: Any, ana: Any, api_as: Any) -> None:
    version = in_force("version: 1\ndefaults: {verdict: block}")
    api = api_as(ana)

    then = api.get(f"proposals/{proposal.pk}/explanation/").json()
    now = api.get(f"proposals/{proposal.pk}/explanation/?policy={version.pk}").json()

    assert (then["policy"], then["verdict"]["verdict"]) == (None, "review")
    assert (now["policy"], now["verdict"]["verdict"]) == (version.pk, "block")
