"""Many open queue pages in one process: plain sockets that note when the row of a new proposal arrives.

Reads what to do as JSON from its input (see `Watch`), prints milliseconds as JSON.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import resource
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from typing import Any

TEXT, CLOSE, PING, PONG = 1, 8, 9, 10
LONGEST = 10.0  # seconds


@dataclass
class Watch:
    """Open a socket for each cookie, hand in `times` proposals, and time them onto every socket."""

    port: int
    cookies: list[str]
    key: str
    body: dict[str, Any]
    times: int
    pause: float = 0.2

    def run(self) -> list[float]:
        """Milliseconds from handing in to each socket that has the row, from another process."""
        done = subprocess.run(
            [sys.executable, "-m", "bench.sockets"],
            input=json.dumps(asdict(self)).encode(),
            stdout=subprocess.PIPE,
            check=True,
        )
        return json.loads(done.stdout)


class Socket(asyncio.Protocol):
    """The client's side of RFC 6455, as far as it is needed to listen."""

    def __init__(self, watch: Watch, cookie: str) -> None:
        self.watch = watch
        self.cookie = cookie
        self.open = asyncio.get_running_loop().create_future()
        self.buffer = bytearray()
        self.shown: list[tuple[float, bytes]] = []
        self.text = bytearray()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        key = base64.b64encode(os.urandom(16)).decode()
        host = f"localhost:{self.watch.port}"
        lines = [
            "GET /ws/queue/ HTTP/1.1",
            f"Host: {host}",
            f"Origin: http://{host}",
            "Connection: Upgrade",
            "Upgrade: websocket",
            "Sec-WebSocket-Version: 13",
            f"Sec-WebSocket-Key: {key}",
            f"Cookie: {self.cookie}",
        ]
        transport.write("\r\n".join([*lines, "", ""]).encode())

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        if not self.open.done():
            head, found, rest = bytes(self.buffer).partition(b"\r\n\r\n")
            if not found:
                return
            if not head.startswith(b"HTTP/1.1 101"):
                self.open.set_exception(RuntimeError(f"no socket: {head[:200].decode()}"))
                return
            self.buffer = bytearray(rest)
            self.open.set_result(None)
        while self._frame():
            pass

    def _frame(self) -> bool:
        """Take one frame off the buffer; false when it is not all there."""
        if len(self.buffer) < 2:
            return False
        final, kind, size, start = self.buffer[0] & 0x80, self.buffer[0] & 0x0F, self.buffer[1] & 0x7F, 2
        if size >= 126:
            start = 4 if size == 126 else 10
            size = int.from_bytes(self.buffer[2:start], "big")
        if len(self.buffer) < start + size:
            return False
        payload = bytes(self.buffer[start : start + size])
        del self.buffer[: start + size]
        if kind == PING:
            self._send(PONG, payload)
        elif kind == CLOSE:
            self.transport.close()
        elif kind in (0, TEXT):
            self.text += payload
            if final:
                self.shown.append((time.perf_counter(), bytes(self.text)))
                self.text.clear()
        return True

    def _send(self, kind: int, payload: bytes) -> None:
        self.transport.write(bytes([0x80 | kind, 0x80 | len(payload)]) + b"\0\0\0\0" + payload)

    def connection_lost(self, error: Exception | None) -> None:
        if not self.open.done():
            self.open.set_exception(RuntimeError("the connection ended before there was a socket"))

    def when(self, wanted: bytes) -> float | None:
        return next((at for at, text in self.shown if wanted in text), None)


async def watch(what: Watch) -> list[float]:
    loop, sockets = asyncio.get_running_loop(), []
    for cookie in what.cookies:
        socket = Socket(what, cookie)
        await loop.create_connection(lambda socket=socket: socket, "127.0.0.1", what.port)  # type: ignore[misc]
        await asyncio.wait_for(socket.open, LONGEST)
        sockets.append(socket)
    await asyncio.sleep(1)
    latencies = []
    for number in range(what.times + 2):
        found = await _hand_in_and_wait(what, sockets)
        latencies += found if number >= 2 else []  # the first ones find everything cold
        await asyncio.sleep(what.pause)
    for socket in sockets:
        socket.transport.close()
    return latencies


async def _hand_in_and_wait(what: Watch, sockets: list[Socket]) -> list[float]:
    for socket in sockets:
        socket.shown.clear()
    body = json.dumps(what.body).encode()
    reader, writer = await asyncio.open_connection("127.0.0.1", what.port)
    head = (
        f"POST /api/v1/proposals/ HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {what.key}\r\n"
        f"Idempotency-Key: {os.urandom(12).hex()}\r\nContent-Type: application/json\r\nConnection: close\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    began = time.perf_counter()
    writer.write(head.encode() + body)
    answer = await reader.read()
    writer.close()
    if not answer.startswith(b"HTTP/1.1 201"):
        raise RuntimeError(answer[:500].decode("latin-1"))
    new = _id_in(answer)
    until = time.perf_counter() + LONGEST
    while any(socket.when(new) is None for socket in sockets):
        if time.perf_counter() > until:
            missing = sum(socket.when(new) is None for socket in sockets)
            raise RuntimeError(f"{missing} of {len(sockets)} sockets never got the row.")
        await asyncio.sleep(0.02)
    return [((socket.when(new) or 0.0) - began) * 1000 for socket in sockets]


def _id_in(answer: bytes) -> bytes:
    """The proposal's id, out of the answer's `links`."""
    return answer.partition(b'"self":"/api/v1/proposals/')[2][:36]


if __name__ == "__main__":
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    print(json.dumps(asyncio.run(watch(Watch(**json.load(sys.stdin))))))
