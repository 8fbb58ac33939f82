"""A real server, a real browser: the product as somebody at a desk has it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.test import Client

from tests.approvals.conftest import policy
from tests.ground import chromium as launch

__all__ = ["policy"]

pytest.register_assert_rewrite("tests.browser.desk", "tests.browser.looks")  # so that they say what differs

HERE = Path(__file__).parent
PATIENCE = 25_000  # ms; what takes so long is not slow but broken, on any machine
WIDTHS = {390: 844, 768: 1024, 1440: 900}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.django_db(transaction=True))


# --- The server -----------------------------------------------------------------------------------


@pytest.fixture(scope="package")
def site(django_db_setup: None) -> Iterator[str]:
    """The address of the whole application under its own server, on the tests' database."""
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    environment = {**os.environ, "PUBLIC_URL": address, "DJANGO_SETTINGS_MODULE": "tests.settings"}
    command = [sys.executable, "-m", "granian", "--interface", "asginl", "--no-access-log", "--workers", "1"]
    server = subprocess.Popen(
        [*command, "--host", "127.0.0.1", "--port", str(port), "reviewapp.asgi:application"],
        cwd=settings.BASE_DIR,
        env={**environment, "DATABASE_MAX_AGE": "600"},
    )
    try:
        _wait_for(f"{address}/healthz", server)
        yield address
    finally:
        server.terminate()
        server.wait(timeout=15)


def _wait_for(address: str, server: subprocess.Popen[bytes]) -> None:
    for _ in range(200):
        assert server.poll() is None, "The server ended while it was starting."
        try:
            with urllib.request.urlopen(address, timeout=1):
                return
        except OSError:
            time.sleep(0.1)
    raise AssertionError(f"{address} does not answer.")


# --- The browser ----------------------------------------------------------------------------------


@pytest.fixture(scope="package")
def chromium() -> Iterator[Any]:
    """The browser of all tests. Without one: skipped, in CI a failure."""
    from playwright.sync_api import Error, expect, sync_playwright

    expect.set_options(timeout=PATIENCE)
    # Playwright's loop runs in this thread, beside everything the tests ask of the database.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    playwright = sync_playwright().start()
    try:
        browser = launch(playwright)
    except Error as error:
        playwright.stop()
        _no_browser(str(error).partition("\n")[0])
    yield browser
    browser.close()
    playwright.stop()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


def _no_browser(why: str) -> None:
    message = f"NO BROWSER: the browser tests did not run. Install Chromium or Google Chrome. ({why})"
    if os.environ.get("CI") == "true":
        pytest.fail(message)
    pytest.skip(message)


class Watch:
    """What must never happen on a page, noted while it is open."""

    def __init__(self, site: str) -> None:
        self.site = site
        self.troubles: list[str] = []
        self.expected: list[str] = []  # parts of messages that a test means to provoke

    def over(self, context: Any) -> None:
        for event, noted in self._heard().items():
            context.on(event, noted)

    def leave(self, context: Any) -> None:
        for event, noted in self._heard().items():
            context.remove_listener(event, noted)

    def _heard(self) -> dict[str, Callable[[Any], None]]:
        return {
            "request": self._request,
            "console": self._console,
            "weberror": self._error,
            "dialog": self._dialog,
        }

    def check(self) -> None:
        assert [t for t in self.troubles if not any(e in t for e in self.expected)] == []

    def _request(self, request: Any) -> None:
        parts = urlsplit(request.url)
        if parts.scheme not in ("data", "blob") and f"{parts.scheme}://{parts.netloc}" != self.site:
            self.troubles.append(f"request to {request.url}")

    def _console(self, message: Any) -> None:
        if message.type == "error":
            self.troubles.append(f"console: {message.text}")

    def _error(self, error: Any) -> None:
        self.troubles.append(f"error: {error.error}")

    def _dialog(self, dialog: Any) -> None:
        self.troubles.append(f"dialog: {dialog.message}")
        dialog.dismiss()


@pytest.fixture
def watch(site: str) -> Iterator[Watch]:
    """No page of any test may run foreign script, ask another origin, or break its own policy."""
    watch = Watch(site)
    yield watch
    watch.check()


class Profile:
    """A browser's profile, for one person in one test at a time.

    What a test leaves in it is gone when the next one takes it, except for the product's own scripts and
    styles: to fetch and compile them anew takes longer than most tests. One page stays open, for with its
    last page a profile forgets them. A profile without scripts has nothing to keep and is closed whole:
    there every click is a navigation, and Chromium can fail to close a single page in the middle of one.
    """

    def __init__(self, chromium: Any, site: str, *, width: int, theme: str, **more: Any) -> None:
        self.site = site
        self.keeps_scripts = more.get("java_script_enabled", True)
        self.context = chromium.new_context(
            viewport={"width": width, "height": WIDTHS[width]},
            color_scheme=theme,
            base_url=site,
            reduced_motion="reduce",
            **more,
        )
        self.stays = self.context.new_page()

    def clear(self) -> None:
        self.context.set_offline(False)
        self.context.unroute_all()
        for page in self.context.pages:
            if page != self.stays:
                page.close()
        session = self.context.new_cdp_session(self.stays)
        session.send("Storage.clearDataForOrigin", {"origin": self.site, "storageTypes": "all"})
        session.detach()
        self.context.clear_cookies()


@pytest.fixture(scope="package")
def resting(chromium: Any) -> dict[str, list[Profile]]:
    """Profiles that no test uses now, by what they were made with."""
    return defaultdict(list)


@pytest.fixture
def visit(
    chromium: Any, site: str, watch: Watch, resting: dict[str, list[Profile]]
) -> Iterator[Callable[..., Any]]:
    """`visit(ana, "/queue/", width=390)` opens a page as this person, signed in; None is nobody."""
    taken: list[tuple[str, Profile]] = []

    def open_page(
        user: Any, path: str = "/queue/", *, width: int = 1440, theme: str = "light", **more: Any
    ) -> Any:
        how = {"width": width, "theme": theme, **more}
        kind = repr(how)
        profile = resting[kind].pop() if resting[kind] else Profile(chromium, site, **how)
        taken.append((kind, profile))
        watch.over(profile.context)
        if user:
            profile.context.add_cookies([_session_of(user, site)])
        page = profile.context.new_page()
        page.set_default_timeout(PATIENCE)
        page.goto(path)
        return page

    yield open_page
    for kind, profile in taken:
        if not profile.keeps_scripts:
            profile.context.close()
            continue
        profile.clear()
        watch.leave(profile.context)
        resting[kind].append(profile)


def _session_of(user: Any, site: str) -> dict[str, str]:
    client = Client()
    client.force_login(user)
    name = settings.SESSION_COOKIE_NAME
    return {"name": name, "value": client.cookies[name].value, "url": site}
