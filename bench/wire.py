"""(n) What pages weigh on their way to a browser, each by itself and with all that is loaded at first."""

from __future__ import annotations

import re
from urllib.parse import urljoin, urlsplit

from bench import filling
from bench.browser import Browser
from bench.figures import Figure, measured
from bench.scale import Scale
from bench.stage import Stage

ENCODINGS = {"Accept-Encoding": "gzip, br, zstd"}
MOST_PAGE, MOST_IN_ALL = 15.0, 150.0  # kB
QUEUE = "/queue/"
_NAMED = re.compile(rb'<(?:script|link|img|source|use)\b[^>]*?\b(?:src|href)="([^"#]+)[^"]*"[^>]*>', re.S)
_NOT_LOADED = re.compile(rb'\brel="(?:canonical|alternate|author|help|license|next|prev|search|manifest)"')
_OF_STYLE = re.compile(rb"""(?:url\(|@import )\s*["']?([^"')\s]+)""")
_OF_SCRIPT = re.compile(rb"""(?:\bfrom|\bimport)\s*["']([./][^"']+)["']""")
FONTS = (".woff", ".woff2")


def measure(stage: Stage, *, scale: Scale) -> list[Figure]:
    filling.first(stage)
    filling.fill(stage, scale.of(200, 200, 60))
    opened = f"/queue/{stage.hand_in()['id']}/"
    with stage.process("web") as web:
        browser = Browser(web.port, stage.session())
        for path in (QUEUE, opened):
            browser.get(path)  # the first time sets cookies
        sizes = {path: _loaded(browser, path) for path in (QUEUE, opened)}
        first = _first_load(browser)
    return [
        _figure("queue page", sizes[QUEUE], MOST_PAGE),
        _figure("page of an opened proposal", sizes[opened], MOST_PAGE),
        _figure("first load without fonts", sum(first.values()), MOST_IN_ALL, f"{len(first)} answers"),
    ]


def _figure(what: str, size: int, most: float, note: str = "") -> Figure:
    return measured("n", what, "kB", [size / 1000], most=most, note=note)


def _loaded(browser: Browser, path: str) -> int:
    """Bytes of the body as it comes."""
    _, body = browser.get(path, **ENCODINGS)
    return len(body)


def _first_load(browser: Browser) -> dict[str, int]:
    """Bytes of the queue page and of whatever it names, and what that names."""
    sizes: dict[str, int] = {}
    wanted = [QUEUE]
    while wanted:
        path = wanted.pop()
        if path in sizes or path.endswith(FONTS):
            continue
        sizes[path] = _loaded(browser, path)
        wanted += _named_by(browser, path)
    return sizes


def _named_by(browser: Browser, path: str) -> list[str]:
    headers, text = browser.get(path)  # as it is before anything is compressed
    kind = headers.get_content_type()
    if kind == "text/html":
        named = [tag[1] for tag in _NAMED.finditer(text) if not _NOT_LOADED.search(tag[0])]
    elif kind == "text/css":
        named = _OF_STYLE.findall(text)
    elif kind == "text/javascript":
        named = _OF_SCRIPT.findall(text)
    else:
        named = []
    addresses = [urlsplit(urljoin(path, one.decode())) for one in named if not one.startswith(b"data:")]
    return [one.path for one in addresses if not one.netloc]
