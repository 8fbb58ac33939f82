"""The list of executions as a board: what waits, what heals, and how long workers let things wait."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now

from audit.ground.actors import SYSTEM
from execution.healing import breakers
from execution.models import Execution
from execution.running.run import run
from governance.trust import halts
from tests.execution.conftest import step, workflow
from tests.pages import in_one_line
from tests.queries import statements

pytestmark = pytest.mark.django_db


def listed(client: Any, status: str) -> list[Any]:
    return [row["id"] for row in client.get(f"/executions/?status={status}").context["rows"]]


def counted(client: Any) -> dict[str, str]:
    tabs = client.get("/executions/").context["tabs"]
    return {tab["label"]: tab["count"] for tab in tabs if tab["label"] in ("Scheduled", "Waiting", "Healing")}


def test_what_waits_stands_apart_from_what_heals(approved: Any, shop: Any, client: Any, olga: Any) -> None:
    waits = {"await": {"signal": "settled", "within": "2d"}}
    waiting = approved(workflow(step(f"{shop.url}/refunds", **waits)))
    run(waiting.pk)
    shop.will("/slow", (503, {}, {"Retry-After": "30"}))
    healing = approved(workflow(step(f"{shop.url}/slow")), idempotent=True)
    run(healing.pk)
    fresh = approved(workflow(step(f"{shop.url}/refunds")))
    client.force_login(olga)

    assert listed(client, "waiting") == [waiting.pk]
    assert listed(client, "healing") == [healing.pk]
    assert listed(client, "scheduled") == [fresh.pk, healing.pk, waiting.pk]
    assert listed(client, "needs_attention") == []
    assert counted(client) == {"Scheduled": "3", "Waiting": "1", "Healing": "1"}


def test_counting_why_things_wait_is_bounded(
    approved: Any, shop: Any, client: Any, olga: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("execution.desk.read.MOST_LOOKED_AT", 2)
    for _ in range(3):
        approved(workflow(step(f"{shop.url}/refunds")))
    client.force_login(olga)

    assert counted(client) == {"Scheduled": "3", "Waiting": "", "Healing": ""}  # nobody knows of the oldest
    Execution.objects.update(waits_for="POST http://shop.internal/")
    assert counted(client) == {"Scheduled": "3", "Waiting": "", "Healing": "3+"}
    monkeypatch.setattr("execution.desk.read.MOST_COUNTED", 1)
    assert counted(client) == {"Scheduled": "1+", "Waiting": "", "Healing": "1+"}


def test_others_are_not_counted(approved: Any, shop: Any, client: Any, cyd: Any) -> None:
    approved(workflow(step(f"{shop.url}/refunds")))
    client.force_login(cyd)

    assert counted(client) == {"Scheduled": "0", "Waiting": "0", "Healing": "0"}


def test_routes_that_are_let_alone_are_told_of(client: Any, olga: Any) -> None:
    client.force_login(olga)
    assert "let alone" not in client.get("/executions/").content.decode()

    for n, told in [(1, "1 route is let alone."), (2, "2 routes are let alone.")]:
        breakers.open_by_hand(f"POST http://{n}.example/", actor=olga.as_actor(), reason="It is ill.")
        page = in_one_line(client.get("/executions/").content.decode())
        assert f'<a href="/executions/breakers/">{told}</a>' in page


def test_the_list_asks_little_and_less_when_it_is_drawn_again(approved: Any, client: Any, olga: Any) -> None:
    approved(None)
    client.force_login(olga)
    client.get("/executions/")

    assert statements(lambda: client.get("/executions/")) == 7
    assert statements(lambda: client.get("/executions/", headers={"HX-Request": "true"})) == 6


def test_what_is_drawn_again_is_the_page_without_its_frame(approved: Any, client: Any, olga: Any) -> None:
    execution = approved(None)
    client.force_login(olga)
    for path in ("/executions/", f"/executions/{execution.pk}/"):
        whole = client.get(path).content.decode()
        part = client.get(path, headers={"HX-Request": "true"}).content.decode()
        main = re.search(r'<main id="main"[^>]*>(.*)</main>', whole, re.DOTALL)
        assert main
        assert tidy(part) == tidy(main[1])


def tidy(html: str) -> str:
    """Without the token, which is another one in each answer."""
    return in_one_line(re.sub(r'(name="csrfmiddlewaretoken" value=)"\w+"', r"\1", html)).strip()


def test_the_list_tells_how_long_what_is_due_waits(approved: Any, shop: Any, client: Any, olga: Any) -> None:
    client.force_login(olga)
    approved(workflow(step(f"{shop.url}/refunds")))
    Execution.objects.update(due_at=Now() - timedelta(seconds=90))
    assert 90 <= client.get("/executions/").context["delay"] < 100
    assert "s for a worker.</b>" in client.get("/executions/").content.decode()

    halts.throw("everything", reason="x", actor=SYSTEM)  # that is no worker's delay

    assert client.get("/executions/").context["delay"] == 0
