"""The list of executions as a board: what waits, what heals, and how long workers let things wait."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now

from audit.ground.actors import SYSTEM
from execution.models import Execution
from execution.running.run import run
from governance.trust import halts
from tests.execution.conftest import step, workflow

pytestmark = pytest.mark.django_db


def listed(client: Any, status: str) -> list[Any]:
    return [row["id"] for row in client.get(f"/executions/?status={status}").context["rows"]]


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


def test_the_list_tells_how_long_what_is_due_waits(approved: Any, shop: Any, client: Any, olga: Any) -> None:
    client.force_login(olga)
    approved(workflow(step(f"{shop.url}/refunds")))
    Execution.objects.update(due_at=Now() - timedelta(seconds=90))
    assert 90 <= client.get("/executions/").context["delay"] < 100
    assert "s for a worker.</b>" in client.get("/executions/").content.decode()

    halts.throw("everything", reason="x", actor=SYSTEM)  # that is no worker's delay

    assert client.get("/executions/").context["delay"] == 0
