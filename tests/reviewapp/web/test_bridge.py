from __future__ import annotations

import asyncio
from typing import Any

from reviewapp.web.bridge import ThreadBridge


def environ_of(headers: list[tuple[bytes, bytes]]) -> dict[str, Any]:
    """What an application is told of a request with these headers."""
    seen: dict[str, Any] = {}

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        seen.update(environ)
        start_response("200 OK", [])
        return [b""]

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b""}

    async def send(message: dict[str, Any]) -> None:
        pass

    scope = {"method": "GET", "path": "/", "query_string": b"", "client": ("10.0.0.1", 1), "headers": headers}
    asyncio.run(ThreadBridge(app, threads=1)(scope, receive, send))
    return seen


def test_a_header_with_an_underscore_does_not_pass_for_another() -> None:
    headers = [(b"x-forwarded-for", b"192.0.2.7"), (b"x_forwarded_for", b"198.51.100.1")]
    assert environ_of(headers)["HTTP_X_FORWARDED_FOR"] == "192.0.2.7"


def test_a_header_that_comes_twice_is_one_list() -> None:
    headers = [(b"x-forwarded-for", b"198.51.100.1"), (b"x-forwarded-for", b"192.0.2.7")]
    assert environ_of(headers)["HTTP_X_FORWARDED_FOR"] == "198.51.100.1,192.0.2.7"
