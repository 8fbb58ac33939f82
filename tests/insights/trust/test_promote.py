"""From stage to stage by record, or past it by somebody's word."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from audit.models import Event
from governance.models import Autonomy, StageChange
from governance.trust import autonomy
from insights.trust import gates
from insights.trust.gates import Record
from insights.trust.pairs import Filters, page
from insights.trust.promote import GatesMissing, NothingHigher, promote, set_stage
from tests.conftest import actor_of

pytestmark = pytest.mark.django_db
GOOD = Record(decisions=90, unchanged=90, calibration_error=0.05, ended=80, verified=80)


@pytest.fixture
def earned(monkeypatch: Any, harmless: Any, reviewed: Any) -> None:
    """The record of an agent that may be promoted."""
    monkeypatch.setattr(gates, "_records", lambda pairs: [GOOD] * len(pairs))


def ask(agent: Any, by: Any, reason: str = "a good record") -> StageChange:
    return promote(agent, "refund_payment", by=by, actor=actor_of(by), reason=reason)


def test_a_promotion_is_signed_and_keeps_its_measures(agent: Any, pia: Any, earned: None) -> None:
    change = ask(agent, pia)

    assert (change.kind, change.before, change.stage, change.by) == ("promoted", 2, 3, pia)
    assert change.measures is not None
    assert change.measures["approved_unchanged"]["count"] == 90
    assert all(gate["passed"] for gate in change.measures["gates"])
    told = json.loads(Event.objects.get(type="autonomy.promoted").body)["data"]
    assert told["measures"]["decisions"] == 90
    assert ask(agent, pia).stage == 4
    with pytest.raises(NothingHigher):
        ask(agent, pia)


def test_without_the_record_there_is_no_promotion_and_it_says_what_is_missing(
    agent: Any, pia: Any, decided: Any
) -> None:
    decided()
    with pytest.raises(GatesMissing) as refused:
        ask(agent, pia)
    assert "decisions (1 of 50 decisions)" in refused.value.detail
    assert {g["name"] for g in refused.value.facts["gates"] if g["passed"]} == {"incidents", "policy"} | (
        {"calibration_error"}
    )
    assert not StageChange.objects.exists()


@pytest.mark.parametrize(
    "spoiled",
    [
        {"decisions": 49, "unchanged": 49},
        {"unchanged": 85},
        {"verified": 79},
        {"calibration_error": 0.11},
        {"incidents": 1},
    ],
)
def test_every_single_gate_counts(agent: Any, pia: Any, earned: None, monkeypatch: Any, spoiled: Any) -> None:
    from dataclasses import replace

    monkeypatch.setattr(gates, "_records", lambda pairs: [replace(GOOD, **spoiled)])
    with pytest.raises(GatesMissing):
        ask(agent, pia)


def test_who_owns_the_agent_or_is_no_operator_promotes_nobody(
    agent: Any, olga: Any, ana: Any, earned: None
) -> None:
    with pytest.raises(autonomy.OwnersWord):
        ask(agent, olga)
    with pytest.raises(autonomy.NotAnOperator):
        ask(agent, ana)
    assert not StageChange.objects.exists()


def test_past_the_gates_it_is_granted_and_says_so(agent: Any, pia: Any, harmless: Any) -> None:
    change = set_stage(agent, "refund_payment", 4, by=pia, actor=actor_of(pia), reason="pilot")
    assert change is not None
    assert (change.kind, change.stage) == ("granted", 4)
    assert change.measures is not None
    assert not change.measures["gates"][0]["passed"]


def test_a_promotion_by_the_page(agent: Any, pia: Any, olga: Any, earned: None) -> None:
    client = Client()
    client.force_login(pia)
    address = f"/governance/autonomy/{agent.pk}/refund_payment/"
    assert "Promote to stage 3" in client.get(address).content.decode()
    assert client.post(f"{address}promote/", {"reason": " "}).status_code == 422

    assert client.post(f"{address}promote/", {"reason": "a good record"}).status_code == 302
    assert Autonomy.objects.get().stage == 3
    text = client.get(address).content.decode()
    assert "a good record" in text
    assert "90 of 50 decisions" in text

    client.force_login(olga)
    assert "You own this agent" in client.get(address).content.decode()
    assert client.post(f"{address}promote/", {"reason": "mine"}).status_code == 409
    assert client.post(f"{address}lower/", {"stage": "1", "reason": "mine"}).status_code == 302
    assert Autonomy.objects.get().stage == 1
    assert client.post(f"{address}lower/", {"stage": "9", "reason": "x"}).status_code == 409


def test_the_board_lists_each_pair_once_in_pages(
    agent: Any, decided: Any, olga: Any, monkeypatch: Any
) -> None:
    from governance.models import Agent

    monkeypatch.setattr("insights.trust.pairs.PAGE", 2)
    decided()
    Autonomy.objects.create(agent=agent, action="refund_payment", stage=3)
    for name in ("a-bot", "b-bot", "z-bot"):
        Agent.objects.create(name=name, owner=olga, allowed_actions=["refund_payment", "not registered"])
    first = page(Filters())
    second = page(Filters(), after=first.next or ("", ""))
    names = [one.pair.agent for one in [*first.rows, *second.rows]]
    assert (names, second.next) == (["a-bot", "b-bot", "support-bot", "z-bot"], None)
    assert [one.pair.agent for one in page(Filters(stage="3")).rows] == ["support-bot"]
    assert page(Filters(ready="1")).rows == []
    assert [one.pair.agent for one in page(Filters(agent="b-bot")).rows] == ["b-bot"]


def test_bounds_are_tightened_by_the_page_and_never_loosened(pia: Any, harmless: Any) -> None:
    client = Client()
    client.force_login(pia)
    asked = {"action": "", "reason": "careful", "verified_success": "0.99", "failures": "1"}
    asked |= {"decisions": "60", "approved_unchanged": "0.96", "calibration_error": "0.1"}
    refused = client.post("/governance/autonomy/bounds/change/", {**asked, "decisions": "10"})
    assert refused.status_code == 422
    assert "For decisions give 50 to 500." in refused.content.decode()
    assert 'value="10"' in refused.content.decode()
    assert client.post("/governance/autonomy/bounds/change/", asked).status_code == 302
    assert "careful" in client.get("/governance/autonomy/bounds/").content.decode()
