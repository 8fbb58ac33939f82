"""(d) From a decision over HTTP to the first byte at the downstream, against a bare Celery round trip."""

from __future__ import annotations

import asyncio
import http.client
import json
import statistics
import sys
import threading
import time
import uuid
from typing import Any

from bench.figures import Figure
from bench.given import proposal
from bench.scale import Scale
from bench.stage import Stage

TOGETHER = 10  # of one, then of the other
LONGEST = 60.0  # seconds, on a busy machine and a worker that is just starting
PAUSE = 0.03
BARE_WORKER = ["-m", "celery", "-A", "bench.bare_celery", "worker", "--concurrency", "2"]
BARE_WORKER += ["--without-gossip", "--without-mingle", "--hostname", "bare@%h"]


def measure(stage: Stage, *, scale: Scale) -> list[Figure]:
    stage.empty()
    rounds, together = scale.of((12, TOGETHER), (4, TOGETHER), (1, 2))
    with (
        stage.process("api") as api,
        stage.process("worker"),
        stage.process("beat"),
        stage.own("bare-celery", BARE_WORKER),
        Downstream(stage.downstream_port) as downstream,
    ):
        ways = Decider(stage, api.port, downstream), Bare(), Durable(stage, downstream)
        for _ in range(scale.of(TOGETHER, TOGETHER, 1)):
            for way in ways:  # whoever is slow to start is waited for
                way.once()
        medians = [
            [statistics.median(way.once() for _ in range(together)) for way in ways] for _ in range(rounds)
        ]
    ours, limit, durable = (statistics.median(column) for column in zip(*medians, strict=True))
    ratio = ours / limit
    note = "limit: commits and calls too"
    return [
        Figure("d", "decision to downstream", ours, limit, "ms, p50", ratio, "≤ 2", ratio <= 2),
        Figure("d", "decision to downstream", ours, durable, "ms, p50", ours / durable, note=note),
    ]


class Downstream:
    """Notes when the first byte of each order's request arrived, and says yes to everything."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.arrived: dict[str, float] = {}
        self.news = threading.Condition()
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Downstream:
        self.thread.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(5)

    def _serve(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_until_complete(self.loop.create_server(lambda: _Call(self), "127.0.0.1", self.port))
        self.loop.run_forever()

    def note(self, order: str, at: float) -> None:
        with self.news:
            self.arrived[order] = at
            self.news.notify_all()

    def when(self, order: str) -> float:
        """When the order's request arrived; waits for it."""
        with self.news:
            if not self.news.wait_for(lambda: order in self.arrived, LONGEST):
                raise RuntimeError(f"Nothing arrived at the downstream within {LONGEST:.0f} s.")
            return self.arrived[order]


class _Call(asyncio.Protocol):
    def __init__(self, downstream: Downstream) -> None:
        self.downstream = downstream
        self.buffer = b""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        if not self.buffer:
            self.began = time.monotonic()
        self.buffer += data
        head, found, body = self.buffer.partition(b"\r\n\r\n")
        if not found or len(body) < _length(head):
            return
        self.downstream.note(json.loads(body)["order_id"], self.began)
        self.buffer = b""
        self.transport.write(
            b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n{"ok":true}'
        )


def _length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line[15:])
    return 0


class Decider:
    """Hands in a proposal, approves it, and waits for what comes of it."""

    def __init__(self, stage: Stage, port: int, downstream: Downstream) -> None:
        self.stage = stage
        self.downstream = downstream
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=LONGEST)

    def once(self) -> float:
        """Milliseconds from the decision to its effect."""
        order = uuid.uuid4().hex
        handed_in = self._post("/api/v1/proposals/", proposal(order), self.stage.key)
        first = handed_in["suggestions"][0]
        decision = {
            "verdict": "approve",
            "suggestion": first["id"],
            "action_digest": first["action_digest"],
            "reason": "It arrived broken.",
        }
        time.sleep(PAUSE)
        began = time.monotonic()
        self._post(f"/api/v1/proposals/{handed_in['id']}/decisions/", decision, self.stage.token)
        return (self.downstream.when(order) - began) * 1000

    def _post(self, path: str, body: Any, key: str) -> Any:
        headers = {
            "Host": "localhost",
            "Authorization": f"Bearer {key}",
            "Content-Type": "application/json",
            "Idempotency-Key": uuid.uuid4().hex,
        }
        self.connection.request("POST", path, json.dumps(body), headers)
        answer = self.connection.getresponse()
        content = answer.read()
        if answer.status != 201:
            raise RuntimeError(f"{path}: {answer.status} {content[:500].decode()}")
        return json.loads(content)


class Bare:
    """Sends the bare task and waits for its word."""

    def __init__(self) -> None:
        from bench.bare_celery import STAMPS, stamp, stamps

        stamps.delete(STAMPS)
        self.task, self.stamps, self.key, self.number = stamp, stamps, STAMPS, 0

    def once(self) -> float:
        self.number += 1
        time.sleep(PAUSE)
        sent = time.monotonic()
        self.task.delay(self.number)
        told = self.stamps.blpop([self.key], timeout=LONGEST)
        if told is None:
            raise RuntimeError(f"The bare task did not answer within {LONGEST:.0f} s; see bare-celery.log.")
        back = time.monotonic()
        if int(told[1]) != self.number:
            raise RuntimeError("Another task than the one sent answered.")
        return (back - sent) * 1000


class Durable:
    """The same with what must be on disk on the way: the decision, the lease, the attempt; then the call."""

    def __init__(self, stage: Stage, downstream: Downstream) -> None:
        from bench.bare_celery import durable

        with stage.owner() as owner:
            owner.execute("CREATE TABLE IF NOT EXISTS bench_notes (note text NOT NULL)")
            owner.execute("TRUNCATE bench_notes")
            owner.execute("GRANT INSERT ON bench_notes TO PUBLIC")
        self.connection = stage.application()
        self.connection.autocommit = True
        self.task, self.downstream = durable, downstream

    def once(self) -> float:
        order = uuid.uuid4().hex
        time.sleep(PAUSE)
        began = time.monotonic()
        self.connection.execute("INSERT INTO bench_notes (note) VALUES (%s)", [f"{order} decided"])
        self.task.delay(order, self.downstream.port)
        return (self.downstream.when(order) - began) * 1000


if __name__ == "__main__":
    sys.exit("Run it with: python -m bench --only d")
