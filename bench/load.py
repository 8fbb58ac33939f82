"""A light load generator, in a process of its own: raw sockets that are kept open, requests made beforehand.

    echo '{"port": 8000, "request": "GET / …", "clients": 8, "seconds": 3}' | python -m bench.load

Every `KEY` in a request becomes something new each time. Prints counts and latencies as JSON.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import statistics
import subprocess
import sys
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any

KEY = b"@@@@@@@@@@@ KEY @@@@@@@@"  # as long as what replaces it, so that no length changes


@dataclass
class Load:
    """What to send, by how many clients at once, for how long or how often.

    Of several requests each is sent in its turn: once, or again and again where `count` is higher.
    """

    port: int
    request: str | list[str]  # in latin-1, head and body
    clients: int = 1
    seconds: float = 0.0
    count: int = 0
    host: str = "127.0.0.1"

    def run(self) -> Heard:
        """Run it in another process."""
        done = subprocess.run(
            [sys.executable, "-m", "bench.load"],
            input=json.dumps(asdict(self)).encode(),
            stdout=subprocess.PIPE,
            check=True,
        )
        return Heard(**json.loads(done.stdout))


@dataclass
class Heard:
    """What came back: answers by status, connections that broke, latencies in milliseconds."""

    statuses: dict[str, int]
    broken: int
    seconds: float
    latencies: list[float] = field(repr=False)
    first_bad: str = ""

    @property
    def good(self) -> int:
        return sum(number for status, number in self.statuses.items() if status.startswith("2"))

    @property
    def bad(self) -> int:
        return self.broken + sum(self.statuses.values()) - self.good

    @property
    def per_second(self) -> float:
        return self.good / self.seconds

    def percentile(self, share: int) -> float:
        if len(self.latencies) < 2:
            return self.latencies[0] if self.latencies else float("nan")
        return statistics.quantiles(self.latencies, n=100, method="inclusive")[share - 1]

    def checked(self) -> Heard:
        """Itself; raises where not every answer was good, for its figures would mean nothing."""
        if self.bad or not self.good:
            raise RuntimeError(f"{self.bad} of the answers were not good: {self.statuses}; {self.first_bad}")
        return self


class Run:
    """The counters all clients share."""

    def __init__(self, load: Load) -> None:
        several = isinstance(load.request, list)
        requests = load.request if several else [load.request]
        self.pieces = [request.encode("latin-1").split(KEY) for request in requests]
        self.nonce, self.number = secrets.token_hex(8), 0
        self.left = load.count or (len(requests) if several else sys.maxsize)
        if self.left == sys.maxsize and not load.seconds:
            raise ValueError("It would never end: say for how long, or how often.")
        self.until = time.perf_counter() + load.seconds if load.seconds else float("inf")
        self.statuses: Counter[str] = Counter()
        self.latencies: list[float] = []
        self.broken = 0
        self.first_bad = ""

    def next_request(self) -> bytes | None:
        if self.left <= 0 or time.perf_counter() >= self.until:
            return None
        pieces = self.pieces[self.number % len(self.pieces)]
        self.left -= 1
        self.number += 1
        return f"{self.nonce}{self.number:08}".encode().join(pieces)

    def heard(self, status: str, milliseconds: float, answer: bytes) -> None:
        self.statuses[status] += 1
        self.latencies.append(milliseconds)
        if not status.startswith("2") and not self.first_bad:
            self.first_bad = answer[:600].decode("latin-1")


class Client(asyncio.Protocol):
    """One connection: sends, waits for the whole answer, sends again."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.done = asyncio.get_running_loop().create_future()
        self.buffer = bytearray()
        self.body_from, self.body_length, self.asked_at = 0, -1, 0.0

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self._send()

    def _send(self) -> None:
        request = self.run.next_request()
        if request is None:
            self.done.set_result(None)
            self.transport.close()
            return
        self.buffer.clear()
        self.body_from = 0
        self.asked_at = time.perf_counter()
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        if self.body_from or self._has_head():
            if self.body_length >= 0:
                complete = len(self.buffer) >= self.body_from + self.body_length
            else:
                complete = self.buffer.endswith(b"0\r\n\r\n")
            if complete:
                status = self.buffer[9:12].decode()
                self.run.heard(status, (time.perf_counter() - self.asked_at) * 1000, bytes(self.buffer[:800]))
                self._send()

    def _has_head(self) -> bool:
        end = self.buffer.find(b"\r\n\r\n")
        if end < 0:
            return False
        self.body_from = end + 4
        self.body_length = -1
        for line in bytes(self.buffer[:end]).lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                self.body_length = int(line[15:])
        return True

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self.run.broken += 1
            self.done.set_result(None)


async def send_all(load: Load) -> Heard:
    run, loop = Run(load), asyncio.get_running_loop()
    clients = [Client(run) for _ in range(load.clients)]
    started = time.perf_counter()

    async def connect(client: Client) -> None:
        try:
            await loop.create_connection(lambda: client, load.host, load.port)
        except OSError:
            client.connection_lost(None)
        await client.done

    await asyncio.gather(*(connect(client) for client in clients))
    seconds = time.perf_counter() - started
    return Heard(
        dict(run.statuses), run.broken, seconds, [round(ms, 3) for ms in run.latencies], run.first_bad
    )


def request(
    method: str, path: str, *, body: bytes = b"", content_type: str = "application/json", **headers: str
) -> str:
    """A request as it goes over the wire; underscores in the names of headers become hyphens."""
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    if body or method == "POST":
        lines += [f"Content-Type: {content_type}", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]) + body.decode("latin-1")


if __name__ == "__main__":
    print(json.dumps(asdict(asyncio.run(send_all(Load(**json.load(sys.stdin)))))))
