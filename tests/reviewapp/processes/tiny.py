"""An application for tests of what serves it: it answers at once, or under `/end` when its process ends."""

from __future__ import annotations

from typing import Any

from reviewapp import ending


async def application(scope: Any, receive: Any, send: Any) -> None:
    if scope["path"] == "/end":
        with ending.noticed() as notice:
            await notice
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})
