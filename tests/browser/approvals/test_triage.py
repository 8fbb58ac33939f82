"""The list of the desk: what a row says, filters and orders, and that nothing moves while one reads."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.utils import timezone
from playwright.sync_api import expect

from approvals.attention import looks
from approvals.beside import claims
from approvals.deciding import decide
from approvals.models import Claim, SavedView
from suggestions.models import Proposal
from tests.approvals.conftest import TWO_PEOPLE
from tests.browser.desk import kept, live, opened, slow
from tests.browser.looks import check
from tests.conftest import actor_of, suggestion_body

Visit = Callable[..., Any]
BREAK = "document.querySelector('#socket')['htmx-internal-data'].webSocket.socket?.close(4000)"


OVER_THE_EDGE = """figures => figures.filter(figure => figure.getBoundingClientRect().right
    > figure.closest(".row").getBoundingClientRect().right).map(figure => figure.textContent)"""


def ids(page: Any) -> list[str]:
    found = page.locator("#rows .row").evaluate_all("rows => rows.map(row => row.id.slice(9))")
    return list(found)


def places(page: Any) -> Any:
    return page.locator("#rows .row").evaluate_all("rows => rows.map(row => [row.id, row.offsetTop])")


def test_every_row_has_its_lines_of_one_height_and_one_link(
    visit: Visit, propose: Any, policy: Any, ana: Any, ben: Any
) -> None:
    policy(TWO_PEOPLE)
    other = suggestion_body(rank=2, arguments={"order_id": "#W1", "amount": 5})
    long = {"order_id": "<b>\u202e" + "W" * 200, "amount": 5}
    first, second, third = (
        propose(title="A" * 200, suggestions=[suggestion_body(arguments=long), other]),
        propose(suggestions=[suggestion_body(), other]),
        propose(suggestions=[suggestion_body(confidence=None, risk={"level": "critical"})]),
    )
    for rank, who in ((1, ana), (2, ben)):
        chosen = second.suggestions.select_related("action_type").get(rank=rank)
        decide.approve(chosen, reviewer=who, actor=actor_of(who), shown_digest=chosen.action_digest)
    claims.claim(first.pk, user=ben, actor=actor_of(ben))
    looks.look(first.pk, user=ben, seconds=0)
    Proposal.objects.filter(pk=first.pk).update(revises=second.pk)

    page = live(visit(ana))

    heights = page.locator("#rows .row").evaluate_all(
        "rows => rows.map(r => r.getBoundingClientRect().height)"
    )
    crowded, *others = heights
    assert len(set(others)) == 1
    assert others[0] <= 82
    assert crowded <= others[0] + 22  # a figure that is too long for the line has one of its own
    assert page.locator("#rows .row a").count() == 3
    row = page.locator(f"#proposal-{first.pk}")
    for said in (
        "revises an earlier proposal",
        "Ben is looking",
        "claimed by Ben",
        "says 0.86",
        "0 of 2 approvals",
    ):
        expect(row).to_contain_text(said)
    expect(page.locator(f"#proposal-{second.pk}")).to_contain_text("disagreement")
    expect(page.locator(f"#proposal-{third.pk}")).not_to_contain_text("says")
    check(page, "rows with everything")
    for width in (320, 390, 768):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.locator("#rows .figure").evaluate_all(OVER_THE_EDGE) == []


def test_who_comes_and_goes_is_seen_without_a_reload_and_oneself_is_no_news(
    visit: Visit, proposal: Any, ana: Any, ben: Any
) -> None:
    page = live(visit(ana))
    looking = page.locator(f"#proposal-{proposal.pk} .row-looking")
    expect(looking).to_be_hidden()

    looks.look(proposal.pk, user=ana, seconds=0)
    looks.look(proposal.pk, user=ben, seconds=0)
    expect(looking).to_have_text("Ben is looking")
    looks.look(proposal.pk, user=ben, seconds=1, leaves=True)
    expect(looking).to_be_hidden()
    assert page.locator("#announce").inner_text() == ""


def test_a_claim_ends_by_itself(visit: Visit, proposal: Any, ana: Any, ben: Any) -> None:
    claims.claim(proposal.pk, user=ben, actor=actor_of(ben))
    Claim.objects.update(until=timezone.now() + timedelta(seconds=6))
    page = visit(ana)

    initials = page.locator(f"#proposal-{proposal.pk} .initials")
    expect(initials).to_be_visible()
    expect(initials).to_have_count(0)


def test_searching_while_typing_keeps_the_focus_and_what_is_open(
    visit: Visit, propose: Any, ana: Any
) -> None:
    kettle, parrot = propose(), propose(title="A parrot in the mail")
    page = live(visit(ana, f"/queue/{kettle.pk}/"))

    page.keyboard.press("/")
    page.keyboard.type("parr", delay=40)
    expect(page.locator("#rows .row")).to_have_count(1)

    assert ids(page) == [str(parrot.pk)]
    expect(page.locator("#q")).to_be_focused()
    assert page.evaluate("[q.value, q.selectionStart]") == ["parr", 4]
    assert page.url.endswith(f"/queue/{kettle.pk}/?q=parr")
    expect(page.locator(f'#proposal[data-id="{kettle.pk}"]')).to_be_visible()

    propose()
    found = propose(title="Another parrot")
    expect(page.locator("#rows .row")).to_have_count(2)  # what does not match stays away
    assert ids(page) == [str(parrot.pk), str(found.pk)]
    page.reload()
    expect(page.locator("#q")).to_have_value("parr")
    assert ids(page) == [str(parrot.pk), str(found.pk)]


def test_a_row_that_is_drawn_anew_keeps_the_filters(visit: Visit, propose: Any, ana: Any, ben: Any) -> None:
    first, second = propose(), propose()
    page = kept(live(visit(ana, f"/queue/{first.pk}/?risk=medium")), second)
    claims.claim(second.pk, user=ben, actor=actor_of(ben))
    row = page.locator(f"#proposal-{second.pk}")
    expect(row).to_contain_text("claimed by Ben")

    row.locator("a").click()
    opened(page, second)

    assert page.url.endswith(f"/queue/{second.pk}/?risk=medium")
    expect(row).to_be_visible()


def test_in_every_order_nothing_moves_under_the_pointer(
    visit: Visit, propose: Any, ana: Any, ben: Any
) -> None:
    rows = [propose() for _ in range(3)]
    Proposal.objects.filter(pk=rows[2].pk).update(deadline=timezone.now() + timedelta(hours=1))
    page = live(visit(ana, "/queue/?sort=deadline"))
    assert ids(page) == [str(rows[n].pk) for n in (2, 0, 1)]
    before = places(page)

    late = propose()  # due last: there is room at the end
    expect(page.locator(f"#proposal-{late.pk}")).to_be_visible()
    soon = propose(expires_at=(timezone.now() + timedelta(minutes=30)).isoformat())
    expect(page.locator("[data-show-new]")).to_contain_text("1 new")
    decide.reject(rows[0].pk, reviewer=ben, actor=actor_of(ben), reason="no")
    expect(page.locator(f"#proposal-{rows[0].pk}")).to_contain_text("rejected by Ben")
    assert places(page)[:3] == before

    page.keyboard.press("n")
    expect(page.locator("#rows .row").first).to_have_attribute("id", f"proposal-{soon.pk}")
    page.locator("#order-menu summary").click()
    page.locator("#order-menu").get_by_text("The longest waiting first").click()
    expect(page.locator("#rows .row").first).to_have_attribute("id", f"proposal-{rows[1].pk}")
    assert ids(page) == [str(p.pk) for p in (rows[1], rows[2], late, soon)]
    assert page.url.endswith("/queue/?sort=age")


def test_a_socket_that_comes_back_is_told_what_it_missed_and_reads_nothing_again(
    visit: Visit, watch: Any, propose: Any, ana: Any, ben: Any
) -> None:
    watch.expected = ["INTERNET_DISCONNECTED"]  # whatever it asks for while it is offline
    rows = [propose() for _ in range(3)]
    page = live(visit(ana, f"/queue/{rows[0].pk}/"))
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.context.set_offline(True)
    with slow(page, "**/queue/version/"):  # the look that comes anyway, after a while, learns nothing
        page.evaluate(BREAK)
        expect(page.locator("#live-status")).not_to_have_attribute("data-state", "live")
        new = propose()
        decide.give_back(rows[1].pk, reviewer=ben, actor=actor_of(ben), reason="add a photo")
        page.context.set_offline(False)

        expect(page.locator(f"#proposal-{new.pk}")).to_be_visible()
        expect(page.locator(f"#proposal-{rows[1].pk}")).to_contain_text("returned by Ben")
        expect(page.locator("#live-status")).to_have_attribute("data-state", "live")
        assert not [url for url in asked if url.endswith("/queue/")]


def test_a_view_is_saved_opens_first_and_is_deleted(visit: Visit, propose: Any, ana: Any) -> None:
    critical = propose(suggestions=[suggestion_body(risk={"level": "critical"})])
    propose()
    page = live(visit(ana))

    page.locator("#menu-risk summary").click()
    page.locator("#menu-risk").get_by_text("Critical").click()
    expect(page.locator("#rows .row")).to_have_count(1)
    expect(page.locator("#menu-risk summary")).to_be_focused()
    page.locator("#view-menu summary").click()
    page.get_by_label("Name").fill("Hot")
    page.get_by_label("Opens first").check()
    page.keyboard.press("Enter")
    expect(page.locator("#views .chip[aria-current]")).to_have_text("Hot, opens first")

    page.goto("/queue/")
    assert ids(page) == [str(critical.pk)]
    check(page, "a saved view")
    page.locator("#filters-clear").click()
    expect(page.locator("#rows .row")).to_have_count(2)
    page.locator("#views").get_by_text("Hot").click()
    page.locator("#view-menu summary").click()
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_text("Deleted the view “Hot”.")).to_be_visible()
    assert not SavedView.objects.exists()


def test_an_empty_list_says_what_to_do(visit: Visit, propose: Any, ana: Any) -> None:
    propose()
    page = live(visit(ana, "/queue/?mine=1"))
    expect(page.locator(".list-empty")).to_contain_text("1 wait for your teams")
    page.locator(".list-empty .button").click()
    expect(page.locator("#rows .row")).to_have_count(1)
    page.locator("#q").fill("nothing of the kind")
    expect(page.locator(".list-empty")).to_contain_text("Nothing matches")
