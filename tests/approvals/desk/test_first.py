"""The first-run page, and how many one has decided today."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F

from approvals.deciding import decide
from approvals.desk import first
from approvals.desk.today import decided_today
from approvals.models import Decision
from audit.models import Event
from governance.door.authentication import caller_of
from governance.models import Agent, AgentKey
from suggestions.models import Proposal
from tests.approvals.deciding.test_decide import approve, reject
from tests.approvals.desk.test_views import browser
from tests.conftest import actor_of


def send(person: Any) -> Proposal:
    return first.send_sample(person=person, actor=actor_of(person))


def test_a_sample_is_in_the_queue_at_once_and_can_be_decided(ana: Any, olga: Any) -> None:
    client = browser(ana)
    assert "Send a sample proposal" in client.get("/queue/first/").content.decode()

    answer = client.post("/queue/first/send/")

    proposal = Proposal.objects.get()
    assert (answer.status_code, answer["Location"]) == (303, f"/queue/{proposal.pk}/")
    assert "Welcome to the desk" in client.get("/queue/").content.decode()
    assert approve(proposal, ana).resolution is not None
    assert list(Event.objects.filter(type="sample.sent").values_list("actor_name", flat=True)) == ["Ana"]


def test_the_sample_agent_can_do_nothing_else_and_nobody_has_its_key(ana: Any, olga: Any) -> None:
    send(ana)

    agent = Agent.objects.get(name=first.AGENT)
    assert (agent.owner, agent.allowed_actions) == (olga, [first.ACTION])
    assert not AgentKey.objects.filter(revoked_at=None).exists()
    assert caller_of(agent).agent == agent


def test_a_sample_that_waits_is_used_again(ana: Any, ben: Any, olga: Any) -> None:
    assert send(ana) == send(ben)
    reject(Proposal.objects.get(), ana)

    assert send(ben).title.endswith("number 2")  # and is not held for asking again


def test_without_an_operator_nobody_could_own_it(ana: Any) -> None:
    answer = browser(ana).post("/queue/first/send/", follow=True)

    assert "An agent needs an operator as its owner" in answer.content.decode()
    assert not Agent.objects.exists()
    assert Event.objects.filter(type="sample.refused").count() == 1


def test_who_does_not_see_it_is_told_where_it_waits(cyd: Any, ana: Any, olga: Any) -> None:
    answer = browser(cyd).post("/queue/first/send/", follow=True)

    text = answer.content.decode()
    assert "The sample waits for Operations, and you are not in that team." in text
    assert str(Proposal.objects.get().pk) not in text


def test_the_page_shows_how_to_send_one_oneself(ana: Any, settings: Any) -> None:
    settings.PUBLIC_URL = "https://review.example"
    text = browser(ana).get("/queue/first/").content.decode()

    assert "curl -X POST https://review.example/api/v1/proposals/" in text
    assert "Bearer $REVIEWAPP_KEY" in text
    assert "rk_" not in text


def test_what_the_page_shows_is_what_the_api_takes(ana: Any, olga: Any, api_as: Any) -> None:
    from audit.ground.actors import SYSTEM
    from governance.door.keys import issue_key
    from tests.conftest import ApiClient

    reject(send(ana), ana)
    agent = Agent.objects.create(name="mine", owner=olga)

    assert ApiClient(issue_key(agent, actor=SYSTEM)).submit(first.body(1)).status_code == 201


@pytest.mark.parametrize("verdict", ["approve", "reject"])
def test_todays_decisions_are_counted(propose: Callable[..., Any], ana: Any, ben: Any, verdict: str) -> None:
    for n in range(3):
        proposal = propose(subject={"type": "customer", "id": str(n)})
        if verdict == "approve":
            approve(proposal, ana)
        else:
            decide.reject(proposal.pk, reviewer=ana, actor=actor_of(ana), reason="no")
    assert (decided_today(ana), decided_today(ben)) == (3, 0)
    assert '<span class="num">3</span> decided today' in browser(ana).get("/queue/today/").content.decode()

    one = Decision.objects.first()
    assert one is not None
    Decision.objects.filter(pk=one.pk).update(at=F("at") - timedelta(days=1))
    assert decided_today(ana) == 2
