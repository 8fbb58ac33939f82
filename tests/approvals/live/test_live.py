from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from asgiref.testing import ApplicationCommunicator
from django.conf import settings
from django.db import connection
from django.test import Client
from django.utils import timezone

from approvals.attention import looks
from approvals.beside import claims
from approvals.deciding import decide
from approvals.live import process
from approvals.live.access import Access, desk_of, standing_of
from approvals.live.page import MOST_UNSENT, Page
from approvals.live.reader import Reader, changed_since
from approvals.models import Claim, Look
from approvals.queue import read
from approvals.queue.rows import drawn, rows_of
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
    monkeypatch.setattr(process, "LOOK_AGAIN", 600.0)  # only a hint can bring it before the test gives up

    async def story() -> tuple[str, Any]:
        socket = await opened(client)
        await asyncio.sleep(1)  # the process begins to listen with its first socket
        proposal = await in_thread(propose)()
        message = await socket.text(timeout=30)
        await socket.disconnect()
        return message, proposal

    message, proposal = run(story)
    [row] = rows_of([proposal.pk])
    assert message == f'{drawn(row)}<div id="queue-version" data-version="{read.version()}"></div>'


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
    monkeypatch.setattr("suggestions.intake.submit.announce", lambda *_: None)

    async def story() -> str:
        socket = await opened(client)
        await in_thread(propose)()
        message = await socket.text(timeout=process.LOOK_AGAIN + 30)
        await socket.disconnect()
        return message

    assert 'class="row"' in run(story)


def test_a_change_is_told_once(propose: Any, ana: Any) -> None:
    client = browser(ana)

    async def story() -> bool:
        socket = await opened(client)
        await in_thread(propose)()
        await socket.text(timeout=30)
        quiet = await socket.receive_nothing(timeout=process.LOOK_AGAIN + 0.5)
        await socket.disconnect()
        return quiet

    assert run(story)


def test_a_flood_becomes_one_word(propose: Any, ana: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("approvals.live.reader.MOST_ROWS", 3)
    reader = Reader()
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
    assert change.version == read.version()
    assert reader.look(set()) is None


def test_a_slow_page_is_told_to_read_its_list_again() -> None:
    async def story() -> str:
        page = Page((1, "s"), Access(frozenset()), lambda code: None)
        for n in range(MOST_UNSENT + 5):
            page.put(f"<li>{n}</li>")
        return await page.next()

    message = run(story)
    assert message.startswith(process.RESYNC)
    assert message.count("<li>") == 4


def test_a_change_is_drawn_once_however_many_look(
    propose: Any, ana: Any, ben: Any, dora: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    clients = [browser(person) for person in (ana, ben, dora) for _ in range(3)]
    drawings: list[str] = []

    def counted(row: Any) -> str:
        drawings.append(row.id)
        return drawn(row)

    monkeypatch.setattr("approvals.live.reader.drawn", counted)

    async def story() -> list[str]:
        sockets = [await opened(client) for client in clients]
        proposal = await in_thread(propose)()
        messages = [await socket.text(timeout=30) for socket in sockets]
        assert drawings == [str(proposal.pk)]
        for socket in sockets:
            await socket.disconnect()
        return messages

    assert len(set(run(story))) == 1


# --- Coming back ----------------------------------------------------------------------------------


async def back(client: Client, since: str) -> str:
    """What a socket that knows this version is told first."""
    socket = Socket(client, path=f"/ws/queue/?seen=&since={since}")
    assert await socket.connect()
    message = await socket.text(timeout=30)
    await socket.disconnect()
    return message


def test_who_comes_back_is_told_exactly_what_was_missed(propose: Any, ana: Any, ben: Any) -> None:
    client, decided, _untouched = browser(ana), propose(), propose()
    known = read.version()
    decide.give_back(decided.pk, reviewer=ben, actor=actor_of(ben), reason="add a photo")
    new = propose()

    message = run(lambda: back(client, known))

    assert re.findall(r'id="proposal-([0-9a-f-]{36})"', message) == sorted([str(decided.pk), str(new.pk)])
    assert message.endswith(f'<div id="queue-version" data-version="{read.version()}" data-synced></div>')
    now = read.version()
    assert run(lambda: back(client, now)) == message[message.index('<div id="queue-version"') :]


def test_what_another_team_did_is_not_told_to_who_comes_back(propose: Any, cyd: Any) -> None:
    client, known = browser(cyd), read.version()
    propose()

    message = run(lambda: back(client, known))

    assert message == f'<div id="queue-version" data-version="{read.version()}" data-synced></div>'


def test_what_was_committed_late_is_told_too(propose: Any, ana: Any) -> None:
    """The version counts what it covers: an event with a lower number that came later does not fit."""
    propose()
    proposal = propose()
    newest, _, count = read.version().partition(".")

    assert changed_since(f"{newest}.{count}")[1] == {}
    assert proposal.pk in (changed_since(f"{newest}.{int(count) - 1}")[1] or {}).values()


@pytest.mark.parametrize("since", ["nonsense", "1.", ".1", "9" * 40 + ".1", "-5.2"])
def test_who_was_away_for_too_long_reads_the_list_again(
    propose: Any, ana: Any, since: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, known = browser(ana), read.version()
    monkeypatch.setattr("approvals.live.reader.MOST_MISSED", 2)
    for _ in range(3):
        propose()

    for asked in (since, known):
        message = run(lambda asked=asked: back(client, asked))
        assert process.RESYNC in message
        assert "data-synced" not in message


def test_many_who_come_back_together_cost_as_much_as_one(
    propose: Any, ana: Any, django_assert_num_queries: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    known, reader = read.version(), Reader()
    propose()
    first = reader.since(known)

    with django_assert_num_queries(0):
        assert reader.since(known) is first
    propose()
    reader.look(set())
    assert len(reader.since(known).rows) == 2
    propose()
    reader.begin()  # nobody had a page open for a while
    assert len(reader.since(known).rows) == 3


# --- Who looks at what ----------------------------------------------------------------------------


def test_who_looks_is_told_in_a_few_bytes_and_changes_no_version(
    propose: Any, ana: Any, ben: Any, cyd: Any
) -> None:
    proposal, reader = propose(), Reader()
    reader.begin()
    version = read.version()

    looks.look(proposal.pk, user=ben, seconds=0)
    came = reader.look(set())

    assert came is not None
    assert came.rows == []
    [(teams, html)] = came.people
    assert tuple(teams) == ("operations",)
    assert html == (f'<i data-presence="{proposal.pk}" data-looking="[[{ben.pk}, &quot;Ben&quot;]]"></i>')
    assert came.version == version == read.version()


def test_beats_of_who_stays_are_no_news_and_a_browser_that_died_is(propose: Any, ben: Any) -> None:
    proposal, reader = propose(), Reader()
    reader.begin()
    looks.look(proposal.pk, user=ben, seconds=0)
    assert reader.look(set()) is not None

    for _ in range(3):
        reader._looked_at = 0
        looks.look(proposal.pk, user=ben, seconds=1)
        assert reader.look(set()) is None

    Look.objects.update(until=timezone.now())
    reader._looked_at = 0
    left = reader.look(set())
    assert left is not None
    assert [html for _, html in left.people] == [f'<i data-presence="{proposal.pk}" data-looking=""></i>']


def test_comings_and_goings_are_gathered(propose: Any, ana: Any, ben: Any) -> None:
    proposals, reader = [propose() for _ in range(3)], Reader()
    reader.begin()
    for proposal in proposals:
        looks.look(proposal.pk, user=ben, seconds=0)
    assert reader.look(set()) is not None
    looks.look(proposals[0].pk, user=ana, seconds=0)

    assert reader.look(set()) is None  # within the second

    reader._looked_at = 0
    change = reader.look(set())
    assert change is not None
    assert len(change.people) == 1


def test_a_claim_is_in_the_row_and_ends_with_its_lease(propose: Any, ben: Any) -> None:
    proposal = propose()
    claims.claim(proposal.pk, user=ben, actor=actor_of(ben))
    [row] = rows_of([proposal.pk])
    assert row.claim is not None
    assert (row.claim.user, row.claim.name, row.claim.initials) == (ben.pk, "Ben", "BE")
    assert f'data-until="{row.claim.until:%Y-%m-%dT%H:%M:%S}' in drawn(row)

    Claim.objects.update(until=timezone.now())

    assert rows_of([proposal.pk])[0].claim is None


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
    assert told == process.RESYNC
    assert 'class="row"' in message


def test_checking_many_people_costs_one_query(ana: Any, ben: Any, cyd: Any) -> None:
    from django.test.utils import CaptureQueriesContext

    keys = [(u.pk, browser(u).session.session_key) for u in (ana, ben, cyd)]

    with CaptureQueriesContext(connection) as captured:
        answer = standing_of(keys)

    assert len(captured) == 1
    assert [desk_of(answer[key]) for key in keys] == [
        Access(frozenset({"operations"})),
        Access(frozenset({"operations"})),
        Access(frozenset({"finance"})),
    ]
    assert async_to_sync(process.standing_of_one)(ana, "no-such-session") is None


def test_who_may_look_is_what_django_and_the_absences_say(ana: Any, cyd: Any, dora: Any, olga: Any) -> None:
    from datetime import timedelta

    from django.contrib.auth.models import Permission

    from governance.models import Absence, User

    now = timezone.now()
    hour = timedelta(hours=1)
    Absence.objects.create(person=cyd, deputy=ana, since=now - hour, until=now + hour, by=cyd)
    given = User.objects.create_user("given")
    given.user_permissions.add(Permission.objects.get(codename="view_proposal"))
    root, nobody = User.objects.create_superuser("root"), User.objects.create_user("nobody")
    people = (ana, cyd, dora, olga, given, root, nobody)
    keys: dict[Any, tuple[int, str]] = {
        user.pk: (user.pk, browser(user).session.session_key) for user in people
    }
    keys["other"] = (ana.pk, keys[cyd.pk][1])

    for _ in range(2):  # the second time by what is known of the sessions
        answer = standing_of(keys.values())
        every = Access(frozenset(), every=True)
        assert [desk_of(answer.get(key)) for key in keys.values()] == [
            Access(frozenset({"operations", "finance"})),
            Access(frozenset({"finance"})),
            every,
            every,
            Access(frozenset()),
            every,
            4403,
            4401,
        ]
