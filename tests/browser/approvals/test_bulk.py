"""Several at once, by mouse and by keyboard; history and the first-run page in a browser."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from approvals.deciding import decide
from approvals.models import Decision
from suggestions.models import Proposal
from tests.approvals.bulk.test_bulk import refund
from tests.browser.desk import live
from tests.browser.looks import check
from tests.conftest import actor_of

Visit = Callable[..., Any]


@pytest.fixture
def five(propose: Any, policy: Any, ana: Any) -> list[Any]:
    policy("version: 1\ndefaults: {verdict: review, team: operations, grace: 5m}\n")
    return [refund(propose, n, 40 + n) for n in range(5)]


def boxes(page: Any) -> Any:
    return page.locator("#rows .row-select input")


def test_five_are_selected_with_shift_approved_and_undone(visit: Visit, five: list[Any], ana: Any) -> None:
    page = live(visit(ana))
    tops = "rows => rows.map(row => row.getBoundingClientRect().top)"
    before = page.locator("#rows .row").evaluate_all(tops)

    boxes(page).first.click()
    boxes(page).last.click(modifiers=["Shift"])
    expect(page.locator("[data-selected]")).to_have_text("5 selected")
    assert page.locator("#rows .row").evaluate_all(tops) == before  # nothing moved under the pointer
    page.get_by_role("button", name="Decide together").click()
    page.locator("#line-" + str(five[0].pk)).get_by_role("button", name="Leave out").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("4 refunds, 170 in total")
    page.locator("#bulk-approve summary").click()
    page.locator("#bulk-approve").get_by_role("button", name="Approve 4 refunds, 170 in total").dblclick()

    expect(page.locator(".batch-head")).to_contain_text("4 approved.")
    assert Decision.objects.filter(verdict="approve").count() == 4
    page.get_by_role("button", name="Undo all 4").click()
    expect(page.locator(".batch-head")).to_contain_text("4 undone.")
    assert Proposal.objects.filter(status="pending").count() == 5


def test_a_selection_outlives_what_changes_and_forgets_what_was_decided(
    visit: Visit, five: list[Any], propose: Any, ana: Any, ben: Any
) -> None:
    page = live(visit(ana))
    for n in range(3):
        boxes(page).nth(n).check()
    chosen = boxes(page).first.input_value()

    decide.reject(chosen, reviewer=ben, actor=actor_of(ben), reason="no")

    expect(page.locator(f"#proposal-{chosen}")).to_have_attribute("data-status", "rejected")
    expect(page.locator("[data-selected]")).to_have_text("2 selected")
    refund(propose, 9)
    expect(page.locator("#rows .row")).to_have_count(6)
    expect(page.locator("[data-selected]")).to_have_text("2 selected")


def test_by_keyboard_alone(visit: Visit, five: list[Any], ana: Any) -> None:
    page = live(visit(ana))
    for one in boxes(page).all()[:2]:
        page.keyboard.press("j")
        expect(page.locator(f'#proposal[data-id="{one.input_value()}"]')).to_be_visible()
        page.keyboard.press("x")
    expect(page.locator("[data-selected]")).to_have_text("2 selected")
    page.locator(".select-bar .button-primary").focus()
    page.keyboard.press("Enter")
    page.locator("#bulk-reject summary").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#reject-reason")).to_be_focused()
    page.keyboard.type("No evidence")
    page.keyboard.press("Control+Enter")

    expect(page.locator(".batch-head")).to_contain_text("2 rejected.")
    assert set(Decision.objects.values_list("verdict", "reason")) == {("reject", "No evidence")}
    assert all(seconds is not None for seconds in Decision.objects.values_list("looked_seconds", flat=True))


def test_without_a_script_it_works_too(visit: Visit, five: list[Any], ana: Any) -> None:
    page = visit(ana, "/queue/", java_script_enabled=False)
    boxes(page).nth(0).check()
    boxes(page).nth(1).check()
    page.get_by_role("button", name="Decide together").click()
    page.locator("#bulk-return summary").click()
    page.locator("#return-reason").fill("Add the order")
    page.locator("#bulk-return [type=submit]").click()

    expect(page.locator(".batch-head")).to_contain_text("2 returned.")


def test_who_only_reads_selects_nothing(visit: Visit, five: list[Any], dora: Any) -> None:
    page = live(visit(dora))
    expect(boxes(page).first).to_be_hidden()


def test_the_table_its_confirmation_and_what_became_of_it(visit: Visit, five: list[Any], ana: Any) -> None:
    page = visit(ana, f"/queue/bulk/?like={five[0].pk}")
    check(page, "table of several")
    page.locator("#bulk-approve summary").click()
    check(page, "confirmation of several")
    page.locator("#bulk-approve [type=submit]").click()
    page.locator(".batch-head").wait_for()
    check(page, "what became of several")


def test_the_selection(visit: Visit, five: list[Any], ana: Any) -> None:
    page = live(visit(ana))
    boxes(page).first.check()
    check(page, "queue with a selection")


def test_the_history(visit: Visit, five: list[Any], ana: Any) -> None:
    decide.reject(five[0].pk, reviewer=ana, actor=actor_of(ana), reason="no")
    check(visit(ana, "/queue/history/"), "history")
    check(visit(ana, "/queue/history/?outcome=expired"), "history without a row")


def test_the_first_run_page_and_its_one_button(visit: Visit, ana: Any, olga: Any, ben: Any) -> None:
    desk = live(visit(ben))
    page = visit(ana, "/queue/first/")
    check(page, "first-run page")
    page.get_by_role("button", name="Send a sample proposal").click()

    expect(page.locator("#proposal-title")).to_contain_text("Pin “Welcome to the desk (1)” to the board")
    expect(page.locator(".says-title")).to_contain_text("A sample to try the desk with")
    expect(desk.locator("#rows .row")).to_have_count(1)  # live, at somebody else's desk


def test_todays_figure_follows_a_decision(visit: Visit, five: list[Any], ana: Any) -> None:
    page = live(visit(ana, f"/queue/{five[0].pk}/"))
    expect(page.locator("#today")).to_have_text("0 decided today")
    page.keyboard.press("a")
    expect(page.locator("#today")).to_have_text("1 decided today")
