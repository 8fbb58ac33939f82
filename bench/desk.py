"""(q) From a key to the next item on the screen of a real browser."""

from __future__ import annotations

import contextlib
import statistics
import sys
from collections.abc import Iterator
from typing import Any

from bench.figures import Figure
from bench.filling import fill, first
from bench.scale import Scale
from bench.stage import Stage
from tests.ground import chromium

SIZES = (1_000, 100_000)
SMALL = (9,)
DELAY = 200  # milliseconds that every answer of a server far away takes longer
MOST = {True: 100, False: 400}  # milliseconds: fetched ahead, or not

# From the key's own moment to after the frame that shows another proposal.
_STOPWATCH = """
let began = 0, before = null;
window.took = [];
addEventListener("keydown", ({ timeStamp }) => {
  began = timeStamp;
  before = document.querySelector("#proposal")?.dataset.id;
}, true);
document.addEventListener("htmx:afterSwap", ({ detail }) => {
  const now = document.querySelector("#proposal")?.dataset.id;
  if (detail.target.id !== "detail" || !began || now === before) return;
  const from = began;
  began = 0;
  requestAnimationFrame(() => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => window.took.push(performance.now() - from);
    port2.postMessage(null);
  });
});
"""
_CALM = """took => window.took.length >= took && !document.querySelector("#undo[aria-busy=true]")
    && document.querySelector("#detail:not([data-settling], [data-fresh], .is-waiting) #proposal")
    && document.querySelector(".row:has([aria-current]) ~ .row[data-kept]")"""
# All have counted too: what is still on its way would be taken off the next page while it is open there.
_DONE = "took => window.took.length === took && !document.querySelector('#undo[aria-busy=true]')"
# What was fetched ahead is out of date in this very moment.
_OUTDATED = """() => document.querySelectorAll('[data-kept]')
    .forEach(row => row.dataset.contradicts = `another ${performance.now()}`)"""
_OPEN = "() => document.querySelector('#rows .row-link').click()"


def measure(stage: Stage, *, scale: Scale) -> list[Figure]:
    cookie = stage.session()  # before there is a browser, whose loop the ORM would refuse to work beside
    first(stage)
    figures: list[Figure] = []
    times = scale.of(40, 12, 2)
    for size in scale.of(SIZES, SIZES[:1], SMALL):
        with stage.process("web") as web:
            fill(stage, size)
            with _browser() as browser:
                if browser is None:
                    return _missing()
                for delay in scale.of((0, DELAY), (0, DELAY), (0,)):
                    desk = _Desk(browser, web.port, cookie, delay)
                    figures += [
                        _figure(size, delay, desk.press(times, ahead=ahead), ahead=ahead)
                        for ahead in (True, False)
                    ]
                    desk.close()
    return figures


def _missing() -> list[Figure]:
    print("(q) not measured: there is no Chromium", file=sys.stderr)
    return []


@contextlib.contextmanager
def _browser() -> Iterator[Any]:
    """Chromium; None where there is none."""
    from playwright.sync_api import Error, sync_playwright

    with sync_playwright() as playwright:
        try:
            browser = chromium(playwright)
        except Error:
            yield None
            return
        yield browser
        browser.close()


class _Desk:
    """An open desk, as somebody has it who decides one proposal after the other by keyboard."""

    def __init__(self, browser: Any, port: int, cookie: str, delay: int) -> None:
        address = f"http://localhost:{port}"
        name, value = cookie.split("=", 1)
        self.context = browser.new_context(base_url=address, viewport={"width": 1440, "height": 900})
        self.context.add_cookies([{"name": name, "value": value, "url": address}])
        self.page = self.context.new_page()
        self.page.add_init_script(_STOPWATCH)
        wire = self.context.new_cdp_session(self.page)
        wire.send("Network.enable")
        far = {"offline": False, "latency": delay, "downloadThroughput": -1, "uploadThroughput": -1}
        wire.send("Network.emulateNetworkConditions", far)

    def press(self, times: int, *, ahead: bool) -> list[float]:
        """Milliseconds until the next item is on the screen, for so many approvals from the top on."""
        self.page.goto("/queue/")
        self.page.evaluate(_OPEN)
        for number in range(times):
            self.page.wait_for_function(_CALM, arg=number)
            if not ahead:
                self.page.evaluate(_OUTDATED)
            self.page.keyboard.press("a")
        self.page.wait_for_function(_DONE, arg=times)
        return list(self.page.evaluate("() => window.took"))

    def close(self) -> None:
        self.context.close()


def _figure(size: int, delay: int, took: list[float], *, ahead: bool) -> Figure:
    p95 = statistics.quantiles(took, n=20, method="inclusive")[18]
    far = f", {delay} ms away" if delay else ""
    what = f"key to next item, {size:,} open{far}, {'' if ahead else 'not '}fetched ahead"
    note = f"p50 {statistics.median(took):.0f}"
    return Figure("q", what, p95, None, "ms, p95", None, f"≤ {MOST[ahead]}", p95 <= MOST[ahead], note)
