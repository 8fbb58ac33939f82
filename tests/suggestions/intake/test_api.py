from __future__ import annotations

import json
import threading
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from audit.models import Event
from suggestions.models import Proposal
from tests.conftest import ApiClient, proposal_body, suggestion_body


def test_a_proposal_is_answered_with_all_that_the_agent_needs(api: Any, action_type: Any) -> None:
    response = api.submit()

    assert response.status_code == 201
    answer = response.json()
    proposal = Proposal.objects.get()
    assert answer["id"] == str(proposal.pk)
    assert (answer["status"], answer["team"], answer["risk"]) == ("pending", "operations", "medium")
    assert answer["verdict"]["verdict"] == "review"
    assert answer["suggestions"][0]["action_digest"] == proposal.suggestions.get().action_digest
    assert (answer["resolution"], answer["execution"]) == (None, None)
    assert api.get(answer["links"]["self"].removeprefix("/api/v1/")).json() == answer


@pytest.mark.parametrize(
    ("change", "status", "pointer"),
    [
        ({"title": ""}, 422, "/title"),
        ({"title": "x" * 201}, 422, "/title"),
        ({"colour": "red"}, 422, "/colour"),
        ({"suggestions": []}, 422, "/suggestions"),
        ({"suggestions": [suggestion_body(rank=2)]}, 422, "/suggestions"),
        ({"suggestions": [suggestion_body(), suggestion_body()]}, 422, "/suggestions"),
        ({"suggestions": [suggestion_body(rank=n + 1) for n in range(11)]}, 422, "/suggestions"),
        ({"suggestions": [suggestion_body(confidence=1.01)]}, 422, "/suggestions/0/confidence"),
        ({"suggestions": [suggestion_body(confidence="0.5")]}, 422, "/suggestions/0/confidence"),
        (
            {"suggestions": [suggestion_body(success_probability=-1)]},
            422,
            "/suggestions/0/success_probability",
        ),
        ({"suggestions": [suggestion_body(action="launch_rocket")]}, 422, "/suggestions/0/action"),
        ({"suggestions": [suggestion_body(arguments={"order_id": "#W1"})]}, 422, "/suggestions/0/arguments"),
        (
            {"suggestions": [suggestion_body(arguments={"order_id": "#W1", "amount": "many"})]},
            422,
            "/suggestions/0/arguments/amount",
        ),
        ({"suggestions": [suggestion_body(risk={"level": "awful"})]}, 422, "/suggestions/0/risk/level"),
        ({"suggestions": [suggestion_body(explanation="a\x00b")]}, 422, "/suggestions/0/explanation"),
        ({"callback_url": "file:///etc/passwd"}, 422, "/callback_url"),
        ({"callback_url": "http://user:word@example.com/"}, 422, "/callback_url"),
        ({"callback_url": "http://10.0.0.1/hooks"}, 422, "/callback_url"),
        ({"callback_url": "https://agent.example:25/"}, 422, "/callback_url"),
        ({"expires_at": "tomorrow"}, 422, "/expires_at"),
        ({"expires_at": "2030-01-01T00:00:00"}, 422, "/expires_at"),
        ({"revises": str(uuid.uuid4())}, 422, "/revises"),
    ],
)
def test_a_refusal_names_the_field(
    api: Any, action_type: Any, change: Any, status: int, pointer: str
) -> None:
    response = api.submit(proposal_body(**change))

    assert response.status_code == status
    assert response["Content-Type"] == "application/problem+json"
    problem = response.json()
    assert pointer in [e["pointer"] for e in problem["errors"]]
    assert all(e["detail"] for e in problem["errors"])
    assert not Proposal.objects.exists()
    assert Event.objects.filter(type="request.refused").count() == 1


@pytest.mark.parametrize(
    ("raw", "headers", "status"),
    [
        (b"{", {}, 400),
        (b'{"a": NaN}', {}, 400),
        (b'{"a": 1, "a": 2}', {}, 400),
        (b"[" * 50_000, {}, 400),
        (b'"' + b"x" * 300_000 + b'"', {}, 413),
        (b"title=x", {"content_type": "application/x-www-form-urlencoded"}, 415),
        (b"{}", {"content_type": "text/plain"}, 415),
        (b"{}", {"Idempotency_Key": ""}, 400),
        (b"{}", {"Idempotency_Key": "x" * 256}, 400),
    ],
)
def test_what_is_no_request_at_all_is_a_problem_too(
    api: Any, action_type: Any, raw: bytes, headers: Any, status: int
) -> None:
    response = api.post("proposals/", raw=raw, **{"Idempotency_Key": "k", **headers})
    assert response.status_code == status, response.content
    assert response["Content-Type"] == "application/problem+json"
    assert {"type", "title", "status", "detail", "instance"} <= set(response.json())


def test_the_key_is_asked_for_by_name(api: Any, action_type: Any) -> None:
    response = api.post("proposals/", proposal_body())
    assert response.status_code == 400
    assert "Idempotency-Key" in response.json()["detail"]


def test_the_same_key_and_body_give_the_first_answer_again(api: Any, action_type: Any, ana: Any) -> None:
    first = api.submit(key='"quoted"')
    api.post(f"proposals/{first.json()['id']}/withdraw/", {})

    again = api.submit(key="quoted")

    assert (again.status_code, again["Idempotent-Replayed"]) == (201, "true")
    assert again.content == first.content
    assert "Idempotent-Replayed" not in first


def test_the_same_key_with_another_body_is_refused(api: Any, action_type: Any) -> None:
    api.submit(key="k")
    response = api.submit(proposal_body(title="Something else"), key="k")
    assert response.status_code == 422
    assert response.json()["type"] == "urn:reviewapp:problem:key-reused"
    assert Proposal.objects.count() == 1


def test_keys_of_two_agents_have_nothing_to_do_with_each_other(api: Any, action_type: Any, olga: Any) -> None:
    from audit.ground.actors import SYSTEM
    from governance.door.keys import issue_key
    from governance.models import Agent

    other = ApiClient(issue_key(Agent.objects.create(name="other-bot", owner=olga), actor=SYSTEM))
    assert api.submit(key="k").json()["id"] != other.submit(key="k").json()["id"]


@pytest.mark.django_db(transaction=True)
def test_twenty_twins_over_http_make_one_proposal(api: Any, action_type: Any) -> None:
    answers: list[Any] = []

    def ask() -> None:
        answers.append(api.submit(key="twin"))
        connection.close()

    threads = [threading.Thread(target=ask) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [a.status_code for a in answers] == [201] * 20
    assert len({a.content for a in answers}) == 1
    assert sum("Idempotent-Replayed" not in a for a in answers) == 1
    assert Proposal.objects.count() == 1


def test_an_agent_out_of_scope_is_told_the_boundary(api: Any, action_type: Any, agent: Any) -> None:
    agent.allowed_actions = ["send_mail"]
    agent.save()
    response = api.submit()
    assert response.status_code == 403
    assert response.json()["boundary"] == "action_types"


def test_a_disabled_agent_gets_nothing_in(api: Any, action_type: Any, agent: Any) -> None:
    agent.enabled = False
    agent.save()
    assert api.submit().status_code == 403
    assert not Proposal.objects.exists()


def test_a_revoked_key_counts_no_more(api: Any, action_type: Any, agent: Any) -> None:
    from django.db.models.functions import Now

    agent.keys.update(revoked_at=Now())
    response = api.submit()
    assert response.status_code == 401
    assert response["WWW-Authenticate"].startswith("Bearer")


def test_the_rate_limit_says_when_to_come_back(api: Any, action_type: Any, settings: Any) -> None:
    settings.RATE_LIMIT = "2/hour"
    statuses = [api.submit().status_code for _ in range(4)]
    refused = api.submit()
    assert statuses == [201, 201, 429, 429]
    assert 0 < int(refused["Retry-After"]) <= 3600


def test_an_action_type_that_changes_is_noticed_by_the_next_request(api: Any, action_type: Any) -> None:
    from audit.ground.actors import SYSTEM
    from governance.actions.action_types import register
    from tests.conftest import REFUND

    assert api.submit().json()["suggestions"][0]["version"] == 1
    register({**REFUND, "description": "Another description"}, actor=SYSTEM)
    assert api.submit().json()["suggestions"][0]["version"] == 2


def test_pages_of_the_list_hold_every_proposal_once(api: Any, propose: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr("suggestions.intake.api.PAGE", 3)
    made = [str(propose().pk) for _ in range(8)]

    seen: list[str] = []
    cursor = ""
    while True:
        page = api.get(f"proposals/{cursor}").json()
        seen += [p["id"] for p in page["proposals"]]
        if not page["next"]:
            break
        cursor = f"?cursor={page['next']}"

    assert seen == sorted(made, reverse=True)


@pytest.mark.parametrize("query", ["?status=open", "?cursor=x", "?colour=red", "?wait=25"])
def test_a_list_that_is_asked_for_wrongly_says_so(api: Any, action_type: Any, query: str) -> None:
    response = api.get(f"proposals/{query}")
    assert response.status_code == 422
    assert response.json()["errors"][0]["pointer"].startswith("?")


def test_the_list_asks_as_often_for_twelve_as_for_one(
    api: Any, propose: Any, django_assert_max_num_queries: Any
) -> None:
    propose()
    api.get("proposals/")  # the first use of a key is noted
    with django_assert_max_num_queries(8) as one:
        api.get("proposals/")
    for _ in range(11):
        propose()
    with django_assert_max_num_queries(8) as twelve:
        assert len(api.get("proposals/").json()["proposals"]) == 12
    assert len(one) == len(twelve)


def test_what_belongs_to_another_agent_does_not_exist(api: Any, propose: Any, olga: Any) -> None:
    from governance.models import Agent

    theirs = propose(by=Agent.objects.create(name="other-bot", owner=olga))
    for ask in (api.get(f"proposals/{theirs.pk}/"), api.post(f"proposals/{theirs.pk}/withdraw/", {})):
        assert ask.status_code == 404
    assert Proposal.objects.get().status == "pending"


def test_a_proposal_can_be_withdrawn_once(api: Any, proposal: Any) -> None:
    first = api.post(f"proposals/{proposal.pk}/withdraw/", {"reason": "The customer called."})
    second = api.post(f"proposals/{proposal.pk}/withdraw/", {})

    assert (first.status_code, first.json()["status"]) == (200, "withdrawn")
    assert first.json()["resolution"]["reason"] == "The customer called."
    assert (second.status_code, second.json()) == (200, first.json())
    event = Event.objects.get(type="proposal.withdrawn")
    assert "customer called" not in event.body


def test_an_agents_own_limit_brings_the_deadline_nearer(api: Any, action_type: Any) -> None:
    from django.utils import timezone

    soon = timezone.now() + timedelta(minutes=5)
    api.submit(proposal_body(expires_at=soon.isoformat()))
    api.submit(proposal_body(expires_at=(soon + timedelta(days=9)).isoformat()))
    near, far = Proposal.objects.order_by("deadline")
    assert near.deadline == soon
    assert far.deadline == far.created_at + timedelta(hours=4)


# --- Batches --------------------------------------------------------------------------------


def item(key: str, **changes: Any) -> dict[str, Any]:
    return {**proposal_body(**changes), "idempotency_key": key}


def test_a_batch_is_stored_whole(api: Any, action_type: Any) -> None:
    response = api.post("proposals/batch/", {"proposals": [item(f"k{n}") for n in range(20)]})
    assert response.status_code == 201, response.content
    ids = [r["proposal"]["id"] for r in response.json()["results"]]
    assert len(set(ids)) == 20
    assert Event.objects.filter(type="proposal.submitted").count() == 20


def test_a_batch_with_one_mistake_stores_nothing(api: Any, action_type: Any) -> None:
    response = api.post("proposals/batch/", {"proposals": [item("a"), item("b", title="")]})
    assert response.status_code == 422
    assert [e["pointer"] for e in response.json()["errors"]] == ["/proposals/1/title"]
    assert not Proposal.objects.exists()


def test_a_batch_item_by_item_stores_what_is_right(api: Any, action_type: Any) -> None:
    body = {"proposals": [item("a"), item("b", title=""), item("c"), item("a")]}
    response = api.post("proposals/batch/?atomic=false", body)
    results = response.json()["results"]
    assert response.status_code == 200
    assert [r["accepted"] for r in results] == [True, False, True, True]
    assert results[1]["errors"][0]["pointer"] == "/proposals/1/title"
    assert results[0]["proposal"]["id"] == results[3]["proposal"]["id"]
    assert Proposal.objects.count() == 2


def test_a_batch_has_a_longest_length(api: Any, action_type: Any) -> None:
    response = api.post("proposals/batch/", {"proposals": [item(str(n)) for n in range(501)]})
    assert response.status_code == 422


def test_action_types_are_listed_with_their_schemas(api: Any, action_type: Any, agent: Any) -> None:
    [listed] = api.get("action-types/").json()["action_types"]
    assert (listed["name"], listed["version"]) == ("refund_payment", 1)
    assert listed["schema"]["required"] == ["order_id", "amount"]
    agent.allowed_actions = []
    agent.save()
    assert api.get("action-types/").json() == {"action_types": []}


def test_the_openapi_document_is_valid_and_has_every_operation(client: Any) -> None:
    from openapi_spec_validator import validate

    response = client.get("/api/schema/")
    document = json.loads(response.content)
    validate(document)
    assert document["openapi"].startswith("3.1")
    assert len(document["paths"]) >= 10
    example = document["components"]["schemas"]["ProposalBody"]["example"]
    assert example["suggestions"][0]["action"] == "refund_payment"


def test_the_documentation_page_asks_no_other_host(client: Any) -> None:
    html = client.get("/api/docs/").content.decode()
    assert "swagger" in html
    assert "http://" not in html
    assert "https://" not in html
