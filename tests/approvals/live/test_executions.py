"""Pages of executions are told that something on them changed: who may know of it, once a second at most."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from django.contrib.auth.models import Permission

from approvals.deciding.undo import undo
from approvals.live import executions
from approvals.live.access import NOTHING, Access, executions_of, standing_of
from approvals.live.executions import Executions
from approvals.live.page import RESYNC, Page
from execution.desk import attend
from execution.healing import breakers
from execution.holding import news
from governance.models import User
from tests.approvals.live.test_live import Socket, browser, in_thread, lose_role, run
from tests.execution.conftest import approved, shop, step, workflow

__all__ = ["approved", "shop"]

pytestmark = pytest.mark.django_db(transaction=True)
PATH = "/ws/executions/"
EVERY = Access(frozenset(), every=True)
OURS, THEIRS = Access(frozenset({"operations"})), Access(frozenset({"finance"}))


@pytest.fixture(autouse=True)
def _no_messages(monkeypatch: Any) -> None:
    monkeypatch.setattr("audit.outbox.tell_worker._hand_over", lambda *_: None)


async def opened(client: Any) -> Socket:
    socket = Socket(client, path=PATH)
    assert await socket.connect()
    return socket


# --- Over the socket ------------------------------------------------------------------------------


def test_a_page_hears_that_something_changed_and_never_what(approved: Any, ana: Any, olga: Any) -> None:
    execution, client = approved(None), browser(ana)
    changes = [
        lambda: attend.cancel(execution, by=olga),
        lambda: breakers.open_by_hand("POST http://x.example/", actor=olga.as_actor(), reason="It is ill."),
    ]

    async def story() -> list[str]:
        socket = await opened(client)
        await asyncio.sleep(1)  # the process begins to listen with its first socket
        heard = []
        for change in changes:
            await in_thread(change)()
            heard.append(await socket.text(timeout=30))
        await socket.disconnect()
        return heard

    assert run(story) == [RESYNC] * len(changes)


def test_who_may_not_see_executions_is_turned_away(ana: Any, client: Any) -> None:
    looks_only = User.objects.create_user("looks")
    looks_only.user_permissions.add(Permission.objects.get(codename="view_proposal"))
    looker, reviewer = browser(looks_only), browser(ana)

    async def story() -> list[int]:
        sockets = [await opened(one) for one in (client, looker, reviewer)]
        await in_thread(lose_role)(reviewer, ana)
        return [(await socket.receive_output(timeout=30))["code"] for socket in sockets]

    assert run(story) == [4401, 4403, 4403]


def test_who_may_listen_is_whom_the_pages_let_in(ana: Any, cyd: Any, dora: Any, olga: Any) -> None:
    given, root = User.objects.create_user("given"), User.objects.create_superuser("root")
    given.user_permissions.add(Permission.objects.get(codename="view_execution"))
    keys = [(user.pk, browser(user).session.session_key) for user in (ana, cyd, dora, olga, given, root)]

    standing = standing_of(keys)

    assert [executions_of(standing[key]) for key in keys] == [OURS, THEIRS, EVERY, EVERY, NOTHING, EVERY]


# --- Who is told ----------------------------------------------------------------------------------


def page_of(access: Access) -> Page:
    return Page((1, "session"), access, lambda code: None)


async def has_news(page: Page) -> bool:
    waiting = asyncio.ensure_future(page.next())
    await asyncio.sleep(0)
    waiting.cancel()
    return waiting.done()


async def told(hint: dict[str, Any], *shown: tuple[Access, str]) -> list[bool]:
    """Which of these pages are told of a hint; `shown`: what each may see, and of which proposal it is."""
    everybody, last = Executions(), page_of(EVERY)
    pages = [page_of(access) for access, _ in shown]
    for page, of in zip([*pages, last], [*(of for _, of in shown), ""], strict=True):
        everybody.join(page, of=of)
    await everybody.hear(hint)
    assert await asyncio.wait_for(last.next(), 30) == RESYNC
    heard = [await has_news(page) for page in pages]
    for page in (*pages, last):
        everybody.leave(page)
    return heard


def test_others_hear_nothing_of_it_and_the_page_of_one_only_of_that(propose: Any) -> None:
    ours, other = str(propose().pk), str(propose().pk)
    hint = {"proposals": [ours], "executions": [ours]}

    heard = run(lambda: told(hint, (OURS, ""), (THEIRS, ""), (OURS, ours), (OURS, other), (THEIRS, ours)))

    assert heard == [True, False, True, False, False]


def test_a_route_that_is_let_alone_concerns_everybody() -> None:
    hint = {"proposals": [], "executions": [], "breakers": True}

    assert run(lambda: told(hint, (OURS, ""), (NOTHING, ""), (OURS, "one"))) == [True, True, True]


def test_what_people_do_with_a_proposal_is_no_news(propose: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(executions, "teams_of", asked.append)

    async def story() -> bool:
        everybody, page = Executions(), page_of(EVERY)
        everybody.join(page)
        await everybody.hear({"proposals": [str(propose)], "executions": [], "breakers": False})
        await asyncio.sleep(executions.GATHER + 0.05)
        everybody.leave(page)
        return await has_news(page)

    assert (run(story), asked) == (False, [])


def test_what_comes_and_what_is_taken_away_again_is_told_of(
    approved: Any, shop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Any] = []
    monkeypatch.setattr(news, "announce_executions", told.append)
    proposal = approved(workflow(step(f"{shop.url}/refunds")), grace=60).proposal_id
    assert told == [proposal]
    approver = User.objects.get(username="approves")

    undo(proposal, reviewer=approver, actor=approver.as_actor())

    assert told == [proposal, proposal]


def test_a_burst_is_told_once_a_second(propose: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(executions, "GAP", 600.0)
    proposal = str(propose().pk)

    async def story() -> tuple[str, bool]:
        everybody, page = Executions(), page_of(OURS)
        everybody.join(page)
        for _ in range(300):
            await everybody.hear({"executions": [proposal]})
        first = await asyncio.wait_for(page.next(), 30)
        await everybody.hear({"executions": [proposal]})
        await asyncio.sleep(executions.GATHER + 0.1)
        everybody.leave(page)
        return first, await has_news(page)

    assert run(story) == (RESYNC, False)
