from __future__ import annotations

import hashlib
import json
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models.functions import Now

from audit.ground.actors import SYSTEM
from audit.models import Event
from governance.agents.callback_secret import callback_secret
from governance.door import keys
from governance.models import AgentKey, ApiToken
from tests.conftest import ApiClient


def types() -> list[str]:
    return list(Event.objects.values_list("type", flat=True))


def test_a_key_is_kept_as_a_hash_and_told_once(agent: Any) -> None:
    key = keys.issue_key(agent, actor=SYSTEM)

    row = AgentKey.objects.get()
    assert re.fullmatch(r"rk_[A-Za-z0-9_-]{43}", key)
    assert (row.agent, row.prefix, row.hash) == (agent, key[:9], hashlib.sha256(key.encode()).hexdigest())
    event = Event.objects.get(type="agent_key.issued")
    assert json.loads(event.body)["data"] == {
        "agent": str(agent.pk),
        "agent_name": "support-bot",
        "expires_at": None,
        "key": row.pk,
        "name": "",
        "prefix": key[:9],
    }
    assert key not in event.body


def test_a_token_is_kept_as_a_hash_and_told_once(ana: Any) -> None:
    token = keys.issue_token(ana, actor=SYSTEM)

    row = ApiToken.objects.get()
    assert re.fullmatch(r"rt_[A-Za-z0-9_-]{43}", token)
    assert (row.user, row.prefix, row.hash) == (ana, token[:9], keys.hash_of(token))
    assert token not in Event.objects.get(type="api_token.issued").body


def test_a_revoked_key_opens_nothing_at_once_and_is_revoked_once(api: Any, action_type: Any) -> None:
    assert api.get("action-types/").status_code == 200
    row = AgentKey.objects.get()

    assert keys.revoke(row, actor=SYSTEM) is True
    assert keys.revoke(row, actor=SYSTEM) is False

    assert api.get("action-types/").status_code == 401
    assert types().count("agent_key.revoked") == 1


def test_an_agent_can_change_its_key_without_a_gap(agent: Any, agent_key: str, action_type: Any) -> None:
    new = keys.issue_key(agent, actor=SYSTEM)
    keys.revoke(AgentKey.objects.get(hash=keys.hash_of(agent_key)), actor=SYSTEM)

    assert ApiClient(new).get("action-types/").status_code == 200


def ends(row: AgentKey | ApiToken, span: timedelta) -> None:
    """Let it end so far from now, by the database's clock."""
    type(row).objects.filter(pk=row.pk).update(expires_at=Now() + span)


def test_a_key_has_a_name_and_ends_by_itself(agent: Any, action_type: Any) -> None:
    key = keys.issue_key(agent, actor=SYSTEM, name="night batch", lasts=timedelta(days=90))
    row = AgentKey.objects.get()
    assert row.name == "night batch"
    assert row.expires_at - row.created_at == pytest.approx(timedelta(days=90), abs=timedelta(seconds=5))
    assert (
        json.loads(Event.objects.get(type="agent_key.issued").body)["data"]["expires_at"]
        == row.expires_at.isoformat()
    )

    assert ApiClient(key).get("action-types/").status_code == 200
    ends(row, timedelta(seconds=-1))
    assert ApiClient(key).get("action-types/").status_code == 401


def test_a_rotated_key_goes_on_until_its_overlap_is_over(agent: Any, action_type: Any) -> None:
    old = keys.issue_key(agent, actor=SYSTEM, name="web", lasts=timedelta(days=30))
    row = AgentKey.objects.get()

    new = keys.rotate(row, actor=SYSTEM, overlap=timedelta(hours=2))

    successor = AgentKey.objects.exclude(pk=row.pk).get()
    row.refresh_from_db()
    assert (successor.name, successor.hash) == ("web", keys.hash_of(new))
    assert successor.expires_at - successor.created_at == pytest.approx(
        timedelta(days=30), abs=timedelta(seconds=5)
    )
    assert row.expires_at - successor.created_at == pytest.approx(
        timedelta(hours=2), abs=timedelta(seconds=5)
    )
    assert [ApiClient(key).get("action-types/").status_code for key in (old, new)] == [200, 200]
    ends(row, timedelta(seconds=-1))
    assert [ApiClient(key).get("action-types/").status_code for key in (old, new)] == [401, 200]
    told = [json.loads(e.body)["data"] for e in Event.objects.filter(type__startswith="agent_key")]
    assert types().count("agent_key.issued") == 2
    assert (told[1]["replaces"], told[2]["replaced_by"]) == (row.pk, successor.pk)
    assert not any(key in Event.objects.get(type="agent_key.rotated").body for key in (old, new))


def test_an_overlap_never_makes_a_key_last_longer(agent: Any) -> None:
    keys.issue_key(agent, actor=SYSTEM, lasts=timedelta(hours=1))
    row = AgentKey.objects.get()
    before = row.expires_at
    keys.rotate(row, actor=SYSTEM, overlap=timedelta(days=7))
    row.refresh_from_db()
    assert row.expires_at == before


def test_without_an_overlap_the_old_token_ends_at_once(ana: Any) -> None:
    old = keys.issue_token(ana, actor=SYSTEM)
    new = keys.rotate(ApiToken.objects.get(), actor=SYSTEM, overlap=timedelta(0))
    assert [ApiClient(key).get("proposals/").status_code for key in (old, new)] == [401, 200]
    assert types()[:3] == ["api_token.issued", "api_token.issued", "api_token.rotated"]


def test_what_has_ended_is_not_rotated(agent: Any) -> None:
    for end in (lambda row: keys.revoke(row, actor=SYSTEM), lambda row: ends(row, timedelta(seconds=-1))):
        keys.issue_key(agent, actor=SYSTEM)
        row = AgentKey.objects.latest("pk")
        end(row)
        with pytest.raises(keys.SecretRefused, match="ended already"):
            keys.rotate(row, actor=SYSTEM)
    assert AgentKey.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_of_two_who_rotate_and_revoke_at_once_the_key_ends(agent: Any) -> None:
    keys.issue_key(agent, actor=SYSTEM)
    row = AgentKey.objects.get()
    with ThreadPoolExecutor(2) as pool:
        rotated = pool.submit(_alone, lambda: keys.rotate(row, actor=SYSTEM))
        revoked = pool.submit(_alone, lambda: keys.revoke(row, actor=SYSTEM))
    assert revoked.result() is True
    row.refresh_from_db()
    assert row.revoked_at is not None
    assert AgentKey.objects.count() == (1 if isinstance(rotated.exception(), keys.SecretRefused) else 2)


def _alone(ask: Any) -> Any:
    try:
        return ask()
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"name": "x" * 101}, "name"),
        ({"name": "a\x00b"}, "name"),
        ({"lasts": timedelta(seconds=1)}, "lasts"),
        ({"lasts": timedelta(days=99_999)}, "lasts"),
    ],
)
def test_a_key_that_makes_no_sense_is_not_made(agent: Any, asked: Any, field: str) -> None:
    with pytest.raises(keys.SecretRefused) as refused:
        keys.issue_key(agent, actor=SYSTEM, **asked)
    assert refused.value.field == field
    assert not AgentKey.objects.exists()


def test_keys_that_end_soon_or_lie_forgotten_are_known(agent: Any) -> None:
    for _ in range(6):
        keys.issue_key(agent, actor=SYSTEM)
    live, soon, forgotten, used, expired, revoked = AgentKey.objects.order_by("pk")
    ends(soon, timedelta(days=13))
    ends(live, timedelta(days=15))
    AgentKey.objects.filter(pk__in=[forgotten.pk, used.pk]).update(created_at=Now() - timedelta(days=91))
    AgentKey.objects.filter(pk=used.pk).update(last_used_at=Now() - timedelta(days=89))
    ends(expired, timedelta(seconds=-1))
    keys.revoke(revoked, actor=SYSTEM)

    found = {row.pk: (row.state, row.ends_soon, row.forgotten) for row in keys.newest_first(agent.keys.all())}

    assert found == {
        live.pk: ("live", False, False),
        soon.pk: ("live", True, False),
        forgotten.pk: ("live", False, True),
        used.pk: ("live", False, False),
        expired.pk: ("expired", False, False),
        revoked.pk: ("revoked", False, False),
    }


def test_the_commands_make_and_rotate_keys(agent: Any, capsys: Any, action_type: Any) -> None:
    call_command("create_key", "support-bot", "--name", "web", "--lasts", "90d")
    old = capsys.readouterr().out.splitlines()[-1]
    call_command("rotate_key", old[:9], "--overlap", "0s")
    new = capsys.readouterr().out.splitlines()[-1]
    assert [ApiClient(key).get("action-types/").status_code for key in (old, new)] == [401, 200]
    for arguments, sentence in [
        (["create_key", "nobody"], "no agent nobody"),
        (["create_key", "support-bot", "--lasts", "soon"], "span of time"),
        (["create_key", "support-bot", "--lasts", "1s"], "at least a minute"),
        (["rotate_key", old[:9]], "ended already"),
        (["rotate_key", new[:9], "--overlap", "31d"], "30 days"),
    ]:
        with pytest.raises(CommandError, match=sentence):
            call_command(*arguments)


@pytest.mark.parametrize(
    ("shown", "status"),
    [
        *((shown, 401) for shown in ["", "rk_", "rk_x", "rt_x", "Bearer", "ä", "rk_" + "A" * 43, "\t"]),
        ("rk_" + "A" * 50_000, 431),
    ],
)
def test_a_made_up_key_opens_nothing(db: None, shown: str, status: int) -> None:
    assert ApiClient(shown or " ").get("action-types/").status_code == status


def test_a_callback_secret_is_the_agents_own_and_changes_with_its_version(agent: Any, settings: Any) -> None:
    first = callback_secret(agent)
    assert re.fullmatch(r"whsec_[A-Za-z0-9+/]{43}=", first)
    assert callback_secret(agent) == first

    agent.callback_secret_version += 1
    second = callback_secret(agent)
    settings.SECRET_KEY = "another"
    assert len({first, second, callback_secret(agent)}) == 3


def test_the_commands_issue_and_revoke(ana: Any, capsys: Any) -> None:
    call_command("create_token", "ana")
    token = capsys.readouterr().out.splitlines()[-1]
    assert ApiToken.objects.get().hash == keys.hash_of(token)

    call_command("revoke_key", token[:9])
    assert capsys.readouterr().out.splitlines()[-1] == token[:9]
    assert ApiToken.objects.get().revoked_at is not None

    for arguments, sentence in [
        (["revoke_key", token[:9]], "revoked before"),
        (["revoke_key", "rk_"], "at least 9"),
        (["revoke_key", "rk_nobody"], "No key"),
        (["create_token", "nobody"], "no active user"),
    ]:
        with pytest.raises(CommandError, match=sentence) as refused:
            call_command(*arguments)
        assert "\n" not in str(refused.value)


def test_a_token_may_exactly_what_its_person_may(api_as: Any, ana: Any, dora: Any, olga: Any) -> None:
    from governance.door.authentication import _person
    from governance.models import User

    for person in (ana, dora, olga):
        token = api_as(person).headers["Authorization"].removeprefix("Bearer ")
        caller = _person(keys.hash_of(token))
        assert caller == person
        assert caller.get_all_permissions() == User.objects.get(pk=person.pk).get_all_permissions()
        assert caller.username == person.username


def test_a_token_of_somebody_who_left_counts_no_more(api_as: Any, ana: Any) -> None:
    client = api_as(ana)
    assert client.get("proposals/").status_code == 200
    ana.is_active = False
    ana.save()
    assert client.get("proposals/").status_code == 401
