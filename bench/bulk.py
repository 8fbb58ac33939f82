"""(m) A hundred approvals with one answer: from the click to the last decision."""

from __future__ import annotations

import time
from urllib.parse import urlencode

from bench import filling
from bench.browser import Browser, fields
from bench.figures import Figure, measured
from bench.scale import Scale
from bench.stage import Stage

TOGETHER = 100
MOST = 0.8  # seconds


def measure(stage: Stage, *, scale: Scale) -> list[Figure]:
    rounds, together = scale.of((5, TOGETHER), (2, TOGETHER), (2, 4))
    filling.first(stage)
    filling.fill(stage, rounds * together)
    with stage.application() as connection:
        ids = [str(one) for (one,) in connection.execute("SELECT id FROM suggestions_proposal").fetchall()]
    with stage.process("web") as web:
        browser = Browser(web.port, stage.session())
        seconds = [
            _approved(stage, browser, ids[number * together : (number + 1) * together])
            for number in range(rounds)
        ]
    what = f"{together} approvals at once"
    return [measured("m", what, "s", seconds[1:], most=MOST, note="one event and one decision each")]


def _approved(stage: Stage, browser: Browser, ids: list[str]) -> float:
    """Seconds until all of them are approved."""
    _, page = browser.get("/queue/bulk/?" + urlencode([("id", one) for one in ids]))
    form = fields(page, "ticket", "items", "csrfmiddlewaretoken")
    began = time.perf_counter()
    headers, _ = browser.post("/queue/bulk/", {**form, "verdict": "approve", "reason": ""})
    while _waiting(stage):
        browser.post(f"{headers['Location']}go/", fields(page, "csrfmiddlewaretoken"))
    seconds = time.perf_counter() - began
    if (decided := _decided(stage, ids)) != len(ids):
        raise RuntimeError(f"{decided} of {len(ids)} were approved.")
    return seconds


def _waiting(stage: Stage) -> int:
    return _count(stage, "approvals_batchitem WHERE outcome = 'waiting'")


def _decided(stage: Stage, ids: list[str]) -> int:
    return _count(stage, "approvals_decision WHERE proposal_id = ANY(%s)", ids)


def _count(stage: Stage, what: str, *given: object) -> int:
    with stage.application() as connection:
        return connection.execute(f"SELECT count(*) FROM {what}", given).fetchone()[0]  # type: ignore[arg-type, index]
