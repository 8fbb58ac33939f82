"""The sockets of open pages."""

from __future__ import annotations

import asyncio
from urllib.parse import parse_qs

from channels.generic.websocket import AsyncWebsocketConsumer

from approvals.live import access, banners, executions, process, still_allowed
from approvals.live.page import Page
from approvals.telling import bell


class PageConsumer(AsyncWebsocketConsumer):
    """Hands one page what there is for it; listens to nothing and asks nobody."""

    channel_layer_alias = None  # type: ignore[assignment]  # hints are heard once per process
    allowed = staticmethod(access.frame_of)  # what somebody may see, or the code to close the socket with
    page: Page | None = None
    sending: asyncio.Task[None] | None = None

    async def connect(self) -> None:
        user, session = self.scope["user"], self.scope["session"].session_key or ""
        seen = self.allowed(await process.standing_of_one(user, session))
        if isinstance(seen, int):
            await self.accept()  # a browser is told the code of a socket that was open
            await self.close(seen)
            return
        self.page = Page((user.pk, session), seen, self._close_soon, allowed=self.allowed)
        # First: what changes once the page is told that it is open must not be missed.
        await self.join(self.page)
        bell.current().join(self.page)
        still_allowed.current().join(self.page)
        await self.accept()
        self.sending = asyncio.create_task(self._send_all(self.page))

    async def join(self, page: Page) -> None:
        raise NotImplementedError

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """A page has nothing to say here."""

    async def disconnect(self, code: int) -> None:
        if self.sending:
            self.sending.cancel()
        if self.page:
            process.current().leave(self.page)
            executions.current().leave(self.page)
            banners.current().leave(self.page)
            bell.current().leave(self.page)
            still_allowed.current().leave(self.page)

    def said(self, name: str) -> str:
        """What the page says of itself in the address of its socket."""
        return parse_qs(self.scope["query_string"].decode("latin-1")).get(name, [""])[0]

    async def begin(self, page: Page) -> None:
        """What it is told first, once it is open."""

    async def _send_all(self, page: Page) -> None:
        await self.begin(page)
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


class QueueConsumer(PageConsumer):
    """An open queue: its rows, and the banner."""

    allowed = staticmethod(access.desk_of)

    async def join(self, page: Page) -> None:
        await process.current().join(page)
        banners.current().join(page, seen=self.said("seen"))  # with this banner it was drawn

    async def begin(self, page: Page) -> None:
        if since := self.said("since"):
            await process.current().catch_up(page, since)


class NoticeConsumer(PageConsumer):
    """Any other page of somebody who is signed in: the banner alone."""

    async def join(self, page: Page) -> None:
        banners.current().join(page, seen=self.said("seen"))


class ExecutionsConsumer(NoticeConsumer):
    """A page of executions, or that of one: that something it shows changed, and the banner."""

    allowed = staticmethod(access.executions_of)

    async def join(self, page: Page) -> None:
        executions.current().join(page, of=self.said("of"))
        await super().join(page)
