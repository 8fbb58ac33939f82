from __future__ import annotations

import asyncio
from typing import Any

from reviewapp import ending
from reviewapp.web.closing import ClosesAtOnce


class Server:
    """Like granian: a socket is closed only when nobody waits to hear from the browser."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self.hearing = asyncio.Lock()

    async def receive(self) -> dict[str, Any]:
        async with self.hearing:
            await asyncio.Event().wait()
        raise AssertionError("The browser says nothing.")

    async def send(self, message: dict[str, Any]) -> None:
        async with self.hearing:
            self.sent.append(message)


def test_a_socket_closes_while_the_application_waits_for_the_browser() -> None:
    heard: list[dict[str, Any]] = []

    async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
        hearing = asyncio.ensure_future(receive())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await send({"type": "websocket.close", "code": 4401})
        heard.extend([await hearing, await receive()])

    async def story() -> list[dict[str, Any]]:
        server = Server()
        async with asyncio.timeout(30):
            await ClosesAtOnce(app)({}, server.receive, server.send)
        return server.sent

    assert asyncio.run(story()) == [{"type": "websocket.close", "code": 4401}]
    assert heard == [{"type": "websocket.disconnect", "code": 4401}] * 2


def test_who_is_cancelled_ceases_to_wait() -> None:
    async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
        hearing = asyncio.ensure_future(receive())
        await asyncio.sleep(0)
        hearing.cancel()
        await asyncio.wait([hearing])
        assert hearing.cancelled()

    async def story() -> bool:
        server = Server()
        await ClosesAtOnce(app)({}, server.receive, server.send)
        await asyncio.sleep(0)
        return server.hearing.locked()

    assert asyncio.run(story()) is False


def test_when_the_process_ends_the_browser_is_told_to_come_again() -> None:
    async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
        assert await receive() == {"type": "websocket.disconnect", "code": 1012}

    async def story() -> list[dict[str, Any]]:
        server = Server()
        socket = asyncio.ensure_future(ClosesAtOnce(app)({}, server.receive, server.send))
        await asyncio.sleep(0.01)
        ending.begin()
        async with asyncio.timeout(30):
            await socket
        return server.sent

    assert asyncio.run(story()) == [{"type": "websocket.close", "code": 1012}]
