"""The sockets of open pages."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import parse_qs

from channels.generic.websocket import AsyncWebsocketConsumer
from django.contrib.auth.models import AnonymousUser

from approvals.live import access, banners, process, still_allowed
from approvals.live.page import Page
from approvals.telling import bell


class PageConsumer(AsyncWebsocketConsumer):
    """Hands one page what there is for it; listens to nothing and asks nobody."""

    channel_layer_alias = None  # type: ignore[assignment]  # hints are heard once per process
    on_desk = False
    page: Page | None = None
    sending: asyncio.Task[None] | None = None

    async def connect(self) -> None:
        user, session = self.scope["user"], self.scope["session"].session_key or ""
        allowed = await self.access(user, session)
        if isinstance(allowed, int):
            await self.accept()  # a browser is told the code of a socket that was open
            await self.close(allowed)
            return
        self.page = Page((user.pk, session), allowed, self._close_soon, on_desk=self.on_desk)
        # First: what changes once the page is told that it is open must not be missed.
        await self.join(self.page)
        bell.current().join(self.page)
        still_allowed.current().join(self.page)
        await self.accept()
        self.sending = asyncio.create_task(self._send_all(self.page))

    async def access(self, user: Any, session: str) -> access.Access | int:
        """What this person may see, or the code to close the socket with."""
        raise NotImplementedError

    async def join(self, page: Page) -> None:
        raise NotImplementedError

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """A page has nothing to say here."""

    async def disconnect(self, code: int) -> None:
        if self.sending:
            self.sending.cancel()
        if self.page:
            process.current().leave(self.page)
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

    on_desk = True

    async def access(self, user: Any, session: str) -> access.Access | int:
        return await process.access_of_one(user, session)

    async def join(self, page: Page) -> None:
        await process.current().join(page)
        banners.current().join(page, seen=self.said("seen"))  # with this banner it was drawn

    async def begin(self, page: Page) -> None:
        if since := self.said("since"):
            await process.current().catch_up(page, since)


class NoticeConsumer(PageConsumer):
    """Any other page of somebody who is signed in: the banner alone."""

    async def access(self, user: Any, session: str) -> access.Access | int:
        if isinstance(user, AnonymousUser):
            return access.SIGNED_OUT
        if not await process.in_thread(access.standing_of, {(user.pk, session)}):
            return access.SIGNED_OUT
        return access.Access(frozenset())

    async def join(self, page: Page) -> None:
        banners.current().join(page, seen=self.said("seen"))
