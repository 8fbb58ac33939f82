"""Notices in real browsers: the bell, what a browser shows by itself, and the settings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db import transaction
from django.utils import timezone

from approvals.models import Here, Notice, Target
from approvals.models.kinds import Kind
from approvals.telling.owe import owe
from tests.browser.desk import eventually, live
from tests.browser.looks import check

Visit = Callable[..., Any]
# A page in the background, in a browser that was allowed to show notices and notes what it shows.
IN_THE_BACKGROUND = """
  Object.defineProperty(document, "hidden", { get: () => true });
  window.shown = [];
  window.Notification = class extends EventTarget {
    static permission = "granted";
    constructor(title, options) { super(); window.shown.push(`${title}: ${options.body}`); }
  };
"""


def owed(kind: Kind, proposal: Any, *people: Any, occasion: str = "") -> None:
    with transaction.atomic():
        owe(kind, proposal, people, occasion=occasion)


def number(page: Any) -> Any:
    return page.locator("#bell-count:not([hidden]) [data-bell-number]")


def test_the_bell_rings_on_every_page_and_is_silent_once_all_is_read(
    visit: Visit, proposal: Any, ana: Any
) -> None:
    desk, elsewhere = live(visit(ana)), live(visit(ana, "/executions/"))
    owed(Kind.ASSIGNED, proposal, ana)
    for page in (desk, elsewhere):
        number(page).wait_for()
        assert number(page).inner_text() == "1"

    elsewhere.locator("#bell").focus()
    elsewhere.keyboard.press("Enter")
    elsewhere.get_by_role("link", name="A proposal for Operations was assigned to you").click()
    elsewhere.wait_for_url(f"**/queue/{proposal.pk}/")
    assert number(elsewhere).count() == 0


def test_a_page_in_the_background_lets_the_browser_show_one_line(
    visit: Visit, propose: Any, ana: Any
) -> None:
    first, second = propose(), propose()
    page = visit(ana, "/executions/")
    eventually(Here.objects.count, 1)  # it is in the foreground
    page.add_init_script(IN_THE_BACKGROUND)
    page.reload()
    live(page)
    Here.objects.all().delete()
    owed(Kind.ASSIGNED, first, ana)
    number(page).wait_for()
    owed(Kind.ASSIGNED, second, ana)
    page.locator("[data-bell-number]", has_text="2").wait_for()

    shown = page.evaluate("window.shown")
    assert shown == ["reviewapp: A proposal for Operations was assigned to you, medium risk"]


def test_wishes_are_saved_without_a_script(visit: Visit, ana: Any) -> None:
    page = visit(ana, "/queue/notices/settings/", java_script_enabled=False)
    page.get_by_role("combobox", name="New, of low or medium risk To my addresses").select_option("at_once")
    page.get_by_label("Critical risk and incidents may break my quiet hours").check()
    page.get_by_role("button", name="Save how I am told").click()

    assert "Saved" in page.locator("#toasts").inner_text()
    assert ana.notice_wishes.topics["new_calm"]["outside"] == "at_once"
    assert ana.notice_wishes.critical_breaks_quiet


def test_the_list_of_notices_looks_well(visit: Visit, propose: Any, ana: Any) -> None:
    check(visit(ana, "/queue/notices/"), "no notices")
    for number, kind in enumerate([*Kind] * 2):
        owed(kind, propose(), ana, occasion=str(number))
    Notice.objects.filter(kind__in=["new", "undone"]).update(read_at=timezone.now())
    check(visit(ana, "/queue/notices/"), "notices")


def test_the_settings_look_well(visit: Visit, watch: Any, ana: Any) -> None:
    watch.expected = ["422"]
    for state in ({}, {"failures": 2, "last_error": "It answered 403."}, {"disabled_at": timezone.now()}):
        Target.objects.create(user=ana, name="W" * 60, service="Webhook", shown="w" * 80, sealed=b"", **state)
    page = visit(ana, "/queue/notices/settings/")
    check(page, "how one is told")
    page.get_by_label("E-mail, webhook or service").fill("nowhere://x")
    page.get_by_role("button", name="Add this address").click()
    check(page, "an address that was refused")
