"""A WSGI application inside an ASGI server, one hop to a thread and back.

A request is read whole (bounded) before a thread is taken, so that a slow client
holds none; with as many threads as database connections, requests queue here and
never for a connection.
"""

from __future__ import annotations

import asyncio
import io
import sys
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
MAX_BODY = 9 * 1024 * 1024  # above it the application is told the length alone, and refuses


class ClientLeft(Exception):
    """The client closed the connection before it had everything."""


class ThreadBridge:
    def __init__(self, wsgi: Callable[..., Iterable[bytes]], *, threads: int) -> None:
        self.wsgi = wsgi
        self.threads = ThreadPoolExecutor(threads, thread_name_prefix="request")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await _read(receive)
        if body is None:
            return
        loop = asyncio.get_running_loop()
        answer = _Answer(loop, send)
        first = await loop.run_in_executor(self.threads, self._run, scope, body, answer)
        if first is not None:
            for message in first:
                await send(message)

    def _run(self, scope: Scope, body: bytes, answer: _Answer) -> list[dict[str, Any]] | None:
        """Run the application; hand back a short answer whole, or stream a long one from here."""
        result = self.wsgi(_environ(scope, body), answer.start_response)
        try:
            if isinstance(result, list) or not getattr(result, "streaming", False):
                return [answer.start, {"type": "http.response.body", "body": b"".join(result)}]
            answer.stream(result)
            return None
        finally:
            close = getattr(result, "close", None)
            if close:
                close()


class _Answer:
    def __init__(self, loop: asyncio.AbstractEventLoop, send: Send) -> None:
        self.loop = loop
        self.send = send
        self.start: dict[str, Any] = {}

    def start_response(self, status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> None:
        self.start = {
            "type": "http.response.start",
            "status": int(status[:3]),
            "headers": [(k.lower().encode("latin-1"), v.encode("latin-1")) for k, v in headers],
        }

    def stream(self, chunks: Iterable[bytes]) -> None:
        """Send chunk by chunk, each only when the one before is out: memory stays flat."""
        self._deliver(self.start)
        for chunk in chunks:
            self._deliver({"type": "http.response.body", "body": chunk, "more_body": True})
        self._deliver({"type": "http.response.body", "body": b"", "more_body": False})

    def _deliver(self, message: dict[str, Any]) -> None:
        asyncio.run_coroutine_threadsafe(_awaited(self.send(message)), self.loop).result(timeout=60)


async def _awaited(sending: Awaitable[None]) -> None:
    await sending


async def _read(receive: Receive) -> bytes | None:
    """The body, cut where it is longer than anything accepts; None when the client left."""
    message = await receive()
    if message["type"] == "http.disconnect":
        return None
    body = message.get("body", b"")
    if not message.get("more_body"):
        return body
    parts, size = [body], len(body)
    while message.get("more_body"):
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        if size <= MAX_BODY:
            parts.append(message.get("body", b""))
            size += len(parts[-1])
    return b"".join(parts)


def _environ(scope: Scope, body: bytes) -> dict[str, Any]:
    """The WSGI environment (PEP 3333) of an ASGI request."""
    server = scope.get("server") or ("localhost", 80)
    client = scope.get("client") or ("", 0)
    environ: dict[str, Any] = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": scope["path"].encode("utf-8").decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_NAME": server[0],
        "SERVER_PORT": str(server[1]),
        "SERVER_PROTOCOL": "HTTP/" + scope.get("http_version", "1.1"),
        "REMOTE_ADDR": client[0],
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.get("scheme", "http"),
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for raw_name, raw_value in scope["headers"]:
        if b"_" in raw_name:
            continue  # in this environment X_Forwarded_For would pass for X-Forwarded-For
        name = raw_name.decode("latin-1").upper().replace("-", "_")
        value = raw_value.decode("latin-1")
        if name == "CONTENT_LENGTH":
            continue
        key = name if name == "CONTENT_TYPE" else f"HTTP_{name}"
        joiner = "; " if name == "COOKIE" else ","
        environ[key] = environ[key] + joiner + value if key in environ else value
    environ["CONTENT_LENGTH"] = str(len(body))
    return environ
