"""A socket that is closed is closed at once."""

from __future__ import annotations

import asyncio
from typing import Any

from reviewapp import ending
from reviewapp.web.origin import Application

RESTART = 1012  # "service restart": whoever hears it connects again


class ClosesAtOnce:
    """Ends what an application waits to hear from a browser before it closes the socket.

    Granian (2.8) sends no close frame while `receive` waits, and with Channels it always waits: the socket
    stayed open until the browser said something, which an open page never does.
    """

    def __init__(self, app: Application) -> None:
        self.app = app

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        socket = _Socket(receive, send)
        with ending.noticed() as notice:
            notice.add_done_callback(socket.restart)
            await self.app(scope, socket.receive, socket.send)


class _Socket:
    def __init__(self, receive: Any, send: Any) -> None:
        self._receive = receive
        self._send = send
        self._hearing: asyncio.Future[dict[str, Any]] | None = None
        self._code: int | None = None
        self._closing: asyncio.Future[None] | None = None

    def restart(self, notice: asyncio.Future[Any]) -> None:
        """The process ends: the browser is to come again, to the next one."""
        if not notice.cancelled():
            self._closing = asyncio.ensure_future(self.send({"type": "websocket.close", "code": RESTART}))

    async def receive(self) -> dict[str, Any]:
        if self._code is None:
            self._hearing = asyncio.ensure_future(self._receive())
            try:
                return await self._hearing
            except asyncio.CancelledError:
                if self._code is None:
                    self._hearing.cancel()
                    raise
        return {"type": "websocket.disconnect", "code": self._code}

    async def send(self, message: dict[str, Any]) -> None:
        if message["type"] == "websocket.close" and self._code is None:
            self._code = message.get("code", 1000)
            if self._hearing and not self._hearing.done():
                self._hearing.cancel()
                await asyncio.wait([self._hearing])
        await self._send(message)
