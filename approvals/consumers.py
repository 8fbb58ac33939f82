"""The socket of an open queue page."""

from __future__ import annotations

import asyncio

from channels.generic.websocket import AsyncWebsocketConsumer

from approvals import live


class QueueConsumer(AsyncWebsocketConsumer):
    """Hands one page what `approvals.live` has for it; listens to nothing and asks nobody."""

    channel_layer_alias = None  # type: ignore[assignment]  # hints are heard once per process
    page: live.Page | None = None
    sending: asyncio.Task[None] | None = None

    async def connect(self) -> None:
        user, session = self.scope["user"], self.scope["session"].session_key or ""
        access = await live.access_of_one(user, session)
        if isinstance(access, int):
            await self.accept()  # a browser is told the code of a socket that was open
            await self.close(access)
            return
        self.page = live.Page((user.pk, session), access, self._close_soon)
        # First: what changes once the page is told that it is open must not be missed.
        await live.current().join(self.page)
        await self.accept()
        self.sending = asyncio.create_task(self._send_all(self.page))

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """A page has nothing to say here."""

    async def disconnect(self, code: int) -> None:
        if self.sending:
            self.sending.cancel()
        if self.page:
            live.current().leave(self.page)

    async def _send_all(self, page: live.Page) -> None:
        while True:
            message = await page.next()
            try:
                await self.send(text_data=message)
            except Exception:  # whatever the server calls a socket that is gone: `disconnect` follows
                return

    def _close_soon(self, code: int) -> None:
        if self.sending:
            self.sending.cancel()
        self._closing = asyncio.ensure_future(self.close(code))
