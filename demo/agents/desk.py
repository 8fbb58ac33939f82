"""The review desk as an agent's client sees it: asks calmly, waits when told to, goes on when it is back."""

import asyncio
from typing import Any

import httpx

from demo.agents.log import say

Json = dict[str, Any]

LONGEST_PAUSE = 30.0
LONGEST_RETRY_AFTER = 120.0
WAIT = 25  # seconds a long poll may be held
CONFLICTS = 5  # tries, after which a conflict is taken for an answer


class NotNow(Exception):
    """The server gave no usable answer; `after` is how long it asked to be left alone, if it did."""

    def __init__(self, why: str, after: float | None = None) -> None:
        super().__init__(why)
        self.after = after


class No(Exception):
    """The server understood and refused; asking again would not help."""


class Conflict(No):
    """The same key is still on its way, or somebody was first; a few more tries will tell."""

    def __init__(self, why: str, after: float | None = None) -> None:
        super().__init__(why)
        self.after = after


class Desk:
    """One agent's way to the API, with that agent's key."""

    def __init__(self, url: str, agent: str, key: str) -> None:
        self.agent = agent
        self._away = False
        self._client = httpx.AsyncClient(
            base_url=url.rstrip("/") + "/api/v1/",
            headers={"Authorization": f"Bearer {key}", "Accept": "application/json"},
            timeout=httpx.Timeout(15, read=WAIT + 15),
        )

    async def submit(self, body: Json, key: str) -> Json:
        """Hand a proposal in, under one key however often it takes. Raises `No`."""
        return await self._until_answered("POST", "proposals/", json=body, headers={"Idempotency-Key": key})

    async def wait_for(self, proposal_id: str) -> Json:
        """The proposal once it is resolved, or as it is when the server stops waiting. Raises `No`."""
        return await self._until_answered("GET", f"proposals/{proposal_id}/", params={"wait": WAIT})

    async def listed(self, status: str, most: int) -> list[Json]:
        """This agent's proposals in that status, no more than asked for. Raises `No`."""
        found: list[Json] = []
        params: Json | None = {"status": status}
        while params and len(found) < most:
            page = await self._until_answered("GET", "proposals/", params=params)
            if not isinstance(page.get("proposals"), list):
                raise No("a list without proposals")
            found += page["proposals"]
            params = _next_page(page.get("next"), status)
        return found[:most]

    async def execution(self, proposal_id: str) -> Json:
        """How carrying it out stands. Raises `No`."""
        return await self._until_answered("GET", f"proposals/{proposal_id}/execution/")

    async def begin(self, proposal_id: str, holder: str) -> Json:
        """The one grant of what was handed back. Raises `Conflict` where another process has it."""
        path = f"proposals/{proposal_id}/execution/begin/"
        return await self._until_answered("POST", path, json={"holder": holder}, conflicts=1)

    async def report(self, proposal_id: str, outcome: str, detail: str, token: str) -> Json:
        """Say what came of it, as often as it takes. Raises `No`."""
        body = {"outcome": outcome, "detail": detail, "token": token}
        return await self._until_answered("POST", f"proposals/{proposal_id}/result/", json=body)

    async def _until_answered(
        self, method: str, path: str, *, conflicts: int = CONFLICTS, **request: Any
    ) -> Json:
        pause = 1.0
        while True:
            try:
                answer = await self._ask(method, path, **request)
            except Conflict as conflict:
                conflicts -= 1
                if conflicts == 0:
                    raise
                await asyncio.sleep(conflict.after or 1.0)
            except NotNow as reason:
                self._note_away(str(reason))
                await asyncio.sleep(min(reason.after or pause, LONGEST_RETRY_AFTER))
                pause = min(pause * 2, LONGEST_PAUSE)
            else:
                self._note_back()
                return answer

    async def _ask(self, method: str, path: str, **request: Any) -> Json:
        try:
            response = await self._client.request(method, path, **request)
        except httpx.HTTPError as error:
            raise NotNow(type(error).__name__) from None
        status = response.status_code
        if status == 409:
            raise Conflict(f"409 {_detail(response)}", _retry_after(response))
        if status in {425, 429} or status >= 500:
            raise NotNow(f"{status} {_detail(response)}", _retry_after(response))
        if status >= 300:
            raise No(f"{status} {_detail(response)}")
        try:
            answer = response.json()
        except ValueError:
            raise NotNow("an answer that is not JSON") from None
        if not isinstance(answer, dict):
            raise NotNow("an answer that is not an object")
        return answer

    def _note_away(self, why: str) -> None:
        if not self._away:
            say(self.agent, f"waiting: {why}")
        self._away = True

    def _note_back(self) -> None:
        if self._away:
            say(self.agent, "going on")
        self._away = False


def _next_page(following: Any, status: str) -> Json | None:
    """The parameters of the next page; a link's host is never followed, for the key goes along."""
    if not isinstance(following, str) or not following:
        return None
    query = dict(httpx.URL(following).params) if "?" in following else {"cursor": following}
    return {"status": status, **query}


def _detail(response: httpx.Response) -> str:
    try:
        problem = response.json()
        text = str(problem.get("detail") or problem.get("title") or "")
    except (ValueError, AttributeError):
        text = ""
    return text[:200]


def _retry_after(response: httpx.Response) -> float | None:
    text = response.headers.get("Retry-After", "")
    return float(text) if text.isdecimal() and len(text) < 9 else None
