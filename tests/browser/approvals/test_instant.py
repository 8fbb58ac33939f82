"""The next item is there at once; what was decided settles behind it, or comes back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from playwright.sync_api import expect

from approvals.beside import claims
from approvals.deciding import decide
from approvals.models import Decision, Look
from tests.browser.desk import GRACE, asked_for, eventually, kept, live, opened, settled, slow, status_of
from tests.browser.looks import check, shoot
from tests.conftest import actor_of

Visit = Callable[..., Any]


# However slow the machine is, nothing comes between these presses.
PRESSED_AT_ONCE = """keys => { for (const key of keys)
    document.body.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true })); }"""


def looked_at() -> set[Any]:
    return set(Look.objects.values_list("proposal_id", flat=True))


def test_what_was_fetched_ahead_shows_without_a_request_and_is_looked_at_from_then_on(
    visit: Visit, propose: Any, ana: Any
) -> None:
    first, second, third = propose(), propose(), propose()
    page = kept(kept(live(visit(ana, f"/queue/{first.pk}/")), second), third)
    eventually(looked_at, {first.pk})
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url.rpartition("/queue/")[2]))

    page.keyboard.press("j")
    opened(page, second)

    assert page.url.endswith(f"/queue/{second.pk}/")
    eventually(looked_at, {first.pk, second.pk})
    assert f"{second.pk}/" not in asked
    page.go_back()
    opened(live(page), first)


def test_a_decision_goes_on_before_it_is_answered(visit: Visit, propose: Any, ana: Any) -> None:
    first, second = propose(), propose()
    page = kept(live(visit(ana, f"/queue/{first.pk}/")), second)

    with slow(page, "**/approve/"):
        page.keyboard.press("a")
        expect(page.locator(f'#proposal[data-id="{second.pk}"]')).to_be_visible()
        expect(page.locator("#proposal-title")).to_be_focused()
        expect(page.locator(f"#proposal-{first.pk}")).to_contain_text("approving")
        expect(page.locator("#undo")).to_contain_text("Approving: Refund 54.04")
        check(page, "a decision on its way")
        shoot(page, "on-its-way")
        assert status_of(first) == "pending"

    settled(page, second)
    expect(page.locator(f"#proposal-{first.pk}")).to_contain_text("approved by Ana")
    assert (status_of(first), status_of(second)) == ("approved", "pending")


def test_what_did_not_count_comes_back_with_its_reason_and_ones_words(
    visit: Visit, watch: Any, propose: Any, ana: Any
) -> None:
    watch.expected = ["500", "422"]
    first, second, _third = propose(), propose(), propose()
    page = kept(live(visit(ana, f"/queue/{first.pk}/")), second)
    page.route("**/reject/", lambda route: route.fulfill(status=500))

    page.keyboard.press("r")
    page.locator("#reject-reason").fill("The photo shows another kettle.")
    page.keyboard.press("Control+Enter")
    expect(page.locator("#came-back")).to_contain_text("Not rejected Refund 54.04 for order #W1")
    opened(page, second)
    check(page, "a decision that came back")
    shoot(page, "came-back")
    page.set_viewport_size({"width": 1440, "height": 900})
    page.keyboard.press("f")
    page.keyboard.type("And this goes on.")  # nobody is torn away
    expect(page.locator("#return-reason")).to_have_value("And this goes on.")
    page.keyboard.press("Escape")
    page.unroute("**/reject/")
    page.keyboard.press("b")

    opened(page, first)
    expect(page.locator("#came-back")).to_be_empty()
    expect(page.locator("#reject-reason")).to_have_value("The photo shows another kettle.")
    expect(page.locator(".decision-refusal")).to_contain_text("The server failed")
    shoot(page, "given-back")
    page.locator("#reject-reason").focus()
    page.keyboard.press("Control+Enter")
    eventually(lambda: status_of(first), "rejected")
    assert Decision.objects.get().reason == "The photo shows another kettle."


def test_who_was_slower_is_told_who_won_on_the_next_item(
    visit: Visit, watch: Any, propose: Any, ana: Any, ben: Any, cyd: Any
) -> None:
    watch.expected = ["409"]
    first, second = propose(), propose()
    page = kept(live(visit(ana, f"/queue/{first.pk}/")), second)

    with slow(page, "**/approve/"):
        page.keyboard.press("a")
        expect(page.locator(f'#proposal[data-id="{second.pk}"]')).to_be_visible()
        decide.reject(first.pk, reviewer=ben, actor=actor_of(ben), reason="too much")

    expect(page.locator("#came-back")).to_contain_text("already rejected, by Ben")
    expect(page.locator("#came-back")).not_to_contain_text("What you wrote")
    expect(page.locator(f"#proposal-{first.pk}")).to_contain_text("rejected by Ben")
    assert page.locator(f'#proposal[data-id="{second.pk}"]').is_visible()
    assert Decision.objects.get().reviewer == ben


def test_an_approval_is_undone_before_it_has_counted(
    visit: Visit, propose: Any, policy: Any, ana: Any
) -> None:
    policy(GRACE)
    first, second = propose(), propose()
    page = kept(live(visit(ana, f"/queue/{first.pk}/")), second)

    with slow(page, "**/approve/"):
        page.keyboard.press("a")
        page.keyboard.press("u")
        expect(page.locator("#toasts")).to_contain_text("It will be undone as soon as it has counted.")

    opened(page, first)
    assert (status_of(first), status_of(second)) == ("pending", "pending")
    assert Decision.objects.get().standing is False


def test_it_is_undone_though_the_bar_comes_later_or_the_page_is_drawn_again(
    visit: Visit, propose: Any, policy: Any, ana: Any, ben: Any
) -> None:
    policy(GRACE)
    first, second = propose(), propose()
    page = kept(live(visit(ana, f"/queue/{first.pk}/")), second)

    with slow(page, "**/queue/undoable/") as bar:
        with slow(page, "**/approve/"):
            page.keyboard.press("a")
            page.keyboard.press("u")
            expect(page.locator("#toasts")).to_contain_text("It will be undone as soon as it has counted.")
        settled(page, second)  # calm, and nothing to be undone is there yet
        undoable = asked_for(page, bar)
        with slow(page, f"**/queue/{second.pk}/"):
            claims.claim(second.pk, user=ben, actor=actor_of(ben))
            expect(page.locator("#detail.is-waiting")).to_be_visible()
            bar.remove(undoable)
            undoable.continue_()
            expect(page.locator(f'#undo form[data-undo="{first.pk}"]')).to_be_attached()
            assert Decision.objects.get().standing is True

    opened(page, first)
    assert Decision.objects.get().standing is False


def test_presses_in_a_row_decide_what_is_on_the_screen_and_nothing_else(
    visit: Visit, propose: Any, ana: Any
) -> None:
    proposals = [propose() for _ in range(4)]
    page = kept(live(visit(ana, f"/queue/{proposals[0].pk}/")), proposals[1])

    page.evaluate(PRESSED_AT_ONCE, "aaaaa")
    opened(page, proposals[1])
    page.evaluate(PRESSED_AT_ONCE, "ja")  # the third has only just come
    opened(page, proposals[2])

    assert [status_of(p) for p in proposals] == ["approved", "pending", "pending", "pending"]


def test_what_changed_on_its_way_is_drawn_again(visit: Visit, propose: Any, ana: Any, ben: Any) -> None:
    propose(), propose()  # which are fetched ahead
    third = propose()
    page = live(visit(ana))

    def decided_meanwhile(route: Any) -> None:
        answer = route.fetch()
        decide.reject(third.pk, reviewer=ben, actor=actor_of(ben), reason="too much")
        expect(page.locator(f"#proposal-{third.pk}")).to_contain_text("rejected by Ben")
        route.fulfill(response=answer)

    page.route(f"**/{third.pk}/", decided_meanwhile, times=1)
    page.locator(f"#proposal-{third.pk} a").click()

    expect(page.locator("#resolution")).to_contain_text("too much")


def test_what_changed_is_not_shown_as_it_was_fetched(visit: Visit, propose: Any, ana: Any, ben: Any) -> None:
    first, second = propose(), propose()
    page = kept(live(visit(ana, f"/queue/{first.pk}/")), second)

    decide.reject(second.pk, reviewer=ben, actor=actor_of(ben), reason="too much")
    expect(page.locator(f"#proposal-{second.pk}")).to_contain_text("rejected by Ben")
    page.locator(f"#proposal-{second.pk} a").click()

    expect(page.locator("#resolution")).to_contain_text("too much")
