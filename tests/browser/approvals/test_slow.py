"""A slow server: what somebody presses before its answer is done afterwards, or refused aloud."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from approvals.models import Claim, Decision
from tests.browser.desk import asked_for, kept, live, opened, outdate, slow, status_of

Visit = Callable[..., Any]


@pytest.fixture(autouse=True)
def noise(watch: Any) -> None:
    watch.expected = ["ERR_", "htmx:"]  # htmx says so when a newer request calls off an older one


def said(page: Any, text: str) -> None:
    expect(page.locator("#toasts[role=status] .toast")).to_contain_text(text)


def test_three_steps_on_and_a_refusal_reach_the_item_they_were_meant_for(
    visit: Visit, propose: Any, ana: Any
) -> None:
    proposals = [propose() for _ in range(5)]
    page = live(visit(ana, f"/queue/{proposals[0].pk}/"))

    with slow(page, "**/queue/*-*/"):
        for key in ("j", "j", "j", "r"):
            page.keyboard.press(key)
        said(page, "R will be done as soon as the item is here")
        page.keyboard.type("a refund")

    opened(page, proposals[3])
    reason = page.locator("#reject-reason")
    expect(reason).to_be_focused()
    expect(reason).to_have_value("a refund")
    assert Decision.objects.count() == 0


def test_nobody_approves_an_item_that_is_not_there_yet(visit: Visit, propose: Any, ana: Any) -> None:
    first, second = propose(), propose()
    page = kept(live(visit(ana, f"/queue/{first.pk}/")), second)

    with slow(page, "**/queue/*-*/"):
        outdate(page, second)
        page.keyboard.press("j")
        page.keyboard.press("a")
        said(page, "Nothing was approved: the item was still on its way")
        page.keyboard.press("2")
        said(page, "2 was not taken")
    opened(page, second)
    expect(page.locator(".is-waiting")).to_have_count(0)

    assert (status_of(first), status_of(second)) == ("pending", "pending")


def test_a_key_between_a_claim_and_its_answer_waits_for_it(visit: Visit, propose: Any, ana: Any) -> None:
    first, second = propose(), propose()
    page = live(visit(ana, f"/queue/{first.pk}/"))

    with slow(page, "**/claim/"):
        page.keyboard.press("c")
        expect(page.locator("#detail.is-waiting")).to_be_visible()
        page.keyboard.press("j")
        page.keyboard.press("r")
        said(page, "J, R will be done")
    opened(page, second)
    expect(page.locator("#reject-reason")).to_be_focused()

    assert Claim.objects.get().proposal_id == first.pk
    assert (status_of(first), status_of(second)) == ("pending", "pending")


def test_what_waits_is_called_off_aloud(visit: Visit, propose: Any, ana: Any) -> None:
    first, second = propose(), propose()
    page = kept(live(visit(ana, f"/queue/{first.pk}/")), second)

    with slow(page, "**/queue/*-*/") as held:
        outdate(page, second)
        page.keyboard.press("j")
        page.keyboard.press("r")
        page.keyboard.type("no")
        page.keyboard.press("Escape")
        said(page, "R was not done: you pressed Escape. You had typed: “no”")
        page.keyboard.press("f")
        said(page, "F will be done")
        asked_for(page, held).abort()
    said(page, "F was not done: the server did not answer")


def test_a_button_that_is_pressed_while_its_item_is_drawn_again_is_refused_aloud(
    visit: Visit, proposal: Any, ana: Any
) -> None:
    page = live(visit(ana, f"/queue/{proposal.pk}/"))

    with slow(page, "**/queue/*-*/"):
        page.locator(".button-approve:visible").focus()
        page.evaluate("document.dispatchEvent(new CustomEvent('page:halts'))")  # it is drawn again
        expect(page.locator("#detail.is-waiting")).to_be_visible()
        page.keyboard.press("Enter")
        said(page, "Nothing was sent: the item was still on its way")
    expect(page.locator(".is-waiting")).to_have_count(0)
    assert status_of(proposal) == "pending"
