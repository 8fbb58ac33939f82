"""What tests at a desk wait for before they go on, and what they read of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from playwright.sync_api import Error, expect

from suggestions.models import Proposal
from tests.browser.conftest import PATIENCE

GRACE = "version: 1\ndefaults: {verdict: review, team: operations, grace: 1h}\n"


def live(page: Any) -> Any:
    """The page, once it is told of changes."""
    page.locator("#banner[data-told]").wait_for(state="attached")
    return page


SETTLED = """id => !document.querySelector('#undo[aria-busy=true]') && document.querySelector(
    '#detail:not([data-settling], [data-fresh], .is-waiting)' + (id ? ` #proposal[data-id="${id}"]` : ''))"""


def settled(page: Any, proposal: Any = None) -> Any:
    """The desk, once a key or a click on what is open counts; with a proposal, once that one is open."""
    page.wait_for_function(SETTLED, arg=proposal and str(proposal.pk))  # looks at every frame
    return page


def kept(page: Any, proposal: Any) -> Any:
    """The page, once it has fetched this one ahead."""
    page.locator(f"#proposal-{proposal.pk}[data-kept]").wait_for(state="attached")
    return page


def outdate(page: Any, proposal: Any) -> None:
    """What was fetched ahead of this one holds no more. It may be fetched anew, unless answers are held."""
    page.locator(f"#proposal-{proposal.pk}").evaluate("row => row.dataset.contradicts = 'another'")


def drawn(page: Any) -> Any:
    """The page, once what was done to it is on the screen, and who watches for that was told."""
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    return page


@contextmanager
def slow(page: Any, pattern: str) -> Iterator[list[Any]]:
    """Answers to these addresses are held back until the end."""
    held: list[Any] = []
    page.route(pattern, lambda route: held.append(route))
    yield held
    page.unroute(pattern)
    for route in held:
        with suppress(Error):  # what was asked for after it made this one be called off
            route.continue_()


def asked_for(page: Any, held: list[Any]) -> Any:
    """What is held back of what htmx asked for, once it has: what is fetched ahead is not of it."""
    until = time.monotonic() + PATIENCE / 1000
    while not (by_htmx := [route for route in held if route.request.resource_type == "xhr"]):
        assert time.monotonic() < until, "Nothing was asked for."
        page.wait_for_timeout(10)  # which lets the browser tell of it
    return by_htmx[-1]


def opened(page: Any, proposal: Any) -> None:
    """This one is open, and a key or a click counts again."""
    settled(page, proposal)
    expect(page.locator(f'#proposal[data-id="{proposal.pk}"]')).to_be_visible()


def status_of(proposal: Any) -> str:
    return Proposal.objects.get(pk=proposal.pk).status


def eventually(question: Callable[[], Any], answer: Any, seconds: float = PATIENCE / 1000) -> None:
    until = time.monotonic() + seconds
    while question() != answer and time.monotonic() < until:
        time.sleep(0.02)
    assert question() == answer
