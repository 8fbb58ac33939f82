"""What stands above every open page: told within a second, whatever becomes of the hint."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from approvals.live import banners
from approvals.live.access import Access
from approvals.live.page import MOST_UNSENT, Page
from audit.ground.actors import SYSTEM
from execution.running import heartbeats
from governance.trust import halts
from tests.approvals.live.test_live import Socket, browser, in_thread, run

pytestmark = pytest.mark.django_db(transaction=True)


def throw(**what: Any) -> Any:
    return halts.throw("everything", reason="Refunds <b>run</b> \u202ewild.", actor=SYSTEM, **what)


@pytest.fixture(autouse=True)
def _nobody_is_silent(transactional_db: None) -> None:
    for part in heartbeats.PARTS:
        heartbeats.beat(part)


async def opened(client: Any, path: str, seen: str = "") -> Socket:
    socket = Socket(client, path=f"{path}?seen={seen}" if seen else path)
    assert await socket.connect()
    return socket


@pytest.mark.parametrize("path", ["/ws/notices/", "/ws/queue/"])
@pytest.mark.parametrize("hinted", [True, False])
def test_every_open_page_is_told_within_a_second(
    ana: Any, path: str, hinted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = browser(ana)
    if not hinted:
        monkeypatch.setattr(halts, "announce_notice", lambda: None)

    async def story() -> tuple[str, float]:
        socket = await opened(client, path, banners.banner().version)
        await asyncio.sleep(0.3)
        began = time.monotonic()
        await in_thread(throw)()
        message = await socket.text(timeout=3)
        took = time.monotonic() - began
        await socket.disconnect()
        return message, took

    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
    message, took = run(story)
    assert message == banners.banner().html
    assert "Stopped: <bdi>everything</bdi>." in message
    assert "Refunds &lt;b&gt;run&lt;/b&gt; [U+202E]wild." in message
    assert "By <bdi>the console</bdi>" in message
    assert took < (0.5 if hinted else 1.2), took


def test_a_page_that_was_drawn_before_is_told_when_it_opens_its_socket(ana: Any) -> None:
    client, before = browser(ana), banners.banner().version
    throw()

    async def story() -> str:
        socket = await opened(client, "/ws/notices/", before)
        message = await socket.text(timeout=3)
        await socket.disconnect()
        return message

    assert run(story) == banners.banner().html


def test_a_page_that_knows_is_told_nothing(ana: Any) -> None:
    client = browser(ana)
    throw()
    known = banners.banner().version

    async def story() -> bool:
        first = await opened(client, "/ws/notices/", known)
        second = await opened(client, "/ws/notices/", known)
        quiet = await first.receive_nothing(timeout=1.5) and await second.receive_nothing(timeout=0.1)
        for socket in (first, second):
            await socket.disconnect()
        return quiet

    assert run(story)


def test_it_goes_when_it_is_lifted(ana: Any, olga: Any) -> None:
    client, halt = browser(ana), throw()
    known = banners.banner().version

    async def story() -> str:
        socket = await opened(client, "/ws/notices/", known)
        await asyncio.sleep(0.3)
        await in_thread(halts.lift)(halt, reason="over", by=olga, actor=SYSTEM)
        message = await socket.text(timeout=3)
        await socket.disconnect()
        return message

    assert run(story) == banners.banner().html
    assert 'class="banner"' in banners.banner().html
    assert "hidden" in banners.banner().html


def test_a_flood_of_rows_does_not_wash_it_away() -> None:

    async def story() -> str:
        page = Page((1, "s"), Access(frozenset()), lambda code: None)
        page.say("<b>stopped</b>")
        for n in range(MOST_UNSENT + 5):
            page.put(f"<li>{n}</li>")
        return await page.next()

    assert run(story).startswith("<b>stopped</b>")


def test_who_signed_out_is_told_nothing_more(ana: Any) -> None:
    client = browser(ana)

    async def story() -> int:
        socket = await opened(client, "/ws/notices/")
        await in_thread(client.logout)()
        return int((await socket.receive_output(timeout=7))["code"])

    assert run(story) == 4401


def test_a_few_are_named_and_the_others_counted(olga: Any) -> None:
    from governance.models import Agent

    for n in range(5):
        agent = Agent.objects.create(name=f"bot-{n}", owner=olga)
        halts.throw("agent", agent=agent, reason="It repeats itself.", by=olga, actor=SYSTEM)

    html = banners.banner().html

    assert [n for n in range(5) if f"agent bot-{n}" in html] == [0, 1, 2]
    assert "2 more kill switches" in html
    assert "By <bdi>Olga</bdi>" in html
