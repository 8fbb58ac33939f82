from __future__ import annotations

import hashlib
import json
import re
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from audit.actors import SYSTEM
from audit.models import Event
from governance import keys
from governance.callback_secret import callback_secret
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
        "key": row.pk,
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


@pytest.mark.parametrize(
    "shown", ["", "rk_", "rk_x", "rt_x", "Bearer", "ä", "rk_" + "A" * 43, "rk_" + "A" * 50_000, "\t"]
)
def test_a_made_up_key_opens_nothing(db: None, shown: str) -> None:
    assert ApiClient(shown or " ").get("action-types/").status_code == 401


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
    from governance.authentication import _person
    from governance.models import User

    for person in (ana, dora, olga):
        token = api_as(person).headers["Authorization"].removeprefix("Bearer ")
        caller = _person(token)
        assert caller == person
        assert caller.get_all_permissions() == User.objects.get(pk=person.pk).get_all_permissions()
        assert caller.username == person.username


def test_a_token_of_somebody_who_left_counts_no_more(api_as: Any, ana: Any) -> None:
    client = api_as(ana)
    assert client.get("proposals/").status_code == 200
    ana.is_active = False
    ana.save()
    assert client.get("proposals/").status_code == 401
