"""The pages of executions while somebody reads them: drawn around who is at them, and gone through by key."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from execution.desk import attend
from execution.healing import breakers
from execution.models import Execution
from execution.running.run import run
from tests.browser.desk import eventually, live
from tests.browser.looks import check, shoot
from tests.execution.conftest import approved, run_to_rest, shop, step, workflow

__all__ = ["approved", "shop"]

Visit = Callable[..., Any]


@pytest.fixture
def stuck(approved: Any, shop: Any) -> Callable[[], Execution]:
    """Makes an execution that waits for a person: its one route gave no answer."""

    def one() -> Execution:
        shop.will("/refunds", "hang up")
        made: Execution = run_to_rest(approved(workflow(step(f"{shop.url}/refunds"))))
        return made

    return one


def row(page: Any, execution: Execution) -> Any:
    return page.locator(f"#execution-{execution.pk}")


def same_page(page: Any) -> Any:
    """The page, marked: a reload would lose the mark."""
    page.evaluate("window.isTheSame = true")
    return live(page)


def test_the_list_is_drawn_again_around_who_writes(
    visit: Visit, stuck: Any, approved: Any, shop: Any, olga: Any
) -> None:
    execution = stuck()
    page = same_page(visit(olga, "/executions/"))
    page.keyboard.press("j")
    page.keyboard.press("d")
    field = page.locator(f"#evidence-{execution.pk}")
    expect(field).to_be_focused()
    page.keyboard.type("djr 47")

    new = approved(workflow(step(f"{shop.url}/refunds")))
    row(page, new).wait_for()
    breakers.open_by_hand("POST http://x.example/", actor=olga.as_actor(), reason="It is ill.")
    page.get_by_role("link", name="1 route is let alone").wait_for()
    page.keyboard.type("11")
    expect(field).to_have_value("djr 4711")
    expect(field).to_be_focused()

    attend.cancel(execution, by=olga)
    row(page, execution).get_by_text("This changed meanwhile").wait_for()
    row(page, execution).locator(".status-cancelled").wait_for()
    expect(field).to_have_value("djr 4711")
    shoot(page, "list-news")
    check(page, "the list with news for who writes")
    page.get_by_role("button", name="Show it as it is now").click()
    expect(page.locator("#toasts")).to_contain_text("You had typed: “djr 4711”")
    expect(field).to_have_count(0)
    assert page.evaluate("isTheSame")


def test_what_leaves_the_view_leaves_the_list(visit: Visit, stuck: Any, olga: Any) -> None:
    first, second = stuck(), stuck()
    page = same_page(visit(olga, "/executions/?status=needs_attention"))
    tab = page.get_by_role("link", name="Needs attention")
    expect(tab).to_contain_text("2")
    row(page, second).locator(".cell-main").focus()

    attend.cancel(second, by=olga)

    row(page, second).wait_for(state="detached")
    expect(row(page, first).locator(".cell-main")).to_be_focused()
    expect(tab).to_contain_text("1")
    expect(page.locator("#announce")).to_contain_text("1 no longer here")
    attend.cancel(first, by=olga)
    page.get_by_role("heading", name="Nothing here").wait_for()
    assert page.evaluate("isTheSame")


def test_one_execution_tells_how_it_goes_on_and_keeps_what_is_unfolded(
    visit: Visit, approved: Any, shop: Any, olga: Any
) -> None:
    shop.will("/refunds", (503, {"why": "busy"}, {}), (503, {"why": "still busy"}, {}), 201)
    execution = approved(workflow(step(f"{shop.url}/refunds")), idempotent=True)
    run(execution.pk)
    page = same_page(visit(olga, f"/executions/{execution.pk}/"))
    page.get_by_text("What came back").click()
    page.get_by_text("Choose the route…").click()
    page.locator("form:has(select) input[name=reason]").fill("By post")

    run(execution.pk)

    expect(page.get_by_text("What came back")).to_have_count(2)
    expect(page.locator(".attempts pre").first).to_be_visible()
    expect(page.locator("form:has(select) input[name=reason]")).to_have_value("By post")
    page.get_by_text("Choose the route…").click()
    page.get_by_text("What came back").first.focus()
    assert run_to_rest(execution).status == "succeeded"
    page.locator("#head .status-succeeded").wait_for()
    expect(page.locator(".attempts pre").first).to_be_visible()
    expect(page.get_by_text("What came back").first).to_be_focused()
    page.get_by_text("Receipt", exact=True).wait_for()
    assert page.evaluate("isTheSame")


def test_breakers_are_drawn_again_around_who_writes(
    visit: Visit, approved: Any, shop: Any, olga: Any
) -> None:
    execution = approved(workflow(step(f"{shop.url}/refunds"), step(f"{shop.url}/mail", name="mail")))
    refunds, mail = f"POST {shop.url}/refunds", f"POST {shop.url}/mail"
    page = same_page(visit(olga, "/executions/breakers/"))
    cards = page.locator("#routes > li")
    cards.filter(has_text="/mail").get_by_text("Open it…").click()
    why = cards.filter(has_text="/mail").get_by_label("Why is it to be let alone?")
    why.fill("The mail")

    for _ in range(breakers.FAILURES):
        breakers.failed(refunds, "HTTP 503", proposal_id=execution.proposal_id)

    expect(cards.first).to_contain_text("open: nobody asks it")
    expect(cards.first).to_contain_text("/refunds")
    page.get_by_text("1 is let alone now").wait_for()
    expect(why).to_be_visible()
    expect(why).to_have_value("The mail")
    shoot(page, "breakers-news")
    check(page, "breakers with news")

    breakers.failed(mail, "HTTP 503", proposal_id=execution.proposal_id)
    breakers.close_by_hand(refunds, actor=olga.as_actor(), reason="It is back.")
    expect(page.get_by_text("is let alone now")).to_have_count(0)
    expect(why).to_have_value("The mail")
    page.get_by_role("button", name="Open the breaker").click()
    expect(cards.first).to_contain_text("It stays open until somebody closes it")


def test_a_lost_socket_costs_time_only(visit: Visit, stuck: Any, olga: Any) -> None:
    page = live(visit(olga, "/executions/"))
    expect(page.locator("#live-status")).to_have_text("Live")
    page.context.set_offline(True)
    expect(page.locator("#live-status")).to_have_text("Offline")
    execution = stuck()
    page.context.set_offline(False)
    row(page, execution).wait_for()


def test_the_list_is_gone_through_by_key(visit: Visit, stuck: Any, approved: Any, olga: Any) -> None:
    older, newer = stuck(), stuck()
    page = live(visit(olga, "/executions/"))
    press, focused = page.keyboard.press, page.locator(":focus")
    press("r")
    expect(page.locator("#announce")).to_contain_text("Choose an execution first")
    press("j")
    expect(row(page, newer).locator(".cell-main")).to_be_focused()
    press("j")
    expect(row(page, older).locator(".cell-main")).to_be_focused()
    shoot(page, "list-focus")
    press("j")
    expect(page.locator("#announce")).to_contain_text("End of the list")
    press("r")
    expect(row(page, older).locator("[data-do=retry]")).to_be_focused()  # the way to what nobody knows
    press("d")
    expect(row(page, older).locator("[name=evidence]")).to_be_focused()
    press("Escape")
    expect(row(page, older).locator("[data-do=done] summary")).to_be_focused()
    expect(row(page, older).locator("[name=evidence]")).to_be_hidden()
    press("c")
    expect(focused).to_have_attribute("id", f"cancel-{older.pk}")
    page.keyboard.type("jkud?")
    expect(focused).to_have_value("jkud?")
    press("Escape")

    press("?")
    check(page, "the keys")
    page.get_by_label("Single-key shortcuts").uncheck()
    eventually(lambda: type(olga).objects.get(pk=olga.pk).single_keys, False)
    press("Escape")
    press("k")
    expect(row(page, newer).locator(".cell-main")).not_to_be_focused()


def test_enter_opens_it_and_u_goes_back(visit: Visit, stuck: Any, olga: Any) -> None:
    execution = stuck()
    page = live(visit(olga, "/executions/"))
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/executions/{execution.pk}/")
    live(page)
    page.keyboard.press("d")
    expect(page.locator(f"#evidence-{execution.pk}")).to_be_focused()
    page.keyboard.press("Escape")
    page.keyboard.press("u")
    page.wait_for_url("**/executions/")
