"""From which pages a socket may be opened: our own, by the address that it asks or the public one."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from reviewapp.web.origin import OwnOrigin


def is_let_in(origin: str | None, host: str | None) -> bool:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "websocket.accept"})

    sent: list[str] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message["type"])

    heard = iter([{"type": "websocket.connect"}, {"type": "websocket.disconnect", "code": 1000}])

    async def receive() -> dict[str, Any]:
        return next(heard)

    headers = [(n, v.encode()) for n, v in [(b"origin", origin), (b"host", host)] if v is not None]
    asyncio.run(OwnOrigin(app)({"type": "websocket", "headers": headers}, receive, send))
    return sent == ["websocket.accept"]


@pytest.fixture(autouse=True)
def _ours(settings: Any) -> None:
    settings.PUBLIC_URL = "https://Review.example"
    settings.ALLOWED_HOSTS = ["review.example", "localhost", "[::1]"]


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("https://review.example", "review.example"),
        ("https://REVIEW.example", "10.0.0.1"),  # a proxy asks by another name; the page is the public one
        ("http://localhost:8000", "localhost:8000"),
        ("http://LOCALHOST:8000", "localhost:8000"),
        ("http://[::1]:8000", "[::1]:8000"),
    ],
)
def test_our_own_pages_are_let_in(origin: str, host: str) -> None:
    assert is_let_in(origin, host)


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("https://evil.example", "review.example"),
        ("https://review.example.evil.example", "review.example"),
        ("https://evilreview.example", "review.example"),
        ("http://review.example:8001", "review.example"),  # another port has the same cookies
        ("http://localhost:8001", "localhost:8000"),
        ("ws://localhost:8000", "localhost:8000"),
        ("null", "localhost:8000"),
        ("", "localhost:8000"),
        (None, "localhost:8000"),
        ("http://evil.example", "evil.example"),  # a name of theirs that leads here
        ("http://", ""),
        ("http://localhost", None),
        (None, None),
    ],
)
def test_no_other_page_is(origin: str | None, host: str | None) -> None:
    assert not is_let_in(origin, host)
