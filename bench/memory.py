"""(o) What web processes hold after odd requests: broken bodies, wrong keys, strange addresses, long texts.

Only what grows on counts. In their first thousands of requests processes part from the memory that they
shared with the one that they were forked from, and their caches fill: that comes before the first reading.
"""

from __future__ import annotations

from itertools import combinations

from bench.figures import Figure, measured
from bench.given import proposal
from bench.load import KEY, Load, request
from bench.processes import Running
from bench.scale import Scale
from bench.stage import Stage

READINGS = 8
MOST = 2.0  # per cent for each 100,000 requests
CLIENTS = 32  # so many that each process has some of them


def measure(stage: Stage, *, scale: Scale) -> list[Figure]:
    warm, requests = scale.of((16_000, 8_000), (14_000, 4_000), (60, 120))
    return [grown(stage, "o", warm=warm, requests=requests)]


def grown(stage: Stage, letter: str, *, warm: int, requests: int) -> Figure:
    """By how much they grew: the median between any two of the readings, so that a single one says little."""
    stage.empty()
    odd = odd_requests(stage)
    with stage.process("web") as web:
        for _ in range(READINGS):  # by new connections each time, for a process keeps those that it took
            _ask(web, odd, warm // READINGS)
        readings = [(0, web.own_memory())]
        for n in range(1, READINGS + 1):
            _ask(web, odd, requests // READINGS)
            readings.append((n * (requests // READINGS), web.own_memory()))
    values = [
        100 * (after / before - 1) * 100_000 / (then - first)
        for (first, before), (then, after) in combinations(readings, 2)
    ]
    note = f"{readings[0][1]:.1f} MiB, and {readings[-1][1]:.1f} after {requests:,} requests"
    return measured(letter, "memory grows in 100,000 odd requests", "% more", values, most=MOST, note=note)


def _ask(web: Running, odd: list[str], number: int) -> None:
    heard = Load(web.port, odd, CLIENTS, count=number).run()
    failed = {status: times for status, times in heard.statuses.items() if status.startswith("5")}
    if failed:
        raise RuntimeError(f"The server failed: {failed}; {heard.first_bad}")


def odd_requests(stage: Stage) -> list[str]:
    """Each differs from all before it, and nearly all are refused."""
    new, agent = KEY.decode(), {"Authorization": f"Bearer {stage.key}"}
    person, cookie = stage.bearer(), {"Cookie": stage.session()}
    unknown = f"{cookie['Cookie'].partition('=')[0]}={new}"
    submit, body = "/api/v1/proposals/", repr(proposal(new)).encode()
    return [
        request("GET", f"/{new}/"),
        request("GET", f"/{new * 100}/"),
        request("GET", f"/static/{new}.js"),
        request("GET", f"/queue/?q={new}", **cookie),
        request("GET", f"/queue/?q={new * 100}", **cookie),
        request("GET", f"/queue/?team={new}&order={new}", **cookie),
        request("GET", f"/queue/history/?cursor={new}", **cookie),
        request("GET", "/queue/", Cookie=unknown),
        request("GET", "/queue/", **cookie, Accept_Language=f"{new[:8]};q=0.3", User_Agent=new),
        request("GET", f"{submit}?status={new}", **person),
        request("GET", f"{submit}{new}/", **person),
        request("GET", f"{submit}?cursor={new}", **agent),
        request("PUT", f"{submit}?{new}={new}", **agent),
        request("POST", submit, body=body, **agent, Idempotency_Key=new),
        request("POST", submit, body=f'{{"{new}": [[[1, "{new}"]]]}}'.encode(), **agent, Idempotency_Key=new),
        request("POST", submit, body=f'{{"title": "{new * 1_000}"}}'.encode(), **agent, Idempotency_Key=new),
        request("POST", submit, body=b"{}", Authorization=f"Bearer {new}", X_Request_Id=new),
        request("POST", submit, body=new.encode(), content_type=f"text/{new}", **agent),
        request("POST", f"/queue/{new}/approve/", body=f"reason={new}".encode(), **cookie),
    ]
