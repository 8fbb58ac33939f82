"""Waiting for an answer, over real HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from asgiref.testing import ApplicationCommunicator
from django.db import connection

from reviewapp import ending
from reviewapp.web import wait
from suggestions.answering.withdraw import withdraw

pytestmark = pytest.mark.django_db(transaction=True)


def request(path: str, key: str, query: str) -> dict[str, Any]:
    return {
        "type": "http",
        "http_version": "1.1",
        "method": "GET",
        "path": path,
        "query_string": query.encode(),
        "headers": [(b"authorization", f"Bearer {key}".encode()), (b"host", b"localhost")],
    }


async def answered(
    communicator: ApplicationCommunicator, timeout: float
) -> tuple[int, dict[bytes, bytes], bytes]:
    start = await communicator.receive_output(timeout)
    body = await communicator.receive_output(timeout)
    return start["status"], dict(start["headers"]), body["body"]


async def ask(proposal: Any, key: str, seconds: Any) -> ApplicationCommunicator:
    from reviewapp.asgi import application

    scope = request(f"/api/v1/proposals/{proposal.pk}/", key, f"wait={seconds}")
    communicator = ApplicationCommunicator(application, scope)
    await communicator.send_input({"type": "http.request", "body": b"", "more_body": False})
    return communicator


@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What was found at first: whoever found that there is no answer yet waits from then on."""
    found: list[Any] = []
    ask_once = wait.WaitForResolution._ask

    async def noted(self: Any, scope: Any) -> Any:
        answer = await ask_once(self, scope)
        found.append(answer)
        return answer

    monkeypatch.setattr(wait.WaitForResolution, "_ask", noted)
    return found


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not true():
            await asyncio.sleep(0.02)


def test_the_answer_comes_with_the_change(
    proposal: Any, agent: Any, agent_key: str, looked: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wait, "LOOK_AGAIN_SECONDS", 600)  # only a hint can bring it before the test gives up

    async def scenario() -> tuple[int, bytes]:
        communicator = await ask(proposal, agent_key, 50)
        await until(lambda: len(looked) >= 1)
        await sync_to_async(withdraw_now, thread_sensitive=False)()
        status, _headers, body = await answered(communicator, 30)
        return status, body

    def withdraw_now() -> None:
        withdraw(proposal.pk, agent=agent)
        connection.close()

    status, body = asyncio.run(scenario())
    assert status == 200
    assert b'"status":"withdrawn"' in body


def test_a_hundred_wait_without_a_thread_or_a_connection_each(
    proposal: Any, agent_key: str, looked: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wait, "LOOK_AGAIN_SECONDS", 600)

    def connections() -> int:
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")
            return int(cursor.fetchone()[0])

    async def scenario() -> int:
        waiting = [await ask(proposal, agent_key, 50) for _ in range(100)]
        await until(lambda: len(looked) >= 100)  # more, where a hint of the one before arrives meanwhile
        held = await sync_to_async(connections, thread_sensitive=False)()
        for communicator in waiting:
            with contextlib.suppress(asyncio.CancelledError):
                communicator.future.cancel()
        return held

    assert asyncio.run(scenario()) < 12


def test_nobody_waits_longer_than_asked(proposal: Any, agent_key: str) -> None:
    async def scenario() -> None:
        communicator = await ask(proposal, agent_key, 1)
        began = time.perf_counter()
        status, headers, body = await answered(communicator, 30)
        assert 0.9 < time.perf_counter() - began < 20
        assert (status, headers[b"retry-after"]) == (200, b"1")
        assert b'"status":"pending"' in body

    asyncio.run(scenario())


def test_when_the_process_ends_whoever_waits_is_answered(
    proposal: Any, agent_key: str, looked: list[Any]
) -> None:
    async def story() -> tuple[int, dict[bytes, bytes], bytes]:
        waiting = await ask(proposal, agent_key, 50)
        await until(lambda: bool(looked))
        ending.begin()
        return await answered(waiting, timeout=30)

    status, headers, body = asyncio.run(story())
    assert (status, headers[b"retry-after"]) == (200, b"1")
    assert b'"pending"' in body


@pytest.mark.parametrize("seconds", [56, -1, "soon", "1e1", ""])
def test_nonsense_is_refused_at_once(proposal: Any, agent_key: str, seconds: Any) -> None:
    async def scenario() -> int:
        return (await answered(await ask(proposal, agent_key, seconds), 5))[0]

    assert asyncio.run(scenario()) == 422


def test_a_stranger_waits_for_nothing(proposal: Any, agent_key: str) -> None:
    async def scenario() -> int:
        return (await answered(await ask(proposal, "rk_wrong", 20), 5))[0]

    assert asyncio.run(scenario()) == 401
