"""The service that approved actions call: it says yes to everything, and notes when it was called."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from typing import Any

LONGEST = 60.0  # seconds, on a busy machine and a worker that is just starting


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
        serving = self.loop.create_server(lambda: _Call(self), "127.0.0.1", self.port)
        server = self.loop.run_until_complete(serving)
        self.loop.run_forever()
        server.close()  # the next one has the same port

    def note(self, order: str, at: float) -> None:
        with self.news:
            self.arrived[order] = at
            self.news.notify_all()

    def forget(self) -> None:
        with self.news:
            self.arrived.clear()

    def last_of(self, number: int) -> float:
        """When the last of so many orders arrived; waits for it."""
        with self.news:
            if not self.news.wait_for(lambda: len(self.arrived) >= number, LONGEST):
                raise RuntimeError(f"{len(self.arrived)} of {number} calls arrived within {LONGEST:.0f} s.")
            return max(self.arrived.values())

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
