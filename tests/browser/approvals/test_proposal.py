"""Reading one proposal: all of it can be seen, and nothing is approved that was not."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import Any

import pytest

from approvals.deciding import decide
from approvals.models import Decision, Look
from audit.ground.actors import SYSTEM
from governance.actions.action_types import register
from suggestions.models import Proposal
from tests.browser.desk import drawn, eventually, live
from tests.browser.looks import check
from tests.conftest import actor_of, suggestion_body

Visit = Callable[..., Any]
LETTER = "We are sorry that your kettle arrived broken. " * 60

TRANSFER = {
    "name": "send_letter",
    "schema": {
        "type": "object",
        "properties": {
            "to": {
                "type": "object",
                "title": "Recipient",
                "properties": {
                    "name": {"type": "string", "title": "Name"},
                    "address": {
                        "type": "object",
                        "title": "Address",
                        "properties": {"street": {"type": "string"}, "city": {"type": "string"}},
                    },
                },
            },
            "when": {"type": "string", "format": "date-time", "title": "When"},
            "urgent": {"type": "boolean", "title": "Urgent"},
            "weight": {"type": "number", "title": "Weight", "x-unit": "g", "description": "With envelope"},
            "items": {"type": "array", "title": "Enclosed", "items": {"type": "string"}},
            "kind": {"title": "Kind", "oneOf": [{"const": "A1", "title": "Registered letter"}]},
            "letter": {"type": "string", "title": "Letter"},
        },
    },
    "annotations": {"destructiveHint": False, "idempotentHint": False, "openWorldHint": True},
    "reversibility": "irreversible",
    "template": "Send a letter to {to.name}",
}
ARGUMENTS = {
    "to": {"name": "Yusuf Rossi", "address": {"street": "Via Roma 1", "city": "Torino"}},
    "when": "2026-12-24T14:00:00+01:00",
    "urgent": True,
    "weight": 42.5,
    "items": ["invoice", "voucher"],
    "kind": "A1",
    "letter": f"{LETTER}Yours, the shop",
}


@pytest.fixture
def letters(db: None) -> None:
    register(TRANSFER, actor=SYSTEM)


@pytest.fixture
def letter(propose: Callable[..., Any], letters: None) -> Any:
    """A proposal with a long text in what would be carried out, and another suggestion beside it."""
    first = suggestion_body(
        action="send_letter",
        arguments=ARGUMENTS,
        before={"weight": 30, "letter": f"{LETTER}Regards, the shop", "to": {"name": "Y. Rossi"}},
        risk={"level": "high", "indicators": [{"code": "new_account", "detail": "opened 3 days ago"}]},
    )
    second = suggestion_body(rank=2, arguments={"order_id": "#W1", "amount": 10, "note": "Sorry\u202e"})
    return propose(suggestions=[first, second], summary="A letter.\nTwo lines.")


def approve_button(page: Any) -> Any:
    return page.locator(".verb-approve[data-rank='1'] .button-approve")


def test_what_is_folded_is_shown_before_it_is_approved(visit: Visit, letter: Any, ana: Any) -> None:
    page = live(visit(ana, f"/queue/{letter.pk}/"))
    button = approve_button(page)
    button.locator(".verb-unseen:has-text('not seen yet')").wait_for()
    assert re.search(r"\d parts? not seen yet · show next", button.inner_text())
    for _ in range(12):
        if not page.locator(".verb-approve[data-rank='1'] .button-approve.is-unseen").count():
            break
        page.keyboard.press("a")
        drawn(page)
        assert not Decision.objects.exists()
    assert page.locator("#long-1-7").get_attribute("open") is not None
    assert "not seen yet" not in button.inner_text()
    eventually(lambda: Look.objects.get().all_shown, True)

    page.keyboard.press("a")

    page.locator("#detail h1:has-text('No proposal is open')").wait_for()
    assert Decision.objects.get().action_digest == letter.suggestions.get(rank=1).action_digest


def test_another_suggestion_has_its_own_count(visit: Visit, letter: Any, ana: Any) -> None:
    page = live(visit(ana, f"/queue/{letter.pk}/"))
    page.keyboard.press("2")
    page.locator(".verb-approve[data-rank='2'] .button-approve:not(.is-unseen)").wait_for()
    page.keyboard.press("1")
    page.locator(".verb-approve[data-rank='1'] .button-approve.is-unseen").wait_for()


def test_without_scripts_nothing_is_folded_and_it_can_be_approved(
    visit: Visit, letter: Any, ana: Any
) -> None:
    page = visit(ana, f"/queue/{letter.pk}/", java_script_enabled=False)
    assert page.locator(".long-value").first.evaluate("e => e.scrollHeight <= e.clientHeight + 1")
    approve_button(page).click()
    page.locator("#toasts :has-text('Approved')").wait_for()
    assert Decision.objects.get().verdict == "approve"


def test_who_else_looks_is_on_the_page(visit: Visit, letter: Any, ana: Any, ben: Any) -> None:
    page = live(visit(ana, f"/queue/{letter.pk}/"))
    other = live(visit(ben, f"/queue/{letter.pk}/"))
    other.locator("[data-present]:has-text('Ana is looking at this')").wait_for()
    # The beat of the new page, not the farewell of the old: while Python sleeps, the browser may not send it.
    with page.expect_response(lambda answer: answer.url.endswith("/look/") and answer.status == 200):
        page.reload()
    page.locator("[data-present]:has-text('Ben is looking at this')").wait_for()
    eventually(here, {ana, ben})
    other.goto("/queue/")
    eventually(here, {ana})


def here() -> set[Any]:
    """Who is at a proposal."""
    return {look.user for look in Look.objects.now()}


def revised(propose: Callable[..., Any], before: Any, ana: Any) -> Any:
    decide.give_back(before.pk, reviewer=ana, actor=actor_of(ana), reason="Add a note.\nAnd less.")
    better = suggestion_body(arguments={"order_id": "#W1", "amount": 40, "note": "So sorry"}, confidence=0.7)
    return propose(title="Refund for a broken kettle", revises=before.pk, suggestions=[better])


def test_a_revision_can_be_read_by_everybody(visit: Visit, propose: Callable[..., Any], ana: Any) -> None:
    for amount in range(3):
        one = propose(suggestions=[suggestion_body(arguments={"order_id": "#W2", "amount": 5 + amount})])
        first = one.suggestions.select_related("action_type").get()
        decide.approve(first, reviewer=ana, actor=actor_of(ana), shown_digest=first.action_digest)
    after = revised(propose, propose(suggestions=[suggestion_body()]), ana)
    page = live(visit(ana, f"/queue/{after.pk}/"))
    assert "Add a note." in page.locator(".feedback").inner_text()
    check(page, "revision")
    _picture(page, "revised")


def test_long_and_nested_arguments_can_be_read_by_everybody(visit: Visit, letter: Any, ana: Any) -> None:
    page = live(visit(ana, f"/queue/{letter.pk}/"))

    page.locator("#long-1-7 summary").click()
    check(page, "letter")
    _picture(page, "letter")


def _picture(page: Any, name: str) -> None:
    """`PICTURES=folder` keeps what it looks like."""
    folder = os.environ.get("PICTURES")
    if not folder:
        return
    for width, theme in ((1440, "light"), (1440, "dark"), (768, "light"), (390, "light"), (390, "dark")):
        page.emulate_media(color_scheme=theme, reduced_motion="reduce")
        page.set_viewport_size({"width": width, "height": 1600 if width > 390 else 2600})
        drawn(page)
        page.screenshot(path=f"{folder}/{name}-{width}-{theme}.png")
    page.set_viewport_size({"width": 1440, "height": 900})
    page.emulate_media(color_scheme="light")
    page.pdf(path=f"{folder}/{name}.pdf")


def test_on_paper_everything_is_open(visit: Visit, letter: Any, ana: Any) -> None:
    page = live(visit(ana, f"/queue/{letter.pk}/"))
    page.emulate_media(media="print")
    for hidden in (".decision", ".list", ".site-header"):
        assert not page.locator(hidden).first.is_visible()
    for shown in (".printed", ".why-id code >> nth=0", ".digest-line >> nth=1", "#fold-raw pre"):
        assert page.locator(shown).is_visible(), shown
    assert page.locator(".long-value").evaluate("e => e.scrollHeight <= e.clientHeight + 1")
    assert str(Proposal.objects.get(pk=letter.pk).pk) in page.locator(".why-id").inner_text()
