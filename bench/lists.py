"""(c) The queue page and the API's list while a hundred or a million proposals wait; and against a bare list.

The bare endpoint selects the same rows and says the same of them. Growth is told by two databases that are
asked in turn: one stays with a hundred.
"""

from __future__ import annotations

import statistics

from bench import filling
from bench.counting import statements
from bench.figures import Figure, compared, judged, measured
from bench.load import Heard, Load, request
from bench.processes import Running
from bench.scale import Scale
from bench.stage import Stage
from bench.turns import Pairs, Turn, of_each, shares, turn

SIZES = (100, 10_000, 100_000, 1_000_000)
SMALL = (100, 2_000)
FEW = "bench_few"  # the database that stays with the first size
MOST_GROWTH = 1.3  # times slower
LEAST = 0.4
MOST_TAIL = 2.0  # times the median
MOST_QUERIES = 3
WARMING = 8  # clients: with one alone the second process would be met cold, and be the slowest hundredth
API_LIST = "/api/v1/proposals/?status=pending"


def measure(stage: Stage, *, scale: Scale) -> list[Figure]:
    sizes = scale.of(SIZES, SIZES[:3], SMALL)
    requests, rounds = scale.of((60, 3), (60, 2), (5, 1))
    filling.first(stage)
    filling.fill(stage, sizes[0])
    pages, growth, beside = _pages(stage), [], []  # the session has to be in both databases
    few_too = [] if scale is Scale.TINY else [stage.process("web", database=FEW)]
    servers = stage.process("web"), stage.process("api"), stage.bare(), *few_too
    with stage.copy(FEW), stage.together(*servers) as (many, api, bare, *rest):
        few = rest[0] if rest else many
        for size in sizes:
            filling.fill(stage, size)
            beside += _beside_bare(stage, api, bare, size, requests, rounds)
            for page, text in pages.items() if size in sizes[1:][-2:] else ():
                growth.append(_growth(page, size, alternately(many, few, text, requests, rounds)))
        beside.append(_queries(stage))
    return [*beside, *sorted(growth, key=lambda figure: figure.what.partition(",")[0])]


# --- Beside a bare list -----------------------------------------------------------------------------


def _beside_bare(
    stage: Stage, api: Running, bare: Running, size: int, requests: int, rounds: int
) -> list[Figure]:
    texts = {
        api: request("GET", API_LIST, **stage.bearer()),
        bare: request("GET", "/proposals"),
    }
    for running, text in texts.items():
        Load(running.port, text, count=requests, clients=WARMING).run().checked()
    pairs = [
        (
            turn(stage, api, Load(api.port, texts[api], count=3 * requests)),
            turn(stage, bare, Load(bare.port, texts[bare], count=3 * requests)),
        )
        for _ in range(rounds)
    ]
    return _of_api(size, pairs)


def _of_api(size: int, pairs: Pairs) -> list[Figure]:
    what = f"API list of 50, {size:,} pending"
    rates = of_each(pairs, lambda one: one.heard.per_second)
    tails, bare = zip(*of_each(pairs, _tail), strict=True)
    costs = of_each(pairs, lambda one: one.cpu)
    told = f"the bare list's: {statistics.median(bare):.2f}"
    return [
        compared("c", what, "lists/s", rates, least=LEAST),
        measured("c", f"p99 of {what}", "× p50", tails, most=MOST_TAIL, note=told),
        compared("c", f"CPU, {what}", "ms of CPU", costs, note=shares(pairs)),
    ]


def _tail(one: Turn) -> float:
    """How many times as long as the usual answer the slowest hundredth takes."""
    return one.heard.percentile(99) / one.heard.percentile(50)


def _queries(stage: Stage) -> Figure:
    number = statements(lambda: stage.get(API_LIST, stage.bearer()))
    target, ok = judged(number, most=MOST_QUERIES)
    return Figure("c", "API list of 50", number, None, "queries", None, target, ok)


# --- Growth -----------------------------------------------------------------------------------------


def _pages(stage: Stage) -> dict[str, str]:
    return {
        "queue page": request("GET", "/queue/", Cookie=stage.session(), Accept="text/html"),
        "API list for a reviewer": request("GET", API_LIST, **stage.bearer()),
        "API list for an agent": request("GET", "/api/v1/proposals/", Authorization=f"Bearer {stage.key}"),
    }


def alternately(
    many: Running, few: Running, text: str, requests: int, rounds: int
) -> list[tuple[Heard, Heard]]:
    """The same asked of two servers in turn."""
    return [(_heard(many, text, requests), _heard(few, text, requests)) for _ in range(rounds)]


def _heard(web: Running, text: str, requests: int) -> Heard:
    Load(web.port, text, count=requests // 5).run().checked()
    return Load(web.port, text, count=requests).run().checked()


def _growth(page: str, size: int, pairs: list[tuple[Heard, Heard]]) -> Figure:
    p50 = statistics.median(many.percentile(50) for many, _ in pairs)
    return compared(
        "c",
        f"{page}, {size:,} pending",
        "ms, p95",
        [(many.percentile(95), few.percentile(95)) for many, few in pairs],
        most=MOST_GROWTH,
        note=f"p50 {p50:.1f}; limit: {SIZES[0]:,}",
    )
