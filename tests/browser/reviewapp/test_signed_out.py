"""A session that ends while somebody writes: the page says so, and nothing they typed is lost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from playwright.sync_api import expect

from approvals.models import Comment
from governance.models import PolicyVersion
from tests.browser.desk import eventually, live, status_of
from tests.browser.looks import check

Visit = Callable[..., Any]
TYPED = "(it, text) => { it.value = text; it.dispatchEvent(new Event('input', { bubbles: true })); }"
PASSWORD = "correct horse battery staple"


@pytest.fixture(autouse=True)
def noise(watch: Any) -> None:
    watch.expected = ["401", "403", "htmx:", "WebSocket"]


@pytest.fixture
def signs_in(ana: Any) -> Callable[..., None]:
    def sign_in_beside(page: Any, who: Any = ana, *, looked_at: bool = False) -> None:
        who.set_password(PASSWORD)
        who.save()
        with page.expect_popup() as popup:
            page.locator("#signed-out").get_by_role("link", name="Sign in in a new tab").click()
        beside = popup.value
        beside.get_by_label("Username").fill(who.get_username())
        beside.get_by_label("Password").fill(PASSWORD)
        beside.get_by_role("button", name="Sign in").click()
        expect(beside.get_by_role("heading", name="You are signed in again")).to_be_visible()
        if looked_at:
            check(beside, "signed in again")
        beside.close()
        page.bring_to_front()
        page.evaluate("window.dispatchEvent(new Event('focus'))")

    return sign_in_beside


def test_a_refusal_half_written_outlives_the_session(
    visit: Visit, proposal: Any, ana: Any, signs_in: Callable[..., None]
) -> None:
    page = live(visit(ana, f"/queue/{proposal.pk}/"))
    page.keyboard.press("r")
    page.keyboard.type("The amount is wrong.")
    Session.objects.all().delete()
    page.keyboard.press("Control+Enter")

    expect(page.locator("#signed-out")).to_be_visible()
    check(page, "signed out")
    assert status_of(proposal) == "pending"
    signs_in(page, looked_at=True)
    expect(page.locator("#signed-out")).to_be_hidden()
    expect(page.locator("#reject-reason")).to_have_value("The amount is wrong.")
    page.locator("#verb-reject [type=submit]").click()
    eventually(lambda: status_of(proposal), "rejected")


def test_a_note_and_an_edit_outlive_it_too(
    visit: Visit, proposal: Any, ana: Any, signs_in: Callable[..., None]
) -> None:
    page = live(visit(ana, f"/queue/{proposal.pk}/"))
    page.keyboard.press("m")
    page.keyboard.type("I called her.")
    Session.objects.all().delete()
    page.keyboard.press("Control+Enter")
    signs_in(page)
    page.locator("#verb-comment [type=submit]").click()
    eventually(lambda: [comment.author for comment in Comment.objects.all()], [ana])

    page.goto(f"{page.url.partition('?')[0]}edit/")
    field = page.locator("#edit [name^='v.']").last
    field.fill("41")
    Session.objects.all().delete()
    page.locator(".edit-check").dispatch_event("click")  # the dialog may be over it already
    signs_in(page)
    expect(field).to_have_value("41")
    page.locator(".edit-check").click()
    expect(page.locator("[data-approve]")).to_be_visible()


def test_a_policy_is_not_lost_with_the_session(
    visit: Visit, proposal: Any, olga: Any, signs_in: Callable[..., None]
) -> None:
    page = visit(olga, "/governance/policies/new/")
    text = "version: 1\ndefaults: {verdict: review, team: operations}\n# one more line\n"
    page.locator("#policy-text").fill(text[:-5])
    Session.objects.all().delete()
    # Its socket may say so before the next letter does, and then the page takes none.
    page.locator("#policy-text").evaluate(TYPED, text)
    expect(page.locator("#signed-out")).to_be_visible()
    signs_in(page, olga)
    expect(page.locator("#policy-text")).to_have_value(text)
    before = PolicyVersion.objects.count()
    page.get_by_role("button", name="Keep as a draft").click()
    page.wait_for_url("**/governance/policies/sha256:*/")
    assert PolicyVersion.objects.count() == before + 1


def test_without_a_script_the_next_page_holds_what_was_sent(
    visit: Visit, proposal: Any, ana: Any, signs_in: Callable[..., None]
) -> None:
    page = visit(ana, f"/queue/{proposal.pk}/", java_script_enabled=False)
    page.locator("#verb-reject summary").click()
    page.locator("#reject-reason").fill("The amount is wrong.\nBy far.")
    Session.objects.all().delete()
    page.locator("#verb-reject [type=submit]").click()

    expect(page.get_by_role("heading", name="You were signed out")).to_be_visible()
    expect(page.locator("main pre")).to_have_text("The amount is wrong.\nBy far.")
    with page.expect_popup() as popup:
        page.get_by_role("link", name="Sign in in a new tab").click()
    ana.set_password(PASSWORD)
    ana.save()
    popup.value.get_by_label("Username").fill("ana")
    popup.value.get_by_label("Password").fill(PASSWORD)
    popup.value.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name="Send it again").click()  # with the old session's token
    page.get_by_role("button", name="Send it again").click()
    eventually(lambda: status_of(proposal), "rejected")


def test_somebody_else_who_signs_in_does_not_send_it(
    visit: Visit, proposal: Any, ana: Any, ben: Any, signs_in: Callable[..., None]
) -> None:
    page = live(visit(ana, f"/queue/{proposal.pk}/"))
    page.keyboard.press("r")
    page.keyboard.type("no")
    Session.objects.all().delete()
    page.keyboard.press("Control+Enter")
    signs_in(page, ben)

    expect(page.locator("#signed-out")).to_contain_text("Ben is signed in now")
    expect(page.locator("#reject-reason")).to_have_value("no")
    assert status_of(proposal) == "pending"
