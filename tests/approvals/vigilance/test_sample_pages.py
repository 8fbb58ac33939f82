"""Checks afterwards, on the desk and over the API."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now
from django.test import Client

from governance.models import Autonomy
from suggestions.models import Sample
from tests.conftest import DEPLOYED, in_force, suggestion_body

pytestmark = pytest.mark.django_db


@pytest.fixture
def asked(propose: Any, trusted: Any) -> list[Sample]:
    """Three that are open, the first to be answered first."""
    in_force("version: 1\ndefaults: {verdict: auto_approve, sample: 1}")
    for n in range(3):
        arguments = {"order_id": f"#W{n}", "amount": 5}
        proposal = propose(provenance=DEPLOYED, suggestions=[suggestion_body(arguments=arguments)])
        Sample.objects.filter(proposal=proposal).update(
            status="open", opened_at=Now(), deadline=Now() + timedelta(hours=n + 1)
        )
    return list(Sample.objects.order_by("deadline"))


def client_of(person: Any) -> Client:
    client = Client()
    client.force_login(person)
    return client


def test_the_list_is_in_the_order_in_which_time_runs_out(asked: Any, ana: Any, cyd: Any) -> None:
    text = client_of(ana).get("/queue/check/").content.decode()
    places = [text.index(str(sample.proposal_id)) for sample in asked]
    assert places == sorted(places)
    assert "Nothing to check" in client_of(cyd).get("/queue/check/").content.decode()


def test_the_queue_says_how_many_wait(asked: Any, ana: Any, cyd: Any) -> None:
    assert 'To check <span class="num">3</span>' in client_of(ana).get("/queue/").content.decode()
    assert "To check <span" not in client_of(cyd).get("/queue/").content.decode()


def test_after_an_answer_comes_the_next(asked: Any, ana: Any) -> None:
    client = client_of(ana)
    first, second, _ = asked
    address = f"/queue/{first.proposal_id}/"
    assert "It was right" in client.get(address).content.decode()

    done = client.post(f"{address}answer/", {"answer": "right"})

    assert (done.status_code, done["Location"]) == (303, f"/queue/{second.proposal_id}/")
    assert "It was right, says Ana" in client.get(address).content.decode()
    again = client.post(f"{address}answer/", {"answer": "wrong", "reason": "no"})
    assert again.status_code == 409
    assert "right" in client.get("/queue/check/?show=answered").content.decode()


def test_wrong_without_a_reason_gives_the_words_back(asked: Any, ana: Any) -> None:
    client = client_of(ana)
    address = f"/queue/{asked[0].proposal_id}/answer/"
    refused = client.post(address, {"answer": "wrong", "reason": " "})
    assert refused.status_code == 422
    assert "Say what was wrong" in refused.content.decode()
    assert client.post(address, {"answer": "wrong", "reason": "<b>no</b>"}).status_code == 303
    assert Autonomy.objects.get().stage == 2
    assert "&lt;b&gt;no" in client.get("/queue/check/?show=answered").content.decode()


def test_what_was_chosen_is_no_secret_only_once_it_is_asked(propose: Any, trusted: Any, ana: Any) -> None:
    in_force("version: 1\ndefaults: {verdict: auto_approve, sample: 1}")
    proposal = propose(provenance=DEPLOYED)
    answered = client_of(ana).post(f"/queue/{proposal.pk}/answer/", {"answer": "right"})
    assert answered.status_code == 404


def test_it_is_answered_over_the_api(asked: Any, api_as: Any, ana: Any, cyd: Any) -> None:
    api = api_as(ana)
    listed = api.get("samples/").json()["samples"]
    assert {one["id"] for one in listed} == {str(sample.pk) for sample in asked}
    assert api_as(cyd).get("samples/").json()["samples"] == []
    assert api.get("samples/?status=chosen").status_code == 422

    answered = api.post(f"samples/{asked[0].pk}/answer/", {"answer": "wrong"})
    assert (answered.status_code, answered.json()["errors"][0]["pointer"]) == (422, "/reason")
    answered = api.post(f"samples/{asked[0].pk}/answer/", {"answer": "wrong", "reason": "no"})
    assert (answered.status_code, answered.json()["status"]) == (200, "wrong")
    assert api.post(f"samples/{asked[0].pk}/answer/", {"answer": "right"}).status_code == 409
