"""The pages of action types, as somebody uses them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from audit.ground.actors import SYSTEM
from governance.actions.action_types import register
from governance.models import ActionType
from tests.browser.looks import check
from tests.governance.actions.test_tool_forms import MCP
from tests.governance.actions.test_views import PAYOUT

Visit = Callable[..., Any]
LONG = {**PAYOUT, "description": "Pays <b>out</b> \u202e" + "x" * 400, "data_classes": ["personal"]}


@pytest.fixture
def types(transactional_db: None) -> None:
    register(PAYOUT, actor=SYSTEM)
    register(LONG, actor=SYSTEM)


def test_tools_of_a_server_are_pasted_looked_at_and_registered(visit: Visit, types: None, olga: Any) -> None:
    page = visit(olga, "/governance/action-types/")
    page.click("text=Take in…")
    page.fill("#text", json.dumps({"tools": [MCP, PAYOUT], "nextCursor": "2"}))
    page.click("text=Show what would change")
    assert "2 of 2 would be registered" in page.inner_text("main")
    check(page, "before registering")

    assert "replaces @2" in page.inner_text("main")
    for consent in page.locator("main .choice input:not(:checked)").all():
        consent.check()

    page.click("text=Register 2")

    assert "Registered: send_mail@1. Replaced: pay_out@3." in page.inner_text("#toasts")
    assert ActionType.objects.current().count() == 2


def test_its_pages_can_be_used_by_everybody(visit: Visit, types: None, agent: Any, ana: Any) -> None:
    check(visit(ana, "/governance/action-types/"), "list")
    check(visit(ana, "/governance/action-types/?q=nothing-like-it"), "nothing found")
    check(visit(ana, "/governance/action-types/pay_out/"), "one")
