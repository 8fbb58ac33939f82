"""Editing a suggestion, in a real browser: by mouse, by keyboard, on a phone, with others at work."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from approvals.deciding import decide
from approvals.models import Decision
from audit.ground.actors import SYSTEM
from governance.actions.action_types import register
from tests.browser.conftest import Watch
from tests.browser.desk import drawn, eventually, live, status_of
from tests.browser.looks import check
from tests.conftest import actor_of

Visit = Callable[..., Any]

BOOKING = {
    "name": "change_booking",
    "schema": {
        "type": "object",
        "properties": {
            "booking": {"type": "string", "title": "Booking", "description": "As printed on the ticket."},
            "amount": {"type": "number", "exclusiveMinimum": 0, "maximum": 5000, "title": "Amount"},
            "bags": {"type": "integer", "minimum": 0, "maximum": 5, "title": "Bags"},
            "cabin": {
                "title": "Cabin",
                "oneOf": [{"const": "eco", "title": "Economy"}, {"const": "biz", "title": "Business"}],
            },
            "insured": {"type": "boolean", "title": "With insurance"},
            "day": {"type": "string", "format": "date", "title": "Day"},
            "until": {"type": "string", "format": "date-time", "title": "Hold until"},
            "mail": {"type": "string", "format": "email", "title": "Mail", "x-sensitive": True},
            "note": {"type": ["string", "null"], "title": "Note"},
            "passengers": {
                "type": "array",
                "title": "Passengers",
                "minItems": 1,
                "items": {
                    "type": "object",
                    "properties": {
                        "name": {"type": "string", "title": "Name"},
                        "age": {"type": "integer", "title": "Age"},
                    },
                    "required": ["name"],
                },
            },
        },
        "required": ["booking", "amount", "passengers"],
    },
    "annotations": {"destructiveHint": False, "idempotentHint": True, "openWorldHint": False},
    "reversibility": "reversible",
    "template": "Change booking {booking} for {amount}",
}
ARGUMENTS = {
    "booking": "HAT\u202e156",
    "amount": 842.1,
    "bags": 2,
    "cabin": "eco",
    "insured": True,
    "day": "2026-12-24",
    "until": "2026-11-24T12:00:00Z",
    "mail": "yusuf@example.com",
    "note": "Two lines\r\nwith Windows' ends",
    "passengers": [{"name": "Yusuf Rossi", "age": 41}, {"name": "Mei Davis"}],
    "seat_map": {"row": [12, "14C"]},
}
LARGE = """
version: 1
defaults: {verdict: review, team: operations}
rules:
  - name: large
    when: args.amount > 1000.0
    then: {verdict: review, approvals: 2, four_eyes: false, reason: "Above 1000"}
"""


@pytest.fixture
def booking(propose: Callable[..., Any]) -> Any:
    register(BOOKING, actor=SYSTEM)
    return propose(suggestions=[{"rank": 1, "action": "change_booking", "arguments": ARGUMENTS}])


def field(page: Any, label: str) -> Any:
    return page.locator("#edit").get_by_label(label, exact=True)


def press(page: Any, name: str) -> None:
    with page.expect_response(lambda answer: "/edit/" in answer.url):
        page.locator("#edit").get_by_role("button", name=name, exact=True).first.click()
    expect(page.locator("#edit[inert]")).to_have_count(0)


def checked(page: Any) -> Any:
    page.locator(".edit-check").click()
    page.locator("[data-answer]").wait_for()
    return page


def approve(page: Any) -> None:
    page.locator("[data-approve]").click()


def test_every_kind_of_field(visit: Visit, booking: Any, ana: Any) -> None:
    page = live(visit(ana, f"/queue/{booking.pk}/edit/"))

    field(page, "Amount").fill("900.50")
    field(page, "Bags").fill("3")
    field(page, "Cabin").select_option(label="Business (biz)")
    page.get_by_role("group", name="With insurance").get_by_label("No").check()
    field(page, "Day").fill("2026-12-26")
    field(page, "Hold until").fill("2026-11-25T08:30")
    field(page, "Note").fill("Three\nlines\nnow")
    press(page, "Remove hidden characters from Booking")
    expect(field(page, "Booking")).to_have_value("HAT156")
    press(page, "Leave out Mail")
    press(page, "Add an item to Passengers")
    field(page, "Name").nth(2).fill("Ana Kim")
    press(page, "Move item 3 up")
    expect(field(page, "Name").nth(1)).to_have_value("Ana Kim")
    press(page, "Remove item 1")
    expect(field(page, "Name")).to_have_count(2)
    checked(page)
    check(page, "an edit that was checked")
    page.set_viewport_size({"width": 1440, "height": 900})
    approve(page)

    eventually(lambda: status_of(booking), "approved")
    expected = {
        **ARGUMENTS,
        "booking": "HAT156",
        "amount": 900.5,
        "bags": 3,
        "cabin": "biz",
        "insured": False,
        "day": "2026-12-26",
        "until": "2026-11-25T08:30:00Z",
        "note": "Three\r\nlines\r\nnow",
        "passengers": [{"name": "Ana Kim"}, {"name": "Mei Davis"}],
    }
    del expected["mail"]
    assert Decision.objects.get().arguments == expected


def test_by_keyboard_alone_and_one_press_is_one_decision(visit: Visit, propose: Any, ana: Any) -> None:
    first, second = propose(), propose()
    page = live(visit(ana, f"/queue/{first.pk}/"))
    page.keyboard.press("e")
    page.locator("#edit").wait_for()
    live(page)

    field(page, "Amount").focus()
    page.keyboard.press("Control+a")
    page.keyboard.type("40")
    page.keyboard.press("Enter")
    expect(page.locator("#edit-answer-title")).to_be_focused()
    assert status_of(first) == "pending"
    page.locator("[data-approve]").focus()
    for _ in range(4):
        page.keyboard.press("Enter")

    eventually(lambda: status_of(first), "approved")
    page.locator(f"#proposal[data-id='{second.pk}']").wait_for()
    expect(page.locator("#detail h1")).to_be_focused()
    assert Decision.objects.count() == 1
    assert status_of(second) == "pending"


def test_what_is_wrong_is_said_at_its_field(visit: Visit, watch: Watch, booking: Any, ana: Any) -> None:
    watch.expected.append("422")
    page = live(visit(ana, f"/queue/{booking.pk}/edit/"))

    field(page, "Amount").fill("6000")
    page.locator(".edit-check").click()
    assert "at most 5000" in field(page, "Amount").evaluate("input => input.validationMessage")
    page.evaluate("document.querySelector('#edit').noValidate = true")  # as if the browser had not looked
    page.locator(".edit-check").click()

    expect(page.locator(".edit-wrong")).to_be_focused()
    page.locator(".edit-wrong a").click()
    expect(field(page, "Amount")).to_be_focused()
    expect(field(page, "Amount")).to_have_value("6000")
    expect(field(page, "Amount")).to_have_attribute("aria-invalid", "true")


def test_as_json_and_back(visit: Visit, booking: Any, ana: Any) -> None:
    page = live(visit(ana, f"/queue/{booking.pk}/edit/"))
    field(page, "Bags").fill("4")
    press(page, "Edit as JSON")
    text = page.get_by_label("The arguments as JSON")
    assert '"bags": 4' in text.input_value()
    assert "HAT\\u202e156" in text.input_value()

    text.fill(text.input_value().replace('"bags": 4', '"bags": 5'))
    press(page, "Edit in the form")
    expect(field(page, "Bags")).to_have_value("5")
    checked(page)

    expect(page.locator(".changes > li")).to_have_count(1)


def test_an_edit_that_asks_for_more_waits_for_a_second_person(
    visit: Visit, policy: Any, booking: Any, ana: Any, ben: Any
) -> None:
    policy(LARGE)
    page = live(visit(ana, f"/queue/{booking.pk}/edit/"))
    field(page, "Amount").fill("1200")
    checked(page)
    expect(page.get_by_text("It needs 2 approvals instead of 1.")).to_be_visible()
    approve(page)
    eventually(lambda: Decision.objects.count(), 1)
    assert status_of(booking) == "pending"

    other = live(visit(ben, f"/queue/{booking.pk}/"))
    other.keyboard.press("2")
    expect(other.locator(".version")).to_contain_text("1200")
    for _ in range(20):  # first to the end of its table, which was not on the screen; then it counts
        if not other.locator(".button-approve.is-unseen:visible").count():
            break
        other.keyboard.press("a")
        drawn(other)
    other.keyboard.press("a")
    eventually(lambda: status_of(booking), "approved")
    assert {d.arguments["amount"] for d in Decision.objects.all()} == {1200}


def test_nobody_redraws_what_is_being_typed(
    visit: Visit, watch: Watch, booking: Any, ana: Any, ben: Any
) -> None:
    watch.expected.append("409")
    page = live(visit(ana, f"/queue/{booking.pk}/edit/"))
    field(page, "Amount").fill("77")
    checked(page)
    decide.reject(booking.pk, reviewer=ben, actor=actor_of(ben), reason="no")

    expect(page.locator("#decision")).to_have_attribute("inert", "")
    expect(field(page, "Amount")).to_have_value("77")
    expect(page.locator(".toast")).to_contain_text("Ben")
    assert Decision.objects.get().reviewer == ben


def test_leaving_asks_only_where_something_was_typed(
    visit: Visit, booking: Any, propose: Any, ana: Any
) -> None:
    other = propose()
    page = live(visit(ana, f"/queue/{booking.pk}/edit/"))
    field(page, "Amount").fill("77")
    row = page.locator(f"#proposal-{other.pk} .row-link")

    row.click()
    page.get_by_role("button", name="Keep editing").click()
    expect(field(page, "Amount")).to_have_value("77")
    row.click()
    page.get_by_role("button", name="Leave without it").click()
    page.locator(f"#proposal[data-id='{other.pk}']").wait_for()


@pytest.mark.parametrize("scripts", [True, False])
def test_on_a_phone_and_without_scripts(visit: Visit, booking: Any, ana: Any, scripts: bool) -> None:
    page = visit(ana, f"/queue/{booking.pk}/edit/", width=390, java_script_enabled=scripts, has_touch=scripts)

    field(page, "Amount").fill("12.5")
    page.get_by_role("button", name="Add an item to Passengers").click()
    field(page, "Name").nth(2).fill("Ana Kim")
    page.locator(".edit-check").click()
    page.locator("[data-answer]").wait_for()
    expect(page.locator(".changes")).to_contain_text("12.5")
    approve(page)

    page.wait_for_url("**/queue/")
    eventually(lambda: status_of(booking), "approved")
    assert Decision.objects.get().arguments["passengers"][2] == {"name": "Ana Kim"}
