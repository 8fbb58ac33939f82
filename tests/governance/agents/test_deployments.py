from __future__ import annotations

import hashlib
import threading
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from audit.ground.refusals import Invalid
from audit.models import Event
from governance.agents import deployments
from governance.agents.deployment_diff import difference
from governance.models import Deployment, PromptTemplate
from tests.conftest import DEPLOYED, make_person
from tests.searching import searched

TEXT = {"label": "support-bot@14", "model": "model-1", "prompts": {"system": "You are kind.\nBe brief."}}


@pytest.fixture
def otto(db: None) -> Any:
    return make_person("otto", "operator")


def register(agent: Any, by: Any, **changes: Any) -> Deployment:
    return deployments.register(agent, deployments.read({**TEXT, **changes}), by=by)[0]


def running(agent: Any, by: Any, also: Any, **changes: Any) -> Deployment:
    """Registered, approved and activated."""
    deployment = register(agent, by, **changes)
    deployments.approve(deployment, by=also)
    return deployments.activate(deployment, by=by)


def test_a_deployment_comes_into_force_by_two_people(agent: Any, olga: Any, otto: Any) -> None:
    deployment = running(agent, olga, otto)

    assert deployment.status == "active"
    told = list(
        Event.objects.filter(type__startswith="deployment.").order_by("id").values_list("type", flat=True)
    )
    assert told == ["deployment.registered", "deployment.approved", "deployment.activated"]
    assert not any("You are kind" in body for body in Event.objects.values_list("body", flat=True))


def test_nobody_approves_what_they_registered(agent: Any, olga: Any) -> None:
    deployment = register(agent, olga)
    with pytest.raises(deployments.OwnDeployment):
        deployments.approve(deployment, by=olga)
    with pytest.raises(IntegrityError), transaction.atomic():
        Deployment.objects.filter(pk=deployment.pk).update(approved_by=olga)


def test_the_same_again_is_the_same_and_something_else_needs_another_label(agent: Any, olga: Any) -> None:
    first = register(agent, olga)
    assert register(agent, olga) == first
    with pytest.raises(deployments.LabelTaken):
        register(agent, olga, model="model-2")


def test_only_the_owner_or_an_operator_registers(agent: Any, olga: Any, otto: Any, ana: Any) -> None:
    with pytest.raises(deployments.NotYourAgent):
        register(agent, ana)
    agent.owner = ana
    agent.save()
    assert register(agent, ana).registered_by == ana
    assert register(agent, otto, label="support-bot@15").registered_by == otto


def test_prompts_are_kept_once_by_what_they_say(agent: Any, olga: Any) -> None:
    register(agent, olga)
    register(agent, olga, label="support-bot@15", prompts={"other": TEXT["prompts"]["system"]})  # type: ignore[index]
    assert PromptTemplate.objects.get().digest == (
        "sha256:" + hashlib.sha256(b"You are kind.\nBe brief.").hexdigest()
    )


def test_a_new_one_retires_the_old_and_rolling_back_brings_it_back(agent: Any, olga: Any, otto: Any) -> None:
    first = running(agent, olga, otto)
    second = running(agent, olga, otto, label="support-bot@15", model="model-2")
    assert Deployment.objects.active().get() == second

    assert deployments.roll_back(agent, by=otto, reason="It was rude.") == first
    assert Deployment.objects.active().get() == first
    with pytest.raises(Invalid):
        deployments.roll_back(agent, by=otto, reason=" ")


def test_without_an_earlier_one_there_is_no_way_back(agent: Any, olga: Any, otto: Any) -> None:
    running(agent, olga, otto)
    with pytest.raises(deployments.NoEarlierDeployment):
        deployments.roll_back(agent, by=otto, reason="It was rude.")


def test_what_it_refers_to_has_to_exist(agent: Any, action_type: Any, olga: Any) -> None:
    with pytest.raises(Invalid) as refused:
        register(agent, olga, policy="sha256:" + "0" * 64, workflows={"refund_payment": 7})
    assert [e["pointer"] for e in refused.value.errors] == ["/policy", "/workflows/refund_payment"]
    assert register(agent, olga, workflows={"refund_payment": 1}).workflows == {"refund_payment": 1}


MOVES = {
    "approve": lambda d, by: deployments.approve(d, by=by),
    "activate": lambda d, by: deployments.activate(d, by=by),
    "roll back": lambda d, by: deployments.roll_back(d.agent, by=by, reason="so"),
}
ALLOWED = {
    ("registered", "approve"),
    ("approved", "activate"),
    ("retired", "activate"),
}


@searched(40)
@given(st.lists(st.tuples(st.sampled_from(list(MOVES)), st.sampled_from(["olga", "otto", "ana", "dora"]))))
def test_no_way_around_approval_by_a_second_operator(
    request: Any, agent: Any, olga: Any, moves: list[tuple[str, str]]
) -> None:
    people = {name: request.getfixturevalue(name) for name in ("olga", "otto", "ana", "dora")}
    savepoint = transaction.savepoint()
    deployment = register(agent, olga)
    for move, name in moves:
        before = Deployment.objects.get(pk=deployment.pk).status
        moved = True
        try:
            with transaction.atomic():
                MOVES[move](deployment, people[name])
        except deployments.Refusal:
            moved = False
        if moved:
            assert (before, move) in ALLOWED
            assert name in ("olga", "otto")
            assert move != "approve" or name == "otto"
    state = Deployment.objects.get(pk=deployment.pk)
    assert state.status != "active" or state.approved_by == people["otto"]
    transaction.savepoint_rollback(savepoint)


@pytest.mark.django_db(transaction=True)
def test_of_many_activations_at_once_one_is_active(agent: Any, olga: Any, otto: Any) -> None:
    waiting = [register(agent, olga, label=f"support-bot@{n}") for n in range(6)]
    for deployment in waiting:
        deployments.approve(deployment, by=otto)
    errors: list[Exception] = []

    def activate(deployment: Deployment) -> None:
        try:
            deployments.activate(deployment, by=olga)
        except Exception as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=activate, args=[d]) for d in waiting]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert errors == []
    assert Deployment.objects.active().count() == 1
    assert Deployment.objects.filter(status="retired").count() == 5


def test_a_difference_shows_prompts_line_by_line(agent: Any, olga: Any) -> None:
    old = register(agent, olga)
    new = register(
        agent, olga, label="support-bot@15", model="model-2", prompts={"system": "You are kind.\nBe exact."}
    )
    changes = {change["title"]: change["lines"] for change in difference(old, new)}

    assert set(changes) == {"Prompt system", "Model"}
    assert {"kind": "removed", "text": "Be brief."} in changes["Prompt system"]
    assert {"kind": "added", "text": "Be exact."} in changes["Prompt system"]
    assert difference(old, old) == []


# --- Over the API and on pages --------------------------------------------------------------------


def test_a_teams_ci_registers_and_an_operator_lets_it_run(
    agent: Any, olga: Any, otto: Any, api_as: Any
) -> None:
    ci, operator = api_as(olga), api_as(otto)
    made = ci.post("deployments/", {"agent": "support-bot", **TEXT})
    assert made.status_code == 201
    assert ci.post("deployments/", {"agent": "support-bot", **TEXT}).status_code == 200

    one = f"deployments/{made.json()['id']}/"
    assert ci.post(f"{one}approve/").status_code == 403
    assert operator.post(f"{one}activate/").status_code == 409
    assert operator.post(f"{one}approve/").json()["approved_by"] == "Otto"
    assert operator.post(f"{one}activate/").json()["status"] == "active"
    [listed] = ci.get("deployments/?agent=support-bot").json()["deployments"]
    assert listed["status"] == "active"
    prompt = ci.get(f"prompt-templates/{listed['prompts']['system']}/")
    assert prompt.json()["text"] == "You are kind.\nBe brief."


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"label": "no version"}, "/label"),
        ({"model": ""}, "/model"),
        ({"prompts": {"system": 7}}, "/prompts/system"),
        ({"surprise": 1}, "/surprise"),
        ({"agent": "nobody"}, "/agent"),
    ],
)
def test_a_wrong_field_is_named(
    agent: Any, olga: Any, api_as: Any, changes: dict[str, Any], pointer: str
) -> None:
    answer = api_as(olga).post("deployments/", {"agent": "support-bot", **TEXT, **changes})
    assert answer.status_code == 422
    assert pointer in [e["pointer"] for e in answer.json()["errors"]]


def test_each_proposal_shows_what_produced_it(trusted: Any, propose: Any, ana: Any) -> None:
    client = Client()
    client.force_login(ana)

    def page(**provenance: Any) -> str:
        proposal = propose(provenance=provenance)
        return client.get(f"/queue/{proposal.pk}/").content.decode()

    assert "Its active deployment, approved by Ana" in page(**DEPLOYED, model="model-1")
    assert "Not registered" in page(deployment="<b>mine</b>@1")
    assert "names no deployment" in page()
    Deployment.objects.update(status="retired")
    assert "was not the agent’s active deployment" in page(**DEPLOYED)


def test_the_pages_show_moves_to_whom_they_are_open(agent: Any, olga: Any, otto: Any, ana: Any) -> None:
    deployment = register(agent, olga)
    address = f"/governance/deployments/{deployment.pk}/"

    def seen_by(person: Any) -> str:
        client = Client()
        client.force_login(person)
        return client.get(address).content.decode()

    assert "somebody else has to approve" in seen_by(olga)
    assert "Approve support-bot@14" in seen_by(otto)
    assert "Approve support-bot@14" not in seen_by(ana)
    client = Client()
    client.force_login(otto)
    client.post(f"{address}approve/")
    assert "Activate support-bot@14" in seen_by(olga)
