"""(f) From handing a proposal in to its row on every open queue page; one by one, then many a second."""

from __future__ import annotations

import contextlib
import random
import statistics
import threading
from collections.abc import Iterator

from bench.figures import Figure
from bench.scale import Scale
from bench.sockets import Flood, Flooded, Watch
from bench.stage import Stage, proposal

PAGES = (1, 100, 500)
DESKS, RATE = 500, 100  # open pages, proposals a second
MOST = 500  # milliseconds
CORES = 1  # for telling all of these pages
MOVES_EVERY = 10.0  # seconds that somebody looks at one proposal


def measure(stage: Stage, *, scale: Scale) -> list[Figure]:
    figures = []
    times = scale.of(25, 8, 2)
    for pages in scale.of(PAGES, PAGES[:2], (5,)):
        stage.empty()
        cookies = [stage.session() for _ in range(pages)]
        with stage.process("web") as web:
            latencies = Watch(web.port, cookies, stage.key, proposal(), times).run()
        figures.append(_figure(pages, latencies))
    desks, rate, seconds = scale.of((DESKS, RATE, 20.0), (100, 50, 8.0), (5, 5, 1.0))
    waits = scale.of((2.0, 3.0), (2.0, 3.0), (0.3, 1.0))
    for people in (False, True):
        figures += _flood(stage, desks, rate, seconds, *waits, people=people)
    return figures


def _figure(pages: int, latencies: list[float]) -> Figure:
    p95 = statistics.quantiles(latencies, n=20, method="inclusive")[18]
    what = f"submit to screen, {pages} page{'s' if pages > 1 else ''} open"
    note = f"p50 {statistics.median(latencies):.0f}"
    return Figure("f", what, p95, None, "ms, p95", None, f"≤ {MOST}", p95 <= MOST, note)


def _flood(
    stage: Stage, desks: int, rate: float, seconds: float, before: float, after: float, *, people: bool
) -> list[Figure]:
    stage.empty()
    cookies = [stage.session() for _ in range(desks)]
    with stage.process("web") as web, stage.process("api") as api:
        work = _people_at(stage, desks) if people else contextlib.nullcontext()
        with work:
            cpu = web.cpu()
            flood = Flood(web.port, api.port, cookies, stage.key, proposal(), rate, seconds, before, after)
            flooded = flood.run()
            cores = (web.cpu() - cpu) / flooded.seconds  # that the pages were opened is in it
    busy = f"{desks} pages, {rate:g}/s{', people looking and claiming' if people else ''}"
    took = Figure("f", f"CPU of web, {busy}", cores, None, "cores", None, f"≤ {CORES}", cores <= CORES)
    return [_flood_figure(busy, rate, flooded), took]


def _flood_figure(busy: str, rate: float, flooded: Flooded) -> Figure:
    p95 = statistics.quantiles(flooded.from_commit, n=20, method="inclusive")[18]
    what = f"commit to socket, {busy}"
    reached = flooded.submitted / flooded.seconds
    note = (
        f"p50 {statistics.median(flooded.from_commit):.0f}, {reached:.0f}/s reached,"
        f" {flooded.bytes_each / 1024:.0f} KiB/s in {flooded.messages_each:.1f} messages/s each,"
        f" {flooded.missing} missing, {flooded.resyncs} told to read again"
    )
    ok = p95 <= MOST and not flooded.missing and reached > 0.9 * rate
    return Figure("f", what, p95, None, "ms, p95", None, f"≤ {MOST}", ok, note)


@contextlib.contextmanager
def _people_at(stage: Stage, desks: int) -> Iterator[None]:
    """As many people as desks, who look at one open proposal after another and claim some."""
    from django.db import connection

    from governance.models import User

    names = [f"desk-{number}" for number in range(desks)]
    User.objects.bulk_create([User(username=name) for name in names], ignore_conflicts=True)
    people, over = list(User.objects.filter(username__in=names)), threading.Event()

    def work() -> None:
        while not over.wait(desks and MOVES_EVERY / desks):
            with contextlib.suppress(Exception):  # it was answered meanwhile, or somebody else has it
                _one_moves(random.choice(people))
        connection.close()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _one_moves(person: object) -> None:
    from approvals.attention import looks
    from approvals.beside import claims
    from suggestions.models import Proposal

    open_ones = list(Proposal.objects.pending().order_by("-id").values_list("pk", flat=True)[:200])
    if not open_ones:
        return
    before = getattr(person, "before", None)
    if before:
        looks.look(before, user=person, seconds=10, leaves=True)  # type: ignore[arg-type]
    person.before = random.choice(open_ones)  # type: ignore[attr-defined]
    looks.look(person.before, user=person, seconds=0)  # type: ignore[attr-defined, arg-type]
    if random.random() < 0.1:
        claims.claim(person.before, user=person, actor=person.as_actor())  # type: ignore[attr-defined, arg-type]
