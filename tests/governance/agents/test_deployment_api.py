"""What the API of deployments refuses: the sentence, its place, and nothing kept."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.db import connection

from audit.models import Event
from governance.agents import deployments
from governance.models import Agent, Deployment, PromptTemplate
from tests.conftest import ApiClient

TEXT = {"agent": "support-bot", "label": "support-bot@14", "model": "model-1"}
NOT_TEXT = "Input should be a valid string"
NOT_A_LABEL = (
    "String should match pattern '^[A-Za-z0-9][A-Za-z0-9_.:/-]{0,120}@[A-Za-z0-9][A-Za-z0-9_.+-]{0,70}$'"
)
NO_AGENT = "Name an agent that exists."


def kept() -> tuple[int, int, int]:
    events = Event.objects.filter(type__startswith="deployment.")
    return Deployment.objects.count(), PromptTemplate.objects.count(), events.count()


def refused(answer: Any) -> tuple[int, list[tuple[str, str]]]:
    return answer.status_code, [(e["pointer"], e["detail"]) for e in answer.json().get("errors", [])]


@pytest.mark.parametrize(
    ("changes", "pointer", "detail"),
    [
        ({"agent": None}, "/agent", NO_AGENT),
        ({"agent": 7}, "/agent", NO_AGENT),
        ({"agent": ["support-bot"]}, "/agent", NO_AGENT),
        ({"agent": "support-bot "}, "/agent", NO_AGENT),
        ({"agent": "SUPPORT-BOT"}, "/agent", NO_AGENT),
        ({"label": None}, "/label", NOT_TEXT),
        ({"label": 14}, "/label", NOT_TEXT),
        ({"label": ""}, "/label", NOT_A_LABEL),
        ({"label": "support-bot"}, "/label", NOT_A_LABEL),
        ({"label": "@14"}, "/label", NOT_A_LABEL),
        ({"label": "support-bot@"}, "/label", NOT_A_LABEL),
        ({"label": "support-bot@14\n"}, "/label", NOT_A_LABEL),
        ({"label": "\u202esupport-bot@14"}, "/label", NOT_A_LABEL),
        ({"label": "a" * 122 + "@1"}, "/label", NOT_A_LABEL),
        ({"label": "a@" + "1" * 72}, "/label", NOT_A_LABEL),
        ({"model": ""}, "/model", "String should have at least 1 character"),
        ({"model": "m" * 201}, "/model", "String should have at most 200 characters"),
        ({"model": ["model-1"]}, "/model", NOT_TEXT),
        ({"prompts": []}, "/prompts", "Input should be a valid dictionary"),
        ({"prompts": {"system": ""}}, "/prompts/system", "String should have at least 1 character"),
        ({"prompts": {"system": None}}, "/prompts/system", NOT_TEXT),
        ({"prompts": {"system": "x" * 16_385}}, "/prompts/system", "Text may have at most 16,384 bytes."),
        (
            {"prompts": {str(n): "x" for n in range(51)}},
            "/prompts",
            "Dictionary should have at most 50 items after validation, not more",
        ),
        (
            {"policy": "active"},
            "/policy",
            "String should match pattern '^sha256:[0-9a-f]{64}$'",
        ),
        ({"policy": f"sha256:{'0' * 64}"}, "/policy", "There is no such version of the policy."),
        (
            {"workflows": {"refund_payment": 2}},
            "/workflows/refund_payment",
            "There is no version 2 of an action type refund_payment.",
        ),
        (
            {"workflows": {"refund_payment": 2**53 - 1}},
            "/workflows/refund_payment",
            f"There is no version {2**53 - 1} of an action type refund_payment.",
        ),
        (
            {"workflows": {"refund_payment": 0}},
            "/workflows/refund_payment",
            "Input should be greater than or equal to 1",
        ),
        (
            {"workflows": {"refund_payment": 1.5}},
            "/workflows/refund_payment",
            "Input should be a valid integer, got a number with a fractional part",
        ),
        ({"scores": {"f1": "nan"}}, "/scores/f1", "Input should be a finite number"),
        ({"scores": {"f1": "inf"}}, "/scores/f1", "Input should be a finite number"),
        ({"scores": {"f1": "-1e400"}}, "/scores/f1", "Input should be a finite number"),
        (
            {"scores": {"f1": "good"}},
            "/scores/f1",
            "Input should be a valid number, unable to parse string as a number",
        ),
        ({"scores": {"f1": None}}, "/scores/f1", "Input should be a valid number"),
        (
            {"scores": {str(n): 1 for n in range(101)}},
            "/scores",
            "Dictionary should have at most 100 items after validation, not more",
        ),
        ({"note": None}, "/note", NOT_TEXT),
        ({"note": "x" * 501}, "/note", "String should have at most 500 characters"),
        ({"status": "active"}, "/status", "Extra inputs are not permitted"),
        ({"approved_by": "olga"}, "/approved_by", "Extra inputs are not permitted"),
    ],
)
def test_a_field_that_is_wrong_is_named_and_nothing_is_registered(
    agent: Agent, action_type: Any, olga: Any, api_as: Any, changes: Any, pointer: str, detail: str
) -> None:
    answer = api_as(olga).post("deployments/", {**TEXT, **changes})
    assert refused(answer) == (422, [(pointer, detail)])
    assert kept() == (0, 0, 0)


@pytest.mark.parametrize("left_out", ["agent", "label", "model"])
def test_a_field_that_is_needed_and_missing_is_named(
    agent: Agent, olga: Any, api_as: Any, left_out: str
) -> None:
    body = {name: value for name, value in TEXT.items() if name != left_out}
    status, [(pointer, _)] = refused(api_as(olga).post("deployments/", body))
    assert (status, pointer) == (422, f"/{left_out}")
    assert kept() == (0, 0, 0)


@pytest.mark.parametrize("body", [[], [TEXT], 7])
def test_what_is_no_object_names_no_agent(agent: Agent, olga: Any, api_as: Any, body: Any) -> None:
    assert refused(api_as(olga).post("deployments/", body)) == (422, [("/agent", NO_AGENT)])
    assert kept() == (0, 0, 0)


@pytest.mark.parametrize(
    "changes",
    [
        {"model": "model-2"},
        {"prompts": {"system": "You are kind."}},
        {"workflows": {"refund_payment": 1}},
        {"scores": {"f1": 0.9}},
    ],
)
def test_a_label_stands_for_one_thing_for_ever(
    agent: Agent, action_type: Any, olga: Any, api_as: Any, changes: dict[str, Any]
) -> None:
    api = api_as(olga)
    made = api.post("deployments/", TEXT).json()

    again = api.post("deployments/", {**TEXT, **changes})

    assert (again.status_code, again.json()["detail"]) == (
        409,
        "support-bot@14 is registered already with something else behind it; give a new version.",
    )
    assert api.get(f"deployments/{made['id']}/").json() == made
    assert (Deployment.objects.count(), kept()[2]) == (1, 1)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("?agent=support-bot", 1),
        ("?agent=nobody", 0),
        ("?agent=%27%3B--", 0),
        ("?cursor=01890a5d-ac96-774b-bcce-b302099a8057", 0),  # older than any
        ("?cursor=ffffffff-ffff-7fff-bfff-ffffffffffff", 1),
    ],
)
def test_the_list_is_narrowed(agent: Agent, olga: Any, api_as: Any, query: str, found: int) -> None:
    deployments.register(agent, deployments.read({"label": "a@1", "model": "m"}), by=olga)
    answer = api_as(olga).get(f"deployments/{query}").json()
    assert (len(answer["deployments"]), answer["next"]) == (found, None)


def test_pages_of_the_list_hold_every_deployment_once(
    agent: Agent, olga: Any, api_as: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("governance.agents.deployment_api.PAGE", 3)
    api, labels = api_as(olga), [f"a@{n}" for n in range(7)]
    for label in labels:
        deployments.register(agent, deployments.read({"label": label, "model": "m"}), by=olga)

    pages, cursor = [], ""
    while cursor is not None:
        page = api.get(f"deployments/?agent=support-bot&cursor={cursor}").json()
        pages.append([one["label"] for one in page["deployments"]])
        cursor = page["next"]

    assert pages == [labels[6:3:-1], labels[3:0:-1], labels[:1]]


@pytest.mark.parametrize("digest", ["sha256:" + "0" * 64, "x", "sha256:", "%00", "..%2F..%2Fetc%2Fpasswd"])
def test_a_prompt_that_nobody_registered_is_not_there(olga: Any, api_as: Any, digest: str) -> None:
    assert api_as(olga).get(f"prompt-templates/{digest}/").status_code in (400, 404)


# --- Moves ------------------------------------------------------------------------------------


@pytest.fixture
def registered(agent: Agent, olga: Any) -> Deployment:
    return deployments.register(agent, deployments.read({"label": "a@1", "model": "m"}), by=olga)[0]


@pytest.mark.parametrize(
    ("done", "verb", "said"),
    [
        ([], "activate", "a@1 is registered; it has to be approved or retired."),
        (["approve"], "approve", "a@1 is approved; it has to be registered."),
        (["approve", "activate"], "approve", "a@1 is active; it has to be registered."),
        (["approve", "activate"], "activate", "a@1 is active; it has to be approved or retired."),
    ],
)
def test_who_comes_second_is_told_where_it_is_and_changes_nothing(
    registered: Deployment, pia: Any, api_as: Any, done: list[str], verb: str, said: str
) -> None:
    for move in done:
        getattr(deployments, move)(registered, by=pia)
    before = (kept(), Deployment.objects.values().get())

    answer = api_as(pia).post(f"deployments/{registered.pk}/{verb}/", {})

    body = answer.json()
    assert (answer.status_code, body["type"], body["detail"]) == (
        409,
        "urn:reviewapp:problem:wrong-status",
        said,
    )
    assert body["state"] == before[1]["status"]
    assert (kept(), Deployment.objects.values().get()) == before


def test_who_registered_it_is_told_that_somebody_else_approves(
    registered: Deployment, olga: Any, api_as: Any
) -> None:
    answer = api_as(olga).post(f"deployments/{registered.pk}/approve/", {})
    assert (answer.status_code, answer.json()["detail"]) == (
        403,
        "Somebody other than who registered a deployment has to approve it.",
    )
    assert Deployment.objects.get().status == "registered"


@pytest.mark.parametrize("verb", ["approve", "activate"])
def test_another_kind_of_id_is_none(agent: Agent, pia: Any, api_as: Any, verb: str) -> None:
    for other in (agent.pk, "01890a5d-ac96-774b-bcce-b302099a8057"):
        assert api_as(pia).post(f"deployments/{other}/{verb}/", {}).status_code == 404
    assert api_as(pia).post(f"deployments/support-bot/{verb}/", {}).status_code == 404


@pytest.mark.parametrize(
    ("body", "pointer", "detail"),
    [
        ({}, "/agent", NO_AGENT),
        ([], "/agent", NO_AGENT),
        ({"agent": "nobody", "reason": "no"}, "/agent", NO_AGENT),
        ({"agent": "support-bot"}, "/reason", "Say why, in at most 500 characters."),
        ({"agent": "support-bot", "reason": 7}, "/reason", "Say why, in at most 500 characters."),
        ({"agent": "support-bot", "reason": " \n "}, "/reason", "Say why, in at most 500 characters."),
        ({"agent": "support-bot", "reason": "x" * 501}, "/reason", "Say why, in at most 500 characters."),
    ],
)
def test_going_back_takes_an_agent_and_a_reason(
    agent: Agent, pia: Any, api_as: Any, body: Any, pointer: str, detail: str
) -> None:
    assert refused(api_as(pia).post("deployments/roll-back/", body)) == (422, [(pointer, detail)])
    assert kept() == (0, 0, 0)


def test_nothing_before_is_nowhere_to_go_back_to(registered: Deployment, pia: Any, api_as: Any) -> None:
    deployments.approve(registered, by=pia)
    deployments.activate(registered, by=pia)

    answer = api_as(pia).post("deployments/roll-back/", {"agent": "support-bot", "reason": "no"})

    assert (answer.status_code, answer.json()["detail"]) == (
        409,
        "No deployment of this agent was active before this one.",
    )
    assert Deployment.objects.get().status == "active"


@pytest.mark.django_db(transaction=True)
def test_of_two_who_register_at_once_one_makes_it_and_both_get_it(
    agent: Agent, olga: Any, api_as: Any
) -> None:
    answers: list[Any] = []
    keys = [api_as(olga).headers for _ in range(4)]

    def register(headers: dict[str, str]) -> None:
        api = ApiClient()
        api.headers = headers
        answers.append(api.post("deployments/", TEXT))
        connection.close()

    threads = [threading.Thread(target=register, args=[headers]) for headers in keys]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(answer.status_code for answer in answers) == [200, 200, 200, 201]
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert kept() == (1, 0, 1)
