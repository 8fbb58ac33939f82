"""(r) What people open, while the past grows to ten million proposals; asked in turn with ten thousand.

What is recent and what is open is as much in both databases, so that only what lies behind it differs.
"""

from __future__ import annotations

import re
from html import unescape

from bench import filling, past
from bench.browser import Browser
from bench.figures import Figure, compared
from bench.lists import FEW
from bench.load import Load, request
from bench.pages import PANEL
from bench.processes import Running
from bench.scale import Scale
from bench.stage import Stage
from bench.turns import Turn, of_each, shares, turn

MOST = 1.2  # times slower
RARE = "customer-4711"
_NEXT = re.compile(r'href="([^"]+)"[^>]*>\s*Next page')
_ROW = re.compile(r"/queue/[0-9a-f-]{36}/")


def measure(stage: Stage, *, scale: Scale) -> list[Figure]:
    little, much, open_ones = scale.of((10_000, 10_000_000, 5_000), (10_000, 200_000, 2_000), (100, 300, 60))
    fill(stage, little, open_ones)
    cookies = stage.session(), stage.session(stage.author)
    few_too = [] if scale is Scale.TINY else [stage.process("web", database=FEW)]
    with stage.copy(FEW):
        fill(stage, much, open_ones)
        with stage.together(stage.process("web"), *few_too) as (many, *rest):
            few = rest[0] if rest else many
            return asked_in_turn(stage, many, few, cookies, sizes=(much, little), scale=scale)


def fill(stage: Stage, size: int, open_ones: int) -> None:
    """So many were decided, and after them came so many that are open."""
    filling.first(stage)
    past.write(stage, size)
    filling.fill(stage, size + open_ones)


def asked_in_turn(
    stage: Stage,
    many: Running,
    few: Running,
    cookies: tuple[str, str],
    *,
    sizes: tuple[int, int],
    scale: Scale,
) -> list[Figure]:
    requests, rounds = scale.of((100, 5), (60, 2), (5, 1))
    figures = []
    beside = _pages(few, *cookies)
    for what, text in _pages(many, *cookies).items():
        pairs = [
            (_heard(stage, many, text, requests), _heard(stage, few, beside[what], requests))
            for _ in range(rounds)
        ]
        name, note = f"{what}, {sizes[0]:,} proposals", f"limit: {sizes[1]:,}"
        tails = of_each(pairs, lambda one: one.heard.percentile(95))
        figures += [
            compared("r", name, "ms, p95", tails, most=MOST, note=note),
            compared(
                "r", f"CPU, {name}", "ms of CPU", of_each(pairs, lambda one: one.cpu), note=shares(pairs)
            ),
        ]
    return figures


def _heard(stage: Stage, web: Running, text: str, requests: int) -> Turn:
    Load(web.port, text, count=requests // 5).run().checked()
    return turn(stage, web, Load(web.port, text, count=requests))


def _pages(web: Running, reviewer: str, operator: str) -> dict[str, str]:
    """What is asked of this server: its own next page, and the first proposal of its own list."""
    _, page = Browser(web.port, reviewer).get("/queue/")
    following, row = _NEXT.search(page.decode()), _ROW.search(page.decode())
    if following is None or row is None:
        raise RuntimeError("The queue has no next page.")

    def asked(path: str, cookie: str = reviewer, **headers: str) -> str:
        return request("GET", path, Cookie=cookie, Accept="text/html", **headers)

    return {
        "first page": asked("/queue/"),
        "next page": asked(unescape(following[1])),
        "search": asked("/queue/?q=kettle"),
        "search for what is rare": asked(f"/queue/?q={RARE}"),
        "history": asked("/queue/history/"),
        "history of what is rare": asked("/queue/history/?outcome=expired"),
        "autonomy board": asked("/governance/autonomy/", operator),
        "opened proposal, the panel alone": asked(row[0], **PANEL),
    }
