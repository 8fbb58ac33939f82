"""The page of one execution: all that is known of it, and what may be done there."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from execution.models import Execution
from execution.running.run import run
from tests.execution.conftest import run_to_rest, step, workflow
from tests.pages import in_one_line

pytestmark = pytest.mark.django_db


@pytest.fixture
def refused(approved: Any, shop: Any) -> Any:
    """It stands at its second step, which neither of two routes carries out; one answers with markup."""
    shop.will("/mail", (422, {"why": "<script>alert(1)</script>"}, {}))
    shop.will("/post", 422)
    mail = step(f"{shop.url}/mail", f"{shop.url}/post", name="mail")
    return run_to_rest(approved(workflow(step(f"{shop.url}/refunds"), mail)))


def page_of(execution: Any, client: Any) -> str:
    return in_one_line(client.get(f"/executions/{execution.pk}/").content.decode())


def test_it_tells_steps_attempts_receipts_and_the_story_in_order(
    refused: Any, shop: Any, client: Any, ana: Any
) -> None:
    client.force_login(ana)

    page = page_of(refused, client)

    assert f"2. POST {shop.url}/post" in page
    assert "HTTP 422" in page
    assert "Response digest" in page
    assert "&lt;script&gt;" in page
    assert "<script>alert" not in page
    story = page[page.index("What happened") :]
    told = ("scheduled the action", "completed a step", "needs attention")
    assert [story.index(text) for text in told] == sorted(story.index(text) for text in told)
    assert "Skip this step" not in page  # a reviewer looks
    listed = client.get("/executions/").content.decode()
    assert f'href="/executions/{refused.pk}/"' in listed
    assert (
        f'href="/executions/{refused.pk}/"' in client.get(f"/queue/{refused.proposal_id}/").content.decode()
    )


def test_a_route_is_chosen_on_the_page(refused: Any, shop: Any, client: Any, olga: Any) -> None:
    shop.will("/post", 201)
    client.force_login(olga)
    page = page_of(refused, client)
    assert re.findall(r'name="step" value="(\w+)"', page) == ["mail", "mail"]

    for number, status in [("x", "needs_attention"), ("9", "needs_attention"), ("2", "scheduled")]:
        form = {"step": "mail", "route": number, "reason": "By post."}
        client.post(f"/executions/{refused.pk}/choose-route/", form)
        assert Execution.objects.get().status == status

    assert "chosen by a person: tried first" in page_of(refused, client)
    assert run_to_rest(refused).status == "succeeded"


def test_a_step_is_skipped_on_the_page(refused: Any, client: Any, olga: Any) -> None:
    client.force_login(olga)
    form = {"step": "mail", "evidence": "He was told in person."}
    client.post(f"/executions/{refused.pk}/skip-step/", form)

    assert run_to_rest(refused).status == "succeeded"
    page = page_of(refused, client)
    assert "He was told in person." in page
    assert "left out a step of the action" in page


def test_what_it_waits_for_and_what_was_told_of_is_named(
    approved: Any, shop: Any, api: Any, client: Any, olga: Any
) -> None:
    waits = {"await": {"signal": "settled", "within": "2d", "expect": "signal.state == 'done'"}}
    execution = approved(workflow(step(f"{shop.url}/refunds", **waits)))
    run(execution.pk)
    client.force_login(olga)
    page = page_of(execution, client)
    assert "It waits for the event settled until" in page
    assert "Choose the route" not in page  # it was called already

    api.post(f"executions/{execution.pk}/signals/", {"signal": "settled", "data": {"state": "done"}})

    assert "{&quot;state&quot;: &quot;done&quot;}" in page_of(execution, client)


def test_others_do_not_see_it(refused: Any, client: Any, cyd: Any) -> None:
    client.force_login(cyd)
    assert client.get(f"/executions/{refused.pk}/").status_code == 404


def test_the_page_costs_the_same_however_many_attempts_there_were(
    refused: Any, shop: Any, client: Any, olga: Any, django_assert_num_queries: Any
) -> None:
    client.force_login(olga)
    page_of(refused, client)
    with CaptureQueriesContext(connection) as before:
        page_of(refused, client)
    asked = len(before)
    for _ in range(3):
        client.post(f"/executions/{refused.pk}/retry/")
        run_to_rest(refused)
    page_of(refused, client)  # what was done is told once

    with django_assert_num_queries(asked):
        steps = client.get(f"/executions/{refused.pk}/").context["steps"]
    assert [len(step["attempts"]) for step in steps] == [1, 8]
