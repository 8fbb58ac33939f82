"""Everything that is done about a proposal, by keyboard, by mouse, on a phone and without a script."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from approvals.beside import claims
from approvals.deciding import decide, undo
from approvals.models import Claim, Comment, Decision
from governance.models import User
from suggestions.models import Proposal, Resolution
from tests.approvals.conftest import TWO_PEOPLE
from tests.approvals.deciding.test_decide import approve
from tests.browser.desk import GRACE, eventually, kept, live, opened, settled, slow, status_of
from tests.browser.looks import check, troubles
from tests.conftest import actor_of, suggestion_body

Visit = Callable[..., Any]
EDITED = {"order_id": "#W1", "amount": 40}
by_keyboard_and_by_mouse = pytest.mark.parametrize("how", ["keyboard", "mouse"])


def teams_of(proposal: Any) -> list[str]:
    return Proposal.objects.get(pk=proposal.pk).teams


@by_keyboard_and_by_mouse
def test_what_is_done_beside_the_verdict(visit: Visit, proposal: Any, ana: Any, ben: Any, how: str) -> None:
    page = live(visit(ana, f"/queue/{proposal.pk}/"))

    def press(key: str, place: str) -> None:
        settled(page)
        if how == "keyboard":
            page.keyboard.press(key)
        else:
            page.locator(place).click()

    press("c", "#claim")
    expect(page.locator("#claim")).to_contain_text("Yours")
    assert Claim.objects.get().user == ana
    expect(page.locator("#claim")).to_be_focused()
    press("c", "#claim")
    expect(page.locator("#claim")).to_contain_text("Claim")
    assert not Claim.objects.exists()

    press("m", "#verb-comment summary")
    expect(page.locator("#comment-text")).to_be_focused()
    page.keyboard.type("I called her.")
    if how == "keyboard":
        page.keyboard.press("Control+Enter")
    else:
        page.locator("#verb-comment [type=submit]").click()
    expect(page.locator(".notes")).to_contain_text("I called her.")
    expect(page.locator("#comment-text")).to_be_hidden()
    assert Comment.objects.get().author == ana

    press("g", "#verb-assign summary")
    expect(page.locator("#assign-to")).to_be_focused()
    if how == "keyboard":
        page.keyboard.press("Control+Enter")
    else:
        page.locator("#verb-assign [type=submit]").click()
    expect(page.locator("#verb-claim")).to_contain_text("Ben is on it")

    press("c", "#verb-claim summary")  # somebody else's is taken over only by saying so
    expect(page.locator("#verb-claim .panel")).to_contain_text("Ana gave this to Ben")
    assert Claim.objects.get().user == ben
    if how == "keyboard":
        page.keyboard.press("Enter")
    else:
        page.get_by_role("button", name="Take it over").click()
    expect(page.locator("#claim")).to_contain_text("Yours")
    assert Claim.objects.get().user == ana
    assert status_of(proposal) == "pending"


@by_keyboard_and_by_mouse
def test_escalating_goes_on_to_the_next_and_says_where_it_went(
    visit: Visit, watch: Any, propose: Any, ana: Any, ben: Any, cyd: Any, how: str
) -> None:
    watch.expected = ["404"]  # the last beat of a page that showed what is another team's by now
    first, second = propose(), propose()
    page = live(visit(ana, f"/queue/{first.pk}/"))
    other = live(visit(ben, f"/queue/{first.pk}/"))

    if how == "keyboard":
        page.keyboard.press("s")
    else:
        page.locator("#verb-escalate summary").click()
    page.locator("#escalate-reason").fill("Above my head.")
    if how == "keyboard":
        page.keyboard.press("Control+Enter")
    else:
        page.locator("#verb-escalate [type=submit]").click()

    opened(page, second)
    expect(page.locator("#proposal-title")).to_be_focused()
    assert teams_of(first) == ["finance"]
    expect(page.locator(f"#proposal-{first.pk}")).to_contain_text("escalated to Finance by Ana")
    # Who had it open too is told at once, and can say nothing of it any more.
    expect(other.locator("#proposal-title")).to_have_text("This went to another team")
    expect(other.locator("#proposal")).to_contain_text("escalated to Finance by Ana")
    assert other.locator(".button-approve").count() == 0


@by_keyboard_and_by_mouse
def test_an_approval_is_undone_while_it_counts_down(
    visit: Visit, propose: Any, policy: Any, ana: Any, how: str
) -> None:
    policy(GRACE)
    first, second = propose(), propose()
    page = live(visit(ana, f"/queue/{first.pk}/"))
    page.keyboard.press("a")
    opened(page, second)

    one = page.locator(f'.undo-one[data-undo="{first.pk}"]')
    expect(one).to_contain_text("60 min")
    if how == "keyboard":
        expect(page.locator("#announce")).to_contain_text("Can be undone")
        page.reload()
        expect(one).to_be_visible()  # it is the server's, not the page's
        page.keyboard.press("u")
    else:
        page.keyboard.press("c")
        settled(page)
        one.get_by_role("button").click()

    opened(page, first)
    expect(page.locator("#proposal-title")).to_be_focused()
    expect(one).to_have_count(0)
    assert (status_of(first), status_of(second)) == ("pending", "pending")


@by_keyboard_and_by_mouse
def test_what_one_said_is_taken_back(visit: Visit, propose: Any, policy: Any, ana: Any, how: str) -> None:
    policy(TWO_PEOPLE)
    proposal = propose()
    approve(proposal, ana)
    page = live(visit(ana, f"/queue/{proposal.pk}/"))
    expect(page.locator("#decision")).to_contain_text("It waits for somebody else")

    if how == "keyboard":
        page.keyboard.press("t")
    else:
        page.locator("#take-back").click()

    expect(page.locator(".button-approve:visible")).to_be_enabled()
    assert not Decision.objects.get().standing


def test_one_press_does_one_thing(visit: Visit, propose: Any, policy: Any, ana: Any) -> None:
    policy(GRACE)
    first, second, third = propose(), propose(), propose()
    page = live(visit(ana, f"/queue/{first.pk}/"))

    def hold(key: str) -> None:
        for _ in range(6):
            page.keyboard.down(key)
        page.keyboard.up(key)

    hold("c")
    expect(page.locator("#claim")).to_contain_text("Yours")
    settled(page).locator("#claim").dblclick()  # once released, not taken again
    expect(page.locator("#claim")).to_contain_text("Claim")
    settled(page)
    assert not Claim.objects.exists()
    hold("a")
    opened(page, second)
    page.keyboard.press("a")
    opened(page, third)
    assert [status_of(p) for p in (first, second, third)] == ["approved", "approved", "pending"]
    with slow(page, "**/undo/"):
        hold("u")
        page.keyboard.press("u")
    opened(page, second)

    assert [status_of(p) for p in (first, second, third)] == ["approved", "pending", "pending"]
    page.locator(f'[data-undo="{first.pk}"] button').dblclick()
    opened(page, first)
    assert [status_of(p) for p in (first, second, third)] == ["pending"] * 3


def test_a_held_key_on_a_button_of_the_bar_presses_once(visit: Visit, propose: Any, ana: Any) -> None:
    first, second = propose(), propose()
    page = live(visit(ana, f"/queue/{first.pk}/"))
    page.locator("#claim").focus()

    for _ in range(6):
        page.keyboard.down("Enter")
    page.keyboard.up("Enter")

    expect(page.locator("#claim")).to_contain_text("Yours")
    settled(page)
    assert Claim.objects.get().user == ana
    assert [status_of(p) for p in (first, second)] == ["pending", "pending"]


def test_the_open_item_follows_every_change(
    visit: Visit, propose: Any, policy: Any, ana: Any, ben: Any
) -> None:
    policy(f"{TWO_PEOPLE.rstrip()[:-1]}, grace: 1h}}\n")
    second = suggestion_body(rank=2, arguments={"order_id": "#W1", "amount": 10})
    proposal = propose(suggestions=[suggestion_body(), second])
    page = live(visit(ana, f"/queue/{proposal.pk}/"))

    claims.claim(proposal.pk, user=ben, actor=actor_of(ben))
    expect(page.locator("#verb-claim")).to_contain_text("Ben is on it")
    edited = approve(proposal, ben, arguments=EDITED)
    expect(page.locator(".agreement")).to_contain_text("Ben edited it and does not count")
    page.keyboard.press("3")
    expect(page.locator(".version")).to_contain_text("Ben’s version")
    button = page.get_by_role("button", name="Approve 3: refund 40 for order #W1", exact=True)
    expect(button).to_be_visible()
    decide.take_back(proposal.pk, reviewer=ben, actor=actor_of(ben))
    expect(page.locator(".version")).to_have_count(0)
    approve(proposal, ben)
    expect(page.locator(".agreement")).to_contain_text("1 more person missing")
    page.keyboard.press("1")
    page.keyboard.press("a")
    expect(page.locator("#proposal")).to_have_count(0)  # nothing else waits
    assert Resolution.objects.get().action_digest != edited.decision.action_digest

    page.goto(f"/queue/{proposal.pk}/")
    live(page)
    undo.undo(proposal.pk, reviewer=ben, actor=actor_of(ben))
    expect(page.locator("#proposal")).to_have_attribute("data-status", "pending")
    expect(page.locator("#decision")).to_contain_text("It waits for somebody else")


def test_different_approvals_are_shown_as_disagreement(
    visit: Visit, propose: Any, policy: Any, ana: Any, ben: Any
) -> None:
    policy(TWO_PEOPLE)
    second = suggestion_body(rank=2, arguments={"order_id": "#W1", "amount": 10})
    proposal = propose(suggestions=[suggestion_body(), second])
    lower = proposal.suggestions.select_related("action_type").get(rank=2)
    decide.approve(lower, reviewer=ben, actor=actor_of(ben), shown_digest=lower.action_digest)
    page = live(visit(ana, f"/queue/{proposal.pk}/"))

    page.keyboard.press("a")

    expect(page.locator("#proposal")).to_have_count(0)
    page.goto(f"/queue/{proposal.pk}/")
    said = "Ben approved 2, Ana approved 1: these do not add up."
    expect(page.locator(".disagreement")).to_contain_text(said)
    assert status_of(proposal) == "pending"
    check(page, "disagreement")


def test_a_connection_lost_in_the_middle_of_a_decision(
    visit: Visit, watch: Any, propose: Any, ana: Any
) -> None:
    watch.expected = ["ERR_", "409", "htmx:"]
    first, second = propose(), propose()
    page = kept(live(visit(ana, f"/queue/{first.pk}/")), second)
    back, lamp = page.locator("#came-back"), page.locator("#live-status")

    page.context.set_offline(True)
    expect(lamp).to_have_text("Offline")  # from here on nothing that may be old is shown
    page.keyboard.press("a")
    expect(back).to_contain_text("Not approved Refund 54.04 for order #W1")
    expect(back).to_contain_text("The server did not answer")
    assert status_of(first) == "pending"
    page.context.set_offline(False)
    expect(lamp).to_have_text("Live")
    settled(kept(page, second), first)
    expect(page.locator(".button-approve:visible")).to_be_enabled()

    def answer_lost(route: Any) -> None:
        approve(first, ana)
        route.abort()

    page.route("**/approve/**", answer_lost)
    with page.expect_event("requestfailed", lambda request: "/approve/" in request.url):
        page.keyboard.press("a")
    page.unroute("**/approve/**")

    expect(back).to_contain_text("The server did not answer. Open it to see where it stands.")
    back.get_by_role("link").click()
    expect(page.locator("#proposal")).to_have_attribute("data-status", "approved")
    assert status_of(second) == "pending"
    assert Decision.objects.count() == 1


def test_the_verbs_fit_on_a_phone(visit: Visit, propose: Any, policy: Any, ana: Any, ben: Any) -> None:
    policy(GRACE)
    long = suggestion_body(arguments={"order_id": "#W" + "1" * 120, "amount": 842.1})
    first, second = propose(suggestions=[long]), propose()
    page = live(visit(ana, f"/queue/{first.pk}/", width=390))

    for name in (".button-approve:visible", "#verb-return", "#verb-reject", ".button-more"):
        expect(page.locator(name)).to_be_in_viewport(ratio=1)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.locator(".button-more").click()
    expect(page.locator("#verb-escalate summary")).to_be_in_viewport(ratio=1)
    page.locator("#claim").click()
    expect(page.locator("#claim")).to_have_attribute("aria-pressed", "true")
    settled(page)
    page.locator("[data-seen=table-1]").scroll_into_view_if_needed()
    expect(page.locator(".verb-unseen:visible")).to_have_count(0)
    page.locator(".button-approve:visible").click()
    opened(page, second)
    expect(page.locator("#undo button")).to_be_in_viewport(ratio=1)
    page.locator("#undo button").click()
    opened(page, first)
    assert status_of(first) == "pending"


def test_single_keys_are_turned_off_for_the_person(visit: Visit, proposal: Any, ana: Any) -> None:
    page = live(visit(ana, f"/queue/{proposal.pk}/"))
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    assert troubles(page) == []
    page.get_by_label("Single-key shortcuts").uncheck()
    eventually(lambda: User.objects.get(pk=ana.pk).single_keys, False)
    page.keyboard.press("Escape")

    page.keyboard.press("r")
    expect(page.locator("#reject-reason")).to_be_hidden()
    elsewhere = live(visit(ana, f"/queue/{proposal.pk}/"))
    elsewhere.keyboard.press("r")
    expect(elsewhere.locator("#reject-reason")).to_be_hidden()
    elsewhere.locator("[data-help]").click()
    elsewhere.get_by_label("Single-key shortcuts").check()
    elsewhere.keyboard.press("Escape")
    elsewhere.keyboard.press("r")
    expect(elsewhere.locator("#reject-reason")).to_be_focused()


def test_every_verb_works_without_javascript(
    visit: Visit, propose: Any, policy: Any, ana: Any, cyd: Any
) -> None:
    policy(GRACE)
    first, second = propose(), propose()
    page = visit(ana, f"/queue/{first.pk}/", java_script_enabled=False)

    page.locator("#claim").click()
    expect(page.get_by_text("It is yours for ten minutes.")).to_be_visible()
    page.locator("#claim").click()
    page.locator("#verb-comment summary").click()
    page.locator("#comment-text").fill("I called her.")
    page.get_by_role("button", name="Add the note").click()
    expect(page.locator(".notes")).to_contain_text("I called her.")
    page.locator(".button-approve:visible").click()
    page.locator("#undo button").click()
    expect(page.get_by_text("Undone: nothing was carried out")).to_be_visible()
    page.locator("#verb-escalate summary").click()
    page.locator("#escalate-reason").fill("Above my head.")
    page.locator("#verb-escalate [type=submit]").click()

    expect(page.get_by_text("Escalated: Refund 54.04")).to_be_visible()
    assert page.url.endswith(f"/queue/{second.pk}/")
    assert (teams_of(first), status_of(first)) == (["finance"], "pending")
