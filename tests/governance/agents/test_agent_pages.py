"""What the pages of agents and their keys refuse, and what the slower of two operators is told."""

from __future__ import annotations

import re
import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models.functions import Now
from django.test import Client

from audit.ground.actors import SYSTEM
from audit.models import Event
from governance.door import keys
from governance.models import Agent, AgentKey, ApiToken
from tests.governance.agents.test_views import browser

NEW = {"name": "mail-bot", "owner": "olga", "scope": "every"}
KEY = re.compile(r"r[kt]_[\w-]{43}")


def events(*types: str) -> int:
    return Event.objects.filter(type__in=types).count()


# --- New agents -------------------------------------------------------------------------------

NOT_A_NAME = "Enter a valid “slug” consisting of letters, numbers, underscores or hyphens."


@pytest.mark.parametrize(
    ("changes", "field", "said"),
    [
        ({"name": ""}, "name", "This field cannot be blank."),
        ({"name": "   "}, "name", "This field cannot be blank."),
        ({"name": "new"}, "name", "No agent can be called new: its page has that address."),
        ({"name": "support-bot"}, "name", "There is an agent support-bot already."),
        ({"name": "mail bot"}, "name", NOT_A_NAME),
        ({"name": "mail/bot"}, "name", NOT_A_NAME),
        ({"name": "mail\u202ebot"}, "name", NOT_A_NAME),
        ({"name": "m\u0430il-bot"}, "name", NOT_A_NAME),  # its a is Cyrillic
        ({"name": "<b>mail</b>"}, "name", NOT_A_NAME),
        ({"name": "m" * 101}, "name", "Ensure this value has at most 100 characters (it has 101)."),
        ({"owner": ""}, "owner", "Choose who answers for it."),
        ({"owner": "nobody"}, "owner", "Choose who answers for it."),
        ({"owner": "gone"}, "owner", "Choose who answers for it."),  # an account that is closed
        ({"scope": ""}, "actions", "Choose which actions it may propose: only some, or every one."),
        ({"scope": "all"}, "actions", "Choose which actions it may propose: only some, or every one."),
        ({"scope": "some"}, "actions", "Choose at least one action, or every one."),
    ],
)
def test_an_agent_that_makes_no_sense_is_asked_about_at_its_field(
    olga: Any, agent: Agent, changes: dict[str, str], field: str, said: str
) -> None:
    from governance.models import User

    User.objects.create_user("gone", is_active=False)
    page = browser(olga).post("/governance/agents/new/", {**NEW, **changes})

    assert (page.status_code, page.context["errors"]) == (422, {field: said})
    assert f'id="{field}-error"' in page.content.decode()
    assert "<b>mail" not in page.content.decode()
    assert (Agent.objects.count(), AgentKey.objects.count(), events("agent.created")) == (1, 0, 0)


def test_what_was_chosen_is_kept_where_something_is_wrong(olga: Any, action_type: Any) -> None:
    sent = {"name": "mail bot", "owner": "olga", "scope": "some", "action": ["refund_payment"]}
    page = browser(olga).post("/governance/agents/new/", sent)

    kept = page.context
    assert (kept["name"], kept["owner"], kept["every"], kept["undecided"]) == (
        "mail bot",
        "olga",
        False,
        False,
    )
    assert kept["actions"] == [{"name": "refund_payment", "chosen": True}]


@pytest.mark.django_db(transaction=True)
def test_of_many_who_create_the_same_agent_at_once_one_does_and_the_others_are_told(olga: Any) -> None:
    answers: list[Any] = []
    barrier = threading.Barrier(4)

    def create(client: Client) -> None:
        barrier.wait()
        answers.append(client.post("/governance/agents/new/", NEW))
        connection.close()

    threads = [threading.Thread(target=create, args=[browser(olga)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(answer.status_code for answer in answers) == [200, 422, 422, 422]
    told = [answer.context["errors"] for answer in answers if answer.status_code == 422]
    assert told == [{"name": "There is an agent mail-bot already."}] * 3
    assert (Agent.objects.count(), AgentKey.objects.count(), events("agent.created")) == (1, 1, 1)


# --- The list ---------------------------------------------------------------------------------


def test_the_list_is_leafed_through_by_name(dora: Any, olga: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("governance.agents.views.PAGE", 3)
    names = [f"bot-{n}" for n in range(7)]
    for name in names:
        Agent.objects.create(name=name, owner=olga)
    client, pages, address = browser(dora), [], "?q=bot"
    while address:
        page = client.get(f"/governance/agents/{address}").context
        pages.append([row["name"] for row in page["agents"]])
        assert bool(page["previous_url"]) == ("after" in address)
        address = page["next_url"]
    assert pages == [names[:3], names[3:6], names[6:]]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("?after=zzz", []),
        ("?after=%27%22", ["support-bot"]),
        ("?q=%25", []),  # a sign of LIKE is a sign
        ("?q=_", []),
        ("?q=" + "x" * 5_000, []),
        ("?q=%20support%20", ["support-bot"]),
        ("?q=\u202e", []),
        ("?page=2", ["support-bot"]),
    ],
)
def test_whatever_is_looked_for_is_a_text(dora: Any, agent: Agent, query: str, found: list[str]) -> None:
    page = browser(dora).get(f"/governance/agents/{query}")
    assert (page.status_code, [row["name"] for row in page.context["agents"]]) == (200, found)


# --- Keys -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"lasts": "31"}, "Choose how long it lasts."),
        ({"lasts": "-30"}, "Choose how long it lasts."),
        ({"lasts": "٣٠"}, "Choose how long it lasts."),
        ({"lasts": "90 days"}, "Choose how long it lasts."),
        ({"name": "x" * 101}, "A name has at most 100 visible characters."),
        ({"name": "two\nlines"}, "A name has at most 100 visible characters."),
        ({"name": "a\u202eb"}, "A name has at most 100 visible characters."),
        ({"name": "a\u200bb"}, "A name has at most 100 visible characters."),
    ],
)
@pytest.mark.parametrize("path", ["/governance/agents/support-bot/keys/", "/accounts/tokens/"])
def test_a_key_that_makes_no_sense_is_not_made_and_says_why(
    olga: Any, agent: Agent, path: str, form: dict[str, str], said: str
) -> None:
    page = browser(olga).post(path, form, follow=True)
    assert said in page.content.decode()
    assert not KEY.search(page.content.decode())
    assert (AgentKey.objects.count(), ApiToken.objects.count()) == (0, 0)
    assert events("agent_key.issued", "api_token.issued") == 0


@pytest.mark.parametrize("overlap", ["2", "-1", "169", "", "x", "1.0"])
def test_an_overlap_is_one_of_those_that_are_offered(olga: Any, agent: Agent, overlap: str) -> None:
    keys.issue_key(agent, actor=SYSTEM)
    key = AgentKey.objects.get()
    page = browser(olga).post(f"/governance/agents/keys/{key.pk}/rotate/", {"overlap": overlap}, follow=True)
    assert "Choose how long the old one still works." in page.content.decode()
    assert (AgentKey.objects.count(), AgentKey.objects.get().expires_at) == (1, None)
    assert events("agent_key.rotated") == 0


@pytest.mark.parametrize("state", ["revoked", "expired"])
def test_a_key_that_ended_meanwhile_is_not_rotated_and_the_page_says_so(
    olga: Any, agent: Agent, state: str
) -> None:
    keys.issue_key(agent, actor=SYSTEM)
    key = AgentKey.objects.get()
    if state == "revoked":
        keys.revoke(key, actor=SYSTEM)
    else:
        AgentKey.objects.update(expires_at=Now() - timedelta(seconds=1))

    page = browser(olga).post(f"/governance/agents/keys/{key.pk}/rotate/", follow=True)

    assert f"{key.prefix}… has ended already; make a new one." in page.content.decode()
    assert (AgentKey.objects.count(), events("agent_key.rotated")) == (1, 0)


@pytest.mark.parametrize("kind", ["agent_key", "api_token"])
def test_what_was_revoked_meanwhile_is_revoked_once_and_the_second_is_told(
    olga: Any, agent: Agent, kind: str
) -> None:
    if kind == "agent_key":
        keys.issue_key(agent, actor=SYSTEM)
        secret: Any = AgentKey.objects.get()
        path, said = f"/governance/agents/keys/{secret.pk}/revoke/", "The key {} had been revoked before."
    else:
        keys.issue_token(olga, actor=SYSTEM)
        secret = ApiToken.objects.get()
        path, said = f"/accounts/tokens/{secret.pk}/revoke/", "The token {} had been revoked before."
    keys.revoke(secret, actor=SYSTEM)
    at = type(secret).objects.get().revoked_at

    page = browser(olga).post(path, follow=True)

    assert said.format(f"{secret.prefix}…") in page.content.decode()
    assert (type(secret).objects.get().revoked_at, events(f"{kind}.revoked")) == (at, 1)


@pytest.mark.parametrize(
    "path",
    [
        "/governance/agents/nobody/keys/",
        "/governance/agents/keys/999999/rotate/",
        "/governance/agents/keys/999999/revoke/",
        f"/governance/agents/keys/{2**63}/revoke/",
        "/governance/agents/keys/-1/revoke/",
        "/governance/agents/keys/x/revoke/",
        "/accounts/tokens/999999/rotate/",
        f"/accounts/tokens/{2**63}/revoke/",
    ],
)
def test_what_is_not_there_is_not_changed(olga: Any, agent: Agent, path: str) -> None:
    keys.issue_key(agent, actor=SYSTEM)
    assert browser(olga).post(path).status_code == 404
    assert AgentKey.objects.filter(revoked_at=None, expires_at=None).count() == 1


def test_a_new_secret_is_on_no_page_but_the_one_that_answers(olga: Any, agent: Agent) -> None:
    client = browser(olga)
    made = client.post("/governance/agents/support-bot/keys/", {"name": "<b>web</b>", "lasts": ""})
    [secret] = set(KEY.findall(made.content.decode()))

    assert made["Cache-Control"] == "no-store"
    assert not any(secret in body for body in Event.objects.values_list("body", flat=True))
    assert keys.hash_of(secret) == AgentKey.objects.get().hash
    page = client.get("/governance/agents/support-bot/").content.decode()
    assert secret not in page
    assert "&lt;b&gt;web&lt;/b&gt;" in page


# --- Names that begin a key --------------------------------------------------------------------


def test_a_key_is_named_by_how_it_begins_if_only_one_begins_so(agent: Agent, olga: Any) -> None:
    key = keys.issue_key(agent, actor=SYSTEM)
    assert keys.find(key[:9]) == keys.find(key) == AgentKey.objects.get()

    for prefix, said in [
        (key[:8], "Give at least 9 characters of the key."),
        ("", "Give at least 9 characters of the key."),
        ("rk_ABSENT", "No key begins with rk_ABSENT."),
        ("rt_" + key[3:9], f"No key begins with rt_{key[3:9]}."),
    ]:
        with pytest.raises(keys.UnknownSecret, match=re.escape(said)):
            keys.find(prefix)

    keys.issue_token(olga, actor=SYSTEM)
    ApiToken.objects.update(prefix=key[:9])
    with pytest.raises(keys.UnknownSecret, match=f"Several keys begin with {re.escape(key[:9])}"):
        keys.find(key)


@pytest.mark.parametrize(
    "lasts",
    [timedelta(0), timedelta(seconds=59), timedelta(days=-1), keys.LONGEST + timedelta(seconds=1)],
)
def test_a_key_lasts_no_less_than_a_minute_and_no_more_than_ten_years(agent: Agent, lasts: timedelta) -> None:
    with pytest.raises(keys.SecretRefused, match="at least a minute and at most 3650 days") as refused:
        keys.issue_key(agent, actor=SYSTEM, lasts=lasts)
    assert (refused.value.field, AgentKey.objects.count()) == ("lasts", 0)


@pytest.mark.parametrize("lasts", [timedelta(minutes=1), keys.LONGEST])
def test_a_key_may_last_as_long_as_that(agent: Agent, lasts: timedelta) -> None:
    keys.issue_key(agent, actor=SYSTEM, lasts=lasts)
    key = AgentKey.objects.get()
    assert key.expires_at
    assert key.expires_at - key.created_at == lasts


@pytest.mark.parametrize("overlap", [timedelta(microseconds=-1), keys.LONGEST_OVERLAP + timedelta(seconds=1)])
def test_an_overlap_is_not_negative_nor_longer_than_a_month(agent: Agent, overlap: timedelta) -> None:
    keys.issue_key(agent, actor=SYSTEM)
    with pytest.raises(keys.SecretRefused, match="An overlap is between 0 and 30 days") as refused:
        keys.rotate(AgentKey.objects.get(), actor=SYSTEM, overlap=overlap)
    assert (refused.value.field, AgentKey.objects.count()) == ("overlap", 1)
