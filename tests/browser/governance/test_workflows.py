"""The picture of a workflow and the page on which it is written, in a real browser."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from audit.ground.actors import SYSTEM
from governance.actions.action_types import register
from governance.models import ActionType
from governance.secrets import keep
from tests.browser.desk import slow
from tests.browser.looks import check, shoot
from tests.conftest import REFUND
from tests.governance.workflows.test_picture import WHOLE

Visit = Callable[..., Any]
TYPE = "/governance/action-types/refund_payment/"
BY_HAND = "steps:\n  - name: refund\n    routes:\n      - {kind: handback, within: 4h}\n"
MISTAKEN = BY_HAND.replace("name:", "nmae:").replace("handback", "hand")
LONG = "\u202e<script>alert(1)</script>" + "語" * 60 + "x" * 200
HOSTILE = {
    **WHOLE,
    "steps": [
        {
            **WHOLE["steps"][0],
            "if": "args.note != '\u202e<script>alert(1)</script>" + "語" * 60 + "x" * 200 + "'",
        },
        {
            "name": "tell",
            "routes": [{"kind": "handback", "within": "4h"}],
            "await": {"signal": "told", "expect": "signal.state == 'done'"},
        },
    ],
}


@pytest.fixture
def refunds(transactional_db: None) -> ActionType:
    from governance.models import Team

    Team.objects.create(name="Payments", slug="payments")
    keep.write("shop-token", "what-nobody-reads", actor=SYSTEM, by=None, granted_to=["refund_payment"])

    return register({**REFUND, "workflow": HOSTILE}, actor=SYSTEM)[0]


def test_the_picture_on_the_page_of_the_type(visit: Visit, refunds: ActionType, olga: Any) -> None:
    page = visit(olga, TYPE)
    expect(page.get_by_role("img", name="The workflow: 2 steps")).to_be_visible()
    outside = """() => [...document.querySelectorAll('.workflow-picture text')].filter(text => {
        const box = text.getBBox();
        return box.x < 0 || box.x + box.width > 356 - 4;
    }).map(text => text.textContent)"""
    assert page.evaluate(outside) == []
    check(page, "an action type with a workflow")
    shoot(page, "workflow-type")


def test_what_is_written_before_the_scripts_are_there_is_looked_at(
    visit: Visit, refunds: ActionType, olga: Any
) -> None:
    page = visit(olga, TYPE)
    with slow(page, "**/htmx.min.js"):
        page.locator("text=Change the workflow…").click(no_wait_after=True)
        page.locator("#workflow-text").fill(MISTAKEN)
    page.wait_for_selector(".mistakes li:has-text('nmae')")


def test_it_is_written_looked_at_and_saved(visit: Visit, refunds: ActionType, olga: Any) -> None:
    page = visit(olga, TYPE)
    page.click("text=Change the workflow…")
    page.fill("#workflow-text", MISTAKEN)
    page.wait_for_selector(".mistakes li:has-text('nmae')")
    check(page, "a workflow with mistakes")
    shoot(page, "workflow-mistakes")
    page.click(".mistakes li a >> nth=0")
    chosen = "area => area.value.slice(area.selectionStart, area.selectionEnd)"
    assert "nmae" in page.locator("#workflow-text").evaluate(chosen)

    page.fill("#workflow-text", BY_HAND)
    page.wait_for_selector("#workflow-check svg")
    check(page, "a workflow without mistakes")
    shoot(page, "workflow-editor")
    page.click("text=Save as version 2")

    page.wait_for_url(f"**{TYPE}")
    assert ActionType.objects.current().get(name="refund_payment").version == 2
    page.click("text=Change the workflow…")
    page.click("button:has-text('Remove the workflow')")
    page.wait_for_url(f"**{TYPE}")
    assert "There is none" in page.inner_text("main")
    check(page, "an action type without a workflow")
    shoot(page, "workflow-none")
