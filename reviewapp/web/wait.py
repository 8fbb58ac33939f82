"""`GET /api/v1/proposals/{id}/?wait=25`: hold the answer until there is one.

A request that waits is a coroutine and nothing else: no thread, no connection.
The question itself is put to the ordinary application, before and after.
"""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any
from urllib.parse import parse_qs

from approvals.live import hub
from audit.asking.parameters import whole
from reviewapp import ending
from reviewapp.web.bridge import Receive, Scope, Send

LONGEST_SECONDS = 55
LOOK_AGAIN_SECONDS = 4.5  # a lost hint costs this much at most; whose key was revoked is out within 5
_ONE_PROPOSAL = re.compile(r"^/api/v1/proposals/([0-9a-f-]{36})/$")


class WaitForResolution:
    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        proposal_id, seconds = _asked_to_wait(scope)
        if proposal_id is None or not seconds:
            await self.app(scope, receive, send)
            return
        leaving = asyncio.ensure_future(_until_client_leaves(receive))
        try:
            answer = await self._ask_until_answered(scope, proposal_id, seconds, leaving)
        finally:
            leaving.cancel()
        for message in answer:
            await send(message)

    async def _ask_until_answered(
        self, scope: Scope, proposal_id: str, seconds: float, leaving: asyncio.Future[None]
    ) -> list[dict[str, Any]]:
        """The first answer that is not "pending"; after `seconds` whatever there is, with Retry-After.

        So too when the process is about to end: the next one goes on with it.
        """
        clock = asyncio.get_running_loop().time
        until = clock() + seconds
        with hub.listening(proposal_id) as changed, ending.noticed() as notice:
            answer = await self._ask(scope)
            while _is_pending(answer) and clock() < until and not leaving.done() and not notice.done():
                waiting = asyncio.ensure_future(changed.wait())
                timeout = min(until - clock(), LOOK_AGAIN_SECONDS)
                news: set[asyncio.Future[Any]] = {waiting, leaving, notice}
                await asyncio.wait(news, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
                waiting.cancel()
                answer = await self._ask(scope)
        if _is_pending(answer):
            answer[0]["headers"].append((b"retry-after", b"1"))
        return answer

    async def _ask(self, scope: Scope) -> list[dict[str, Any]]:
        """The ordinary application's answer to the same request."""
        answer: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: dict[str, Any]) -> None:
            answer.append(message)

        await self.app(scope, receive, send)
        return answer


async def _until_client_leaves(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _asked_to_wait(scope: Scope) -> tuple[str | None, float]:
    """The proposal and the seconds, 0 where nothing sensible was asked (the view refuses nonsense)."""
    matched = _ONE_PROPOSAL.match(scope["path"]) if scope["method"] == "GET" else None
    if not matched or b"wait=" not in scope["query_string"]:
        return None, 0
    value = parse_qs(scope["query_string"].decode("latin-1")).get("wait", ["0"])[-1]
    return matched[1], whole(value, most=LONGEST_SECONDS) or 0


def _is_pending(answer: list[dict[str, Any]]) -> bool:
    if not answer or answer[0].get("status") != 200:
        return False
    body = json.loads(b"".join(message.get("body", b"") for message in answer[1:]))
    return bool(body.get("status") == "pending")
