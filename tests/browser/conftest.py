"""A real server, a real browser: the product as somebody at a desk has it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.test import Client

from tests.approvals.conftest import policy

__all__ = ["policy"]

HERE = Path(__file__).parent
INSTALLED = ("chromium", "chromium-browser", "google-chrome")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
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
        env={**environment, "DATABASE_POOL": "1"},
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
    """Chromium as it is installed, else Playwright's own. Without one: skipped, in CI a failure."""
    from playwright.sync_api import Error, sync_playwright

    # Playwright's loop runs in this thread, beside everything the tests ask of the database.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    playwright = sync_playwright().start()
    installed = next(filter(None, map(shutil.which, INSTALLED)), None)
    try:
        browser = playwright.chromium.launch(executable_path=installed, args=FLAGS)
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
        context.on("request", self._request)
        context.on("console", self._console)
        context.on("weberror", lambda error: self.troubles.append(f"error: {error.error}"))
        context.on("dialog", self._dialog)

    def check(self) -> None:
        assert [t for t in self.troubles if not any(e in t for e in self.expected)] == []

    def _request(self, request: Any) -> None:
        parts = urlsplit(request.url)
        if parts.scheme not in ("data", "blob") and f"{parts.scheme}://{parts.netloc}" != self.site:
            self.troubles.append(f"request to {request.url}")

    def _console(self, message: Any) -> None:
        if message.type == "error":
            self.troubles.append(f"console: {message.text}")

    def _dialog(self, dialog: Any) -> None:
        self.troubles.append(f"dialog: {dialog.message}")
        dialog.dismiss()


@pytest.fixture
def watch(site: str) -> Iterator[Watch]:
    """No page of any test may run foreign script, ask another origin, or break its own policy."""
    watch = Watch(site)
    yield watch
    watch.check()


@pytest.fixture
def visit(chromium: Any, site: str, watch: Watch) -> Iterator[Callable[..., Any]]:
    """`visit(ana, "/queue/", width=390)` opens a page as this person, signed in; None is nobody."""
    contexts: list[Any] = []

    def open_page(
        user: Any, path: str = "/queue/", *, width: int = 1440, theme: str = "light", **more: Any
    ) -> Any:
        context = chromium.new_context(
            viewport={"width": width, "height": WIDTHS[width]},
            color_scheme=theme,
            base_url=site,
            reduced_motion="reduce",
            **more,
        )
        contexts.append(context)
        watch.over(context)
        if user:
            context.add_cookies([_session_of(user, site)])
        page = context.new_page()
        page.set_default_timeout(8_000)
        page.goto(path)
        return page

    yield open_page
    for context in contexts:
        context.close()


def _session_of(user: Any, site: str) -> dict[str, str]:
    client = Client()
    client.force_login(user)
    name = settings.SESSION_COOKIE_NAME
    return {"name": name, "value": client.cookies[name].value, "url": site}


def live(page: Any) -> Any:
    """The page, once it is told of changes."""
    page.locator("#live-status[data-state=live]").wait_for()
    return page
