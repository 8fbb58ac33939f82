"""A WSGI application inside an ASGI server, one hop to a thread and back.

A request is read whole (bounded, in size and in time) before a thread is taken, so that a
slow client holds none; with as many threads as database connections, requests queue here
and never for a connection.
"""

from __future__ import annotations

import asyncio
import io
import sys
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import unquote_to_bytes

from reviewapp.web.incoming import REFUSED, Refused

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
MAX_BODY = 9 * 1024 * 1024  # above it the application is told the length alone, and refuses
BODY_SECONDS = 30  # so long a body may take to arrive
_TOO_SLOW = Refused(
    408, "BodyTooSlow", f"The body did not arrive within {BODY_SECONDS} seconds.", closes=True
)
_CUT_SHORT = Refused(
    400, "BodyCutShort", "The body ended before its length, or its chunks can't be read.", closes=True
)
_TWO_LENGTHS = Refused(
    400, "TwoLengths", "Send Content-Length or Transfer-Encoding, not both.", "Content-Length", closes=True
)


class ThreadBridge:
    def __init__(self, wsgi: Callable[..., Iterable[bytes]], *, threads: int) -> None:
        self.wsgi = wsgi
        self.threads = ThreadPoolExecutor(threads, thread_name_prefix="request")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = _TWO_LENGTHS if _has_two_lengths(scope) else await _read(receive)
        loop = asyncio.get_running_loop()
        answer = _Answer(loop, send)
        first = await loop.run_in_executor(self.threads, self._run, scope, body, answer)
        if first is not None:
            for message in first:
                await send(message)

    def _run(self, scope: Scope, body: bytes | Refused, answer: _Answer) -> list[dict[str, Any]] | None:
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


def _has_two_lengths(scope: Scope) -> bool:
    """Where they differ, who stands before us may have read another request than we do."""
    names = {name for name, _ in scope["headers"]}
    return b"content-length" in names and b"transfer-encoding" in names


async def _read(receive: Receive) -> bytes | Refused:
    """The body, cut where it is longer than anything accepts; or why there is none."""
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return await _whole(receive)
    except TimeoutError:
        return _TOO_SLOW


async def _whole(receive: Receive) -> bytes | Refused:
    parts, size, more = [], 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":  # also told of a client that is there, and sent nonsense
            return _CUT_SHORT
        if size <= MAX_BODY:
            parts.append(message.get("body", b""))
            size += len(parts[-1])
        more = message.get("more_body", False)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _environ(scope: Scope, body: bytes | Refused) -> dict[str, Any]:
    """The WSGI environment (PEP 3333) of an ASGI request."""
    if isinstance(body, Refused):
        return {**_environ(scope, b""), REFUSED: body}
    server = scope.get("server") or ("localhost", 80)
    client = scope.get("client") or ("", 0)
    environ: dict[str, Any] = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": _path(scope).decode("latin-1"),
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


def _path(scope: Scope) -> bytes:
    """As it came: what was made of bytes that are not UTF-8 would be another path."""
    raw = scope.get("raw_path")
    return unquote_to_bytes(raw) if raw else scope["path"].encode()
