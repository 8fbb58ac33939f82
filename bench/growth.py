"""(r) What people open, while the past grows to ten million proposals; asked in turn with ten thousand."""

from __future__ import annotations

import re
from html import unescape

from bench import filling
from bench.browser import Browser
from bench.figures import Figure, compared
from bench.lists import FEW, alternately
from bench.load import request
from bench.processes import Running
from bench.scale import Scale
from bench.stage import Stage

MOST = 1.2  # times slower
_NEXT = re.compile(r'href="([^"]+)"[^>]*>\s*Next page')


def measure(stage: Stage, *, scale: Scale) -> list[Figure]:
    little, much, open_ones = scale.of((10_000, 10_000_000, 5_000), (10_000, 200_000, 2_000), (100, 300, 60))
    requests, rounds = scale.of((100, 5), (60, 2), (5, 1))
    filling.first(stage)
    filling.grow(stage, past=little, open_ones=open_ones)
    reviewer, operator = stage.session(), stage.session(stage.author)
    few_too = [] if scale is Scale.TINY else [stage.process("web", database=FEW)]
    with stage.copy(FEW):
        filling.grow(stage, past=much, open_ones=open_ones)
        with stage.together(stage.process("web"), *few_too) as (many, *rest):
            few = rest[0] if rest else many
            figures = []
            for what, (path, cookie) in _pages(many, reviewer, operator).items():
                text = request("GET", path, Cookie=cookie, Accept="text/html")
                pairs = [
                    (ours.percentile(95), limit.percentile(95))
                    for ours, limit in alternately(many, few, text, requests, rounds)
                ]
                note = f"limit: {little:,}"
                figures.append(
                    compared("r", f"{what}, {much:,} proposals", "ms, p95", pairs, most=MOST, note=note)
                )
    return figures


def _pages(web: Running, reviewer: str, operator: str) -> dict[str, tuple[str, str]]:
    _, page = Browser(web.port, reviewer).get("/queue/")
    following = _NEXT.search(page.decode())
    if following is None:
        raise RuntimeError("The queue has no next page.")
    return {
        "first page": ("/queue/", reviewer),
        "next page": (unescape(following[1]), reviewer),
        "search": ("/queue/?q=kettle", reviewer),
        "history": ("/queue/history/", reviewer),
        "autonomy board": ("/governance/autonomy/", operator),
    }
