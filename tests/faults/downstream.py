"""A service that approved actions call, as bad as services are, and the books it keeps.

    with Downstream(seed=7) as shop:
        shop.url, shop.effects("#c1-4"), shop.told

`POST /bare/…` acts each time it is asked; `POST /keyed/…` acts once for an `Idempotency-Key`, however often
it is asked; `POST /never/…` refuses. `POST /told/…` takes callbacks and never fails. In what way it is bad is
drawn from seed, order and the number of the request. Who has to know at once what it did or was told takes it
from `did` and `heard`.
"""

from __future__ import annotations

import asyncio
import json
import random
import struct
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from queue import SimpleQueue
from socket import SO_LINGER, SOL_SOCKET
from typing import Any, NamedTuple

PATIENCE = 1.0  # seconds that whoever calls it should wait at most; it is late after more
BAD = 0.25  # of the requests
# Each with whether it acts before it is bad.
MOODS = {
    "hangs": False,
    "resets": False,
    "refuses with 503": False,
    "500 before": False,
    "late after": True,
    "500 after": True,
    "half-closes after": True,
    "garbage after": True,
    "drips after": True,
}


@dataclass(frozen=True)
class Call:
    """One request, as the books have it. `at` is the moment at which it had been read, by the wall clock."""

    at: float
    path: str
    key: str
    order: str
    amount: float
    mood: str
    acted: bool


class Request(NamedTuple):
    """What was asked."""

    path: str
    headers: dict[str, str]
    body: Any


class Downstream:
    """Use it as a context; it answers in a thread of its own."""

    def __init__(
        self, *, seed: object = 0, port: int = 0, bad: float = BAD, patience: float = PATIENCE
    ) -> None:
        self.seed, self.port, self.bad, self.patience = seed, port, bad, patience
        self.calls: list[Call] = []
        self.told: dict[str, list[Any]] = defaultdict(list)  # by webhook-id, each time it arrived
        self.did: SimpleQueue[Call] = SimpleQueue()  # what acted
        self.heard: SimpleQueue[tuple[str, Any]] = SimpleQueue()  # what it was told, with the order
        self._tries: Counter[str] = Counter()
        self._keys: set[str] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="downstream", daemon=True)
        self._server: asyncio.Server | None = None

    def __enter__(self) -> Downstream:
        self._thread.start()
        self.open()
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)

    @property
    def place(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"http://{self.place}"

    def open(self) -> None:
        """Listen; whoever calls is answered again."""
        self._run(self._open())

    def close(self) -> None:
        """Refuse every connection from now on."""
        self._run(self._close())

    def settle(self) -> None:
        """Read every request that has arrived by now, however busy this process is."""
        self._run(_rounds())

    def effects(self, order: str) -> list[Call]:
        """What was done for an order."""
        return [call for call in list(self.calls) if call.order == order and call.acted]

    def _run(self, work: Awaitable[None]) -> None:
        async def awaited() -> None:
            await work

        asyncio.run_coroutine_threadsafe(awaited(), self._loop).result(60)

    async def _open(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, backlog=1_000)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        if self._server:
            self._server.close()
            self._server = None

    # --- One request ------------------------------------------------------------------------

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            request = await _read(reader)
            if request.path.startswith("/told/"):
                self.told[request.headers["webhook-id"]].append(request.body)
                self.heard.put(("#" + request.path.rpartition("/")[2], request.body))
                await _answer(writer, 200)
            elif request.path.startswith("/never/"):
                await _answer(writer, 422)
            elif request.path.startswith("/books/"):
                done = len(self.effects("#" + request.path.rpartition("/")[2]))
                await _answer(writer, 200, {"effects": done})
            else:
                await self._act(request, reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass  # whoever asked is gone
        finally:
            writer.close()

    async def _act(
        self, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        mood = self._mood(request)
        if mood == "slow":
            await asyncio.sleep(self.patience * 0.3)
        acts = MOODS.get(mood, True) and self._acts(request)
        self._note(request, mood, acts)
        misbehave = _MISBEHAVIOUR.get(mood)
        if misbehave:
            await misbehave(self, reader, writer)
        else:
            await _answer(writer, 200, {"id": request.headers.get("idempotency-key", ""), "acted": acts})

    def _mood(self, request: Request) -> str:
        """How it behaves, the same for the same request in every run of one seed."""
        name = f"{request.path} {request.body['order_id']}"
        self._tries[name] += 1
        drawn = random.Random(f"{self.seed} {name} {self._tries[name]}")
        if drawn.random() < self.bad:
            return drawn.choice(list(MOODS))
        return "slow" if drawn.random() < 0.2 else "well"

    def _acts(self, request: Request) -> bool:
        key = request.headers.get("idempotency-key", "")
        if request.path.startswith("/keyed/") and key in self._keys:
            return False
        self._keys.add(key)
        return True

    def _note(self, request: Request, mood: str, acted: bool) -> None:
        key, body = request.headers.get("idempotency-key", ""), request.body
        call = Call(time.time(), request.path, key, body["order_id"], body["amount"], mood, acted)
        self.calls.append(call)
        if acted:
            self.did.put(call)

    # --- The ways to be bad -----------------------------------------------------------------

    async def _hang(self, reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.read()  # until the other side gives up

    async def _reset(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    async def _refuse(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _answer(writer, 503, headers="Retry-After: 0\r\n")

    async def _fail(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _answer(writer, 500)

    async def _be_late(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(self.patience * 1.5)
        await _answer(writer, 200)

    async def _half_close(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"id": "')
        writer.write_eof()
        await writer.drain()

    async def _send_garbage(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(bytes(range(256)) * 4)
        await writer.drain()

    async def _drip(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}":
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(self.patience / 10)


_Misbehaviour = Callable[[Downstream, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
_MISBEHAVIOUR: dict[str, _Misbehaviour] = {
    "hangs": Downstream._hang,
    "resets": Downstream._reset,
    "refuses with 503": Downstream._refuse,
    "500 before": Downstream._fail,
    "late after": Downstream._be_late,
    "500 after": Downstream._fail,
    "half-closes after": Downstream._half_close,
    "garbage after": Downstream._send_garbage,
    "drips after": Downstream._drip,
}


async def _rounds() -> None:
    for _ in range(20):  # a connection is taken, read and acted on in a few
        await asyncio.sleep(0)


async def _read(reader: asyncio.StreamReader) -> Request:
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    content = await reader.readexactly(int(headers.get("content-length", 0)))
    return Request(first.split()[1], headers, json.loads(content) if content else None)


async def _answer(
    writer: asyncio.StreamWriter, status: int, content: Any = None, *, headers: str = ""
) -> None:
    body = json.dumps(content or {}).encode()
    head = (
        f"HTTP/1.1 {status} .\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n{headers}"
    )
    writer.write(head.encode() + b"\r\n" + body)
    await writer.drain()
