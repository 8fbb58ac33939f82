"""Who was signed out, or may no longer look, is out: a real browser's socket under the real server."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.sessions.models import Session

from tests.browser.desk import live

WITHIN = 5.0  # seconds, from what happened to the socket's end
# What a page may ask for before its socket ends: told by the browser, and by htmx.
POLLED = ["401 (Unauthorized)", "403 (Forbidden)", "Error Code 401", "Error Code 403"]


def sign_out(user: Any) -> None:
    Session.objects.all().delete()


def leave(user: Any) -> None:
    user.is_active = False
    user.save()


def change_password(user: Any) -> None:
    user.set_password("another-long-password")
    user.save()


def lose_role(user: Any) -> None:
    user.groups.clear()


def seconds_until_closed(page: Any, happens: Callable[[], Any], path: str = "/queue/") -> float:
    """How long the socket of another page of this person lives on."""
    page = page.context.new_page()  # whose socket is heard of from its beginning
    with page.expect_event("websocket") as opened:
        page.goto(path)
    socket = opened.value
    live(page)
    with socket.expect_event("close", timeout=60_000):
        happens()
        since = time.monotonic()
    return time.monotonic() - since


@pytest.mark.parametrize("hint", [True, False], ids=["told", "hint lost"])
@pytest.mark.parametrize("happens", [sign_out, leave, change_password, lose_role])
def test_who_may_no_longer_look_is_out_within_five_seconds(
    visit: Any, watch: Any, ana: Any, monkeypatch: pytest.MonkeyPatch, happens: Any, hint: bool
) -> None:
    if not hint:
        monkeypatch.setattr("reviewapp.accounts.leaving.announce_access", lambda: None)
    watch.expected += POLLED
    assert seconds_until_closed(visit(ana, "/accounts/tokens/"), lambda: happens(ana)) < WITHIN


@pytest.mark.parametrize("happens", [sign_out, leave, change_password])
def test_any_other_page_is_closed_too(visit: Any, watch: Any, ana: Any, happens: Any) -> None:
    watch.expected += POLLED
    page = visit(ana, "/accounts/tokens/")
    assert seconds_until_closed(page, lambda: happens(ana), "/figures/") < WITHIN


def test_signing_out_in_one_tab_closes_the_others(visit: Any, watch: Any, ana: Any) -> None:
    watch.expected += POLLED
    page = visit(ana, "/accounts/tokens/")

    def click() -> None:
        other = page.context.new_page()
        other.goto("/accounts/logout/")
        with other.expect_navigation():
            other.locator("main button[type=submit]").click()

    assert seconds_until_closed(page, click) < WITHIN
