"""(o) What one web process holds after odd requests: broken bodies, wrong keys, strange addresses."""

from __future__ import annotations

from itertools import pairwise

from bench.figures import Figure, measured
from bench.given import proposal
from bench.load import KEY, Load, request
from bench.processes import Running
from bench.scale import Scale
from bench.stage import Stage

PARTS = 4
MOST = 2.0  # per cent for each 100,000 requests
CLIENTS = 4


def measure(stage: Stage, *, scale: Scale) -> list[Figure]:
    warm, requests = scale.of((4_000, 24_000), (1_000, 4_000), (60, 120))
    return [grown(stage, "o", warm=warm, requests=requests)]


def grown(stage: Stage, letter: str, *, warm: int, requests: int) -> Figure:
    """By how much it grew, by a reading after each part of the requests."""
    stage.empty()
    odd = odd_requests(stage)
    with stage.process("web") as web:
        _ask(web, odd, warm)
        readings = [web.memory()]
        for _ in range(PARTS):
            _ask(web, odd, requests // PARTS)
            readings.append(web.memory())
    per = 100 * 100_000 / (requests // PARTS)
    values = [per * (after - before) / before for before, after in pairwise(readings)]
    note = f"{readings[0]:.1f} MiB, and {readings[-1]:.1f} after {requests:,} requests"
    return measured(letter, "memory grows in 100,000 odd requests", "%", values, most=MOST, note=note)


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
        request("GET", f"/static/{new}.js"),
        request("GET", f"/queue/?q={new}", **cookie),
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
        request("POST", submit, body=b"{}", Authorization=f"Bearer {new}", X_Request_Id=new),
        request("POST", submit, body=new.encode(), content_type=f"text/{new}", **agent),
        request("POST", f"/queue/{new}/approve/", body=f"reason={new}".encode(), **cookie),
    ]
