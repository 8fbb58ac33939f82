"""Many open queue pages in one process: plain sockets that note when the row of a new proposal arrives.

Reads what to do as JSON from its input (see `Watch`), prints milliseconds as JSON.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
import resource
import subprocess
import sys
import time
from collections import deque
from dataclasses import asdict, dataclass, field
from typing import Any

TEXT, CLOSE, PING, PONG = 1, 8, 9, 10
LONGEST = 10.0  # seconds
READ_EVERY = 25  # of so many sockets one reads what it gets, in the flood; the others take it and no more
CONNECTIONS = 16
ROW = re.compile(rb'<li\s+class="row"\s+id="proposal-([0-9a-f-]{36})"')


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


@dataclass
class Flood:
    """Open a socket for each cookie, hand in `rate` proposals a second, time their rows onto the sockets."""

    port: int
    submit_port: int
    cookies: list[str]
    key: str
    body: dict[str, Any]
    rate: float
    seconds: float
    before: float = 2.0  # seconds until every page has been told what it is to know at first
    after: float = 3.0  # seconds in which what was told late arrives

    def run(self) -> Flooded:
        """From another process."""
        done = subprocess.run(
            [sys.executable, "-m", "bench.sockets", "flood"],
            input=json.dumps(asdict(self)).encode(),
            stdout=subprocess.PIPE,
            check=True,
        )
        return Flooded(**json.loads(done.stdout))


@dataclass
class Flooded:
    """Milliseconds from the answer that said it was committed, and from handing in; rows that never came;
    what one socket was sent in a second."""

    from_commit: list[float] = field(repr=False)
    from_handing_in: list[float] = field(repr=False)
    missing: int
    submitted: int
    seconds: float
    resyncs: int
    bytes_each: float
    messages_each: float


class Socket(asyncio.Protocol):
    """The client's side of RFC 6455, as far as it is needed to listen."""

    def __init__(self, watch: Watch | Flood, cookie: str, *, reads: bool = True) -> None:
        self.watch = watch
        self.cookie = cookie
        self.reads = reads
        self.received = 0
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
        self.received += len(data)
        if self.open.done() and not self.reads:
            return
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


# --- The flood ------------------------------------------------------------------------------------


async def flood(what: Flood) -> Flooded:
    loop, sockets = asyncio.get_running_loop(), []
    for number, cookie in enumerate(what.cookies):
        socket = Socket(what, cookie, reads=number % READ_EVERY == 0)
        await loop.create_connection(lambda socket=socket: socket, "127.0.0.1", what.port)  # type: ignore[misc]
        await asyncio.wait_for(socket.open, LONGEST)
        sockets.append(socket)
    await asyncio.sleep(what.before)
    readers = [socket for socket in sockets if socket.reads]
    for socket in readers:
        socket.shown.clear()
        socket.received = 0
    began = time.perf_counter()
    due = deque(began + 0.2 + number / what.rate for number in range(int(what.rate * what.seconds)))
    handed_in: dict[bytes, tuple[float, float]] = {}
    await asyncio.gather(*(_hand_in(what, due, handed_in) for _ in range(CONNECTIONS)))
    took = time.perf_counter() - began
    await asyncio.sleep(what.after)
    for socket in sockets:
        socket.transport.close()
    return _flooded(readers, handed_in, took)


async def _hand_in(what: Flood, due: deque[float], handed_in: dict[bytes, tuple[float, float]]) -> None:
    """One of the connections over which proposals come in, each at its time."""
    reader, writer = await asyncio.open_connection("127.0.0.1", what.submit_port)
    body = json.dumps(what.body).encode()
    while due:
        at = due.popleft()
        await asyncio.sleep(max(0.0, at - time.perf_counter()))
        head = (
            f"POST /api/v1/proposals/ HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {what.key}\r\n"
            f"Idempotency-Key: {os.urandom(12).hex()}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        writer.write(head.encode() + body)
        answered = await reader.readuntil(b"\r\n\r\n")
        if not answered.startswith(b"HTTP/1.1 201"):
            raise RuntimeError(answered[:500].decode("latin-1"))
        length = re.search(rb"content-length: (\d+)", answered, re.IGNORECASE)
        if length:
            answer = await reader.readexactly(int(length[1]))
        else:  # in chunks
            answer = await reader.readuntil(b"\r\n0\r\n\r\n")
        handed_in[_id_in(answer)] = (at, time.perf_counter())
    writer.close()


def _flooded(readers: list[Socket], handed_in: dict[bytes, tuple[float, float]], took: float) -> Flooded:
    from_commit, from_handing_in, missing = [], [], 0
    for socket in readers:
        came: dict[bytes, float] = {}
        for at, text in socket.shown:
            for proposal in ROW.findall(text):
                came.setdefault(proposal, at)
        for proposal, (asked, answered) in handed_in.items():
            if proposal not in came:
                missing += 1
                continue
            from_handing_in.append((came[proposal] - asked) * 1000)
            from_commit.append(max(0.0, came[proposal] - answered) * 1000)
    return Flooded(
        from_commit,
        from_handing_in,
        missing,
        len(handed_in),
        took,
        sum(text.count(b'id="resync"') for socket in readers for _, text in socket.shown),
        sum(socket.received for socket in readers) / len(readers) / took,
        sum(len(socket.shown) for socket in readers) / len(readers) / took,
    )


if __name__ == "__main__":
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if "flood" in sys.argv:
        print(json.dumps(asdict(asyncio.run(flood(Flood(**json.load(sys.stdin)))))))
    else:
        print(json.dumps(asyncio.run(watch(Watch(**json.load(sys.stdin))))))
