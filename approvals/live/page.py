"""One open page: what is to be sent to its socket."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from approvals.live.access import Access, Key, Standing, frame_of

MOST_UNSENT = 32  # messages that wait for a slow page, before it is told to read its list again
RESYNC = '<div id="resync"></div>'


class Page:
    """What is to be sent to one socket. It never holds more than `MOST_UNSENT` messages."""

    def __init__(
        self,
        key: Key,
        access: Access,
        close: Callable[[int], None],
        *,
        allowed: Callable[[Standing | None], Access | int] = frame_of,
    ) -> None:
        self.key = key
        self.access = access
        self.allowed = allowed  # what somebody who stands so may see, or the code to close the page with
        self.close = close
        self._unsent: deque[str] = deque()
        self._banner = ""
        self._bell = ""
        self.seen = ""  # the version of the banner that it shows
        self._news = asyncio.Event()

    def put(self, message: str) -> None:
        if len(self._unsent) >= MOST_UNSENT:
            self._unsent.clear()
            message = RESYNC
        self._unsent.append(message)
        self._news.set()

    def say(self, banner: str) -> None:
        """The newest banner counts, and is never put away for too many rows."""
        self._banner = banner
        self._news.set()

    def ring(self, bell: str) -> None:
        """The newest number on the bell counts."""
        self._bell = bell
        self._news.set()

    async def next(self) -> str:
        """Everything that waits, as one message."""
        await self._news.wait()
        self._news.clear()
        message = "".join([self._banner, self._bell, *self._unsent])
        self._banner = self._bell = ""
        self._unsent.clear()
        return message
