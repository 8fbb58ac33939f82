from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from asgiref.testing import ApplicationCommunicator
from django.conf import settings
from django.db import connection
from django.test import Client

from approvals import decide, live, queries
from approvals.rows import drawn, rows_of
from suggestions.models import Proposal
from tests.conftest import actor_of

pytestmark = pytest.mark.django_db(transaction=True)


class Socket(ApplicationCommunicator):
    """A socket as the browser of this client opens it, through all that stands before it."""

    def __init__(
        self, client: Client, origin: str = settings.PUBLIC_URL, host: str = "", *, path: str = "/ws/queue/"
    ) -> None:
        from reviewapp.asgi import application

        cookie = "; ".join(f"{name}={morsel.value}" for name, morsel in client.cookies.items())
        named = {"cookie": cookie, "origin": origin, "host": host}
        headers = [(name.encode(), value.encode()) for name, value in named.items()]
        path, _, query = path.partition("?")
        scope = {"type": "websocket", "path": path, "query_string": query.encode(), "headers": headers}
        super().__init__(application, {**scope, "subprotocols": []})

    async def connect(self) -> bool:
        await self.send_input({"type": "websocket.connect"})
        return (await self.receive_output(timeout=30))["type"] == "websocket.accept"

    async def text(self, timeout: float = 30) -> str:
        return (await self.receive_output(timeout=timeout))["text"]

    async def disconnect(self) -> None:
        await self.send_input({"type": "websocket.disconnect", "code": 1000})
        await self.wait(timeout=30)


def browser(user: Any) -> Client:
    client = Client()
    client.force_login(user)
    return client


def in_thread(work: Callable[..., Any]) -> Callable[..., Any]:
    def run(*args: Any, **kwargs: Any) -> Any:
        try:
            return work(*args, **kwargs)
        finally:
            connection.close()

    return sync_to_async(run, thread_sensitive=False)


async def opened(client: Client) -> Socket:
    socket = Socket(client)
    assert await socket.connect()
    return socket


async def closed_with(client: Client) -> int:
    socket = await opened(client)
    return (await socket.receive_output(timeout=30))["code"]


def run(story: Callable[[], Any]) -> Any:
    """The story, in an event loop of its own that ends with it."""
    return asyncio.run(story())


def test_a_new_proposal_reaches_an_open_page_by_its_hint(
    propose: Any, ana: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = browser(ana)
    monkeypatch.setattr(live, "LOOK_AGAIN", 600.0)  # only a hint can bring it before the test gives up

    async def story() -> tuple[str, Any]:
        socket = await opened(client)
        await asyncio.sleep(1)  # the process begins to listen with its first socket
        proposal = await in_thread(propose)()
        message = await socket.text(timeout=30)
        await socket.disconnect()
        return message, proposal

    message, proposal = run(story)
    [row] = rows_of([proposal.pk])
    assert message == f'{drawn(row)}<div id="queue-version" data-version="{queries.version()}"></div>'


def test_a_decision_greys_the_row_out_and_says_who(propose: Any, ana: Any, ben: Any) -> None:
    client, proposal = browser(ana), propose()

    async def story() -> str:
        socket = await opened(client)
        reject = in_thread(decide.reject)
        await reject(proposal.pk, reviewer=ben, actor=actor_of(ben), reason="no")
        message = await socket.text(timeout=30)
        await socket.disconnect()
        return message

    message = run(story)
    assert f'id="proposal-{proposal.pk}"' in message
    assert 'data-status="rejected"' in message
    assert "rejected by Ben" in message


def test_another_team_hears_nothing_of_it(propose: Any, ana: Any, cyd: Any, dora: Any) -> None:
    clients = [browser(person) for person in (ana, cyd, dora)]

    async def story() -> list[str]:
        sockets = [await opened(client) for client in clients]
        await in_thread(propose)()
        messages = [await socket.text(timeout=30) for socket in sockets]
        for socket in sockets:
            await socket.disconnect()
        return messages

    ours, theirs, auditors = run(story)
    assert 'class="row"' in ours
    assert 'class="row"' in auditors
    assert theirs.startswith('<div id="queue-version"')
    assert "kettle" not in theirs
    assert "support-bot" not in theirs


def test_a_lost_hint_costs_seconds_and_no_news(
    propose: Any, ana: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = browser(ana)
    monkeypatch.setattr("suggestions.submit.announce", lambda *_: None)

    async def story() -> str:
        socket = await opened(client)
        await in_thread(propose)()
        message = await socket.text(timeout=live.LOOK_AGAIN + 30)
        await socket.disconnect()
        return message

    assert 'class="row"' in run(story)


def test_a_change_is_told_once(propose: Any, ana: Any) -> None:
    client = browser(ana)

    async def story() -> bool:
        socket = await opened(client)
        await in_thread(propose)()
        await socket.text(timeout=30)
        quiet = await socket.receive_nothing(timeout=live.LOOK_AGAIN + 0.5)
        await socket.disconnect()
        return quiet

    assert run(story)


def test_a_flood_becomes_one_word(propose: Any, ana: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "MOST_ROWS", 3)
    reader = live.Reader()
    reader.begin()
    few = [propose().pk for _ in range(3)]
    change = reader.look(set())
    assert change is not None
    assert [teams for teams, _ in change.rows] == [("operations",)] * 3
    assert Proposal.objects.filter(pk__in=few).count() == 3

    for _ in range(4):
        propose()
    change = reader.look(set())

    assert change is not None
    assert (change.rows, change.overflow) == ([], True)
    assert change.version == queries.version()
    assert reader.look(set()) is None


def test_a_slow_page_is_told_to_read_its_list_again() -> None:
    async def story() -> str:
        page = live.Page((1, "s"), live.Access(frozenset()), lambda code: None)
        for n in range(live.MOST_UNSENT + 5):
            page.put(f"<li>{n}</li>")
        return await page.next()

    message = run(story)
    assert message.startswith(live.RESYNC)
    assert message.count("<li>") == 4


# --- Who may listen -------------------------------------------------------------------------------


def test_strangers_and_people_without_a_role_are_turned_away(ana: Any) -> None:
    stranger, nobody = Client(), browser(ana)
    ana.groups.clear()

    assert run(lambda: closed_with(stranger)) == 4401
    assert run(lambda: closed_with(nobody)) == 4403


@pytest.mark.parametrize(
    ("origin", "host", "ours"),
    [
        ("http://desk.example:8000", "desk.example:8000", True),
        ("https://desk.example", "desk.example", True),
        ("http://desk.example:9999", "desk.example:8000", False),  # cookies know no ports
        ("https://elsewhere.example", "desk.example", False),
        ("https://elsewhere.example", "", False),
        ("null", "desk.example", False),
        ("", "desk.example", False),
        ("http://[", "desk.example", False),
    ],
)
def test_only_our_own_pages_open_a_socket(ana: Any, origin: str, host: str, ours: bool) -> None:
    client = browser(ana)

    assert run(lambda: Socket(client, origin, host).connect()) is ours


def sign_out(client: Client, user: Any) -> None:
    client.logout()


def deactivate(client: Client, user: Any) -> None:
    user.is_active = False
    user.save()


def change_password(client: Client, user: Any) -> None:
    user.set_password("another-long-password")
    user.save()


def lose_role(client: Client, user: Any) -> None:
    user.groups.clear()


@pytest.mark.parametrize(
    ("happens", "code"), [(sign_out, 4401), (deactivate, 4401), (change_password, 4401), (lose_role, 4403)]
)
def test_who_may_no_longer_look_is_out_within_five_seconds(ana: Any, happens: Any, code: int) -> None:
    client = browser(ana)

    async def story() -> int:
        socket = await opened(client)
        await in_thread(happens)(client, ana)
        return (await socket.receive_output(timeout=30))["code"]

    assert run(story) == code


def test_a_change_of_teams_is_noticed(propose: Any, ana: Any, cyd: Any) -> None:
    client = browser(cyd)

    async def story() -> tuple[str, str]:
        socket = await opened(client)
        await in_thread(cyd.teams.add)("operations")
        told = await socket.text(timeout=30)
        await in_thread(propose)()
        message = await socket.text(timeout=30)
        await socket.disconnect()
        return told, message

    told, message = run(story)
    assert told == live.RESYNC
    assert 'class="row"' in message


def test_checking_many_people_costs_a_handful_of_queries(ana: Any, ben: Any, cyd: Any) -> None:
    from django.test.utils import CaptureQueriesContext

    keys = [(u.pk, browser(u).session.session_key) for u in (ana, ben, cyd)]

    with CaptureQueriesContext(connection) as captured:
        answer = live.access_of(keys)

    assert len(captured) == 5
    assert [answer[key] for key in keys] == [
        live.Access(frozenset({"operations"})),
        live.Access(frozenset({"operations"})),
        live.Access(frozenset({"finance"})),
    ]
    assert async_to_sync(live.access_of_one)(ana, "no-such-session") == live.SIGNED_OUT
