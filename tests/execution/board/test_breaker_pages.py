"""The page of breakers: every route in words, opened and closed by hand with a reason."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from execution.healing import breakers
from execution.models import Breaker
from suggestions.models import Proposal
from tests.execution.conftest import step, workflow
from tests.pages import in_one_line

pytestmark = pytest.mark.django_db


def test_without_routes_the_page_says_what_would_stand_there(client: Any, ana: Any) -> None:
    client.force_login(ana)
    assert "No routes yet" in client.get("/executions/breakers/").content.decode()


def test_a_route_is_opened_and_closed_with_a_reason(approved: Any, shop: Any, client: Any, olga: Any) -> None:
    approved(workflow(step(f"{shop.url}/refunds")))
    route = f"POST {shop.url}/refunds"
    client.force_login(olga)
    assert "closed: it is asked" in client.get("/executions/breakers/").content.decode()

    client.post("/executions/breakers/open/", {"route": route, "reason": " "})
    assert not Breaker.objects.exists()
    client.post("/executions/breakers/open/", {"route": route, "reason": "<b>It moves.</b>"})
    page = in_one_line(client.get("/executions/breakers/").content.decode())
    assert "1 is let alone now." in page
    assert "open: nobody asks it" in page
    assert "&lt;b&gt;It moves.&lt;/b&gt;" in page
    assert "It stays open until somebody closes it." in page

    client.post("/executions/breakers/close/", {"route": route, "reason": "It moved."})
    assert Breaker.objects.get().state == "closed"
    assert "It moved." in client.get("/executions/breakers/").content.decode()


def test_what_failed_says_how_often_and_when_it_is_tried_again(
    approved: Any, shop: Any, client: Any, ana: Any
) -> None:
    approved(workflow(step(f"{shop.url}/refunds", f"{shop.url}/other")))
    proposal = Proposal.objects.get().pk
    for _ in range(5):
        breakers.failed(f"POST {shop.url}/refunds", "HTTP 503", proposal_id=proposal)
    breakers.failed(f"POST {shop.url}/other", "HTTP 503", proposal_id=proposal)
    client.force_login(ana)

    page = in_one_line(client.get("/executions/breakers/").content.decode())

    assert "It failed 5 times in a row. One call tries it again at" in page
    assert "closed, but failed 1 time in a row" in page
    assert page.index("/refunds") < page.index("/other")
    assert "Why is it to be let alone?" not in page  # a reviewer looks


def test_the_page_costs_the_same_however_many_routes_there_are(
    approved: Any, shop: Any, client: Any, olga: Any, django_assert_num_queries: Any
) -> None:
    approved(workflow(step(f"{shop.url}/refunds")))
    client.force_login(olga)
    client.get("/executions/breakers/")
    with CaptureQueriesContext(connection) as with_one:
        client.get("/executions/breakers/")
    for number in range(11):
        breakers.open_by_hand(f"POST {shop.url}/{number}", actor=olga.as_actor(), reason="x")

    with django_assert_num_queries(len(with_one)):
        assert len(client.get("/executions/breakers/").context["rows"]) == 12
