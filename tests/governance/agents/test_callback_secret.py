"""The secrets that sign what an agent is told: replaced with an overlap, shown once, kept sealed."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models import F

from audit.ground.actors import SYSTEM
from audit.models import Event
from governance.agents.callback_secret import (
    NothingOverlaps,
    TooManySecrets,
    callback_secret,
    end_earlier,
    fingerprint,
    in_force,
    rotate,
    signing_secrets,
)
from governance.agents.sealing import Unreadable
from governance.door.keys import SecretRefused
from governance.models import Agent, CallbackSecret
from tests.governance.agents.test_views import browser

pytestmark = pytest.mark.django_db
SECRET = re.compile(r"whsec_[A-Za-z0-9+/]{43}=")


def later(hours: float) -> None:
    CallbackSecret.objects.update(ends_at=F("ends_at") - timedelta(hours=hours))


def test_the_first_secret_goes_on_to_sign_until_the_overlap_ends(agent: Agent) -> None:
    first = callback_secret(agent)
    assert signing_secrets(agent) == [first]

    second = rotate(agent, actor=SYSTEM)

    assert SECRET.fullmatch(second)
    assert signing_secrets(agent) == [second, first]
    later(hours=23.9)
    assert signing_secrets(agent) == [second, first]
    later(hours=0.2)
    assert signing_secrets(agent) == [second]
    assert [one.fingerprint for one in in_force(agent)] == [fingerprint(second)]


def test_an_overlap_can_be_left_out_set_and_ended(agent: Agent) -> None:
    second = rotate(agent, actor=SYSTEM, overlap=timedelta(0))
    assert signing_secrets(agent) == [second]
    third = rotate(agent, actor=SYSTEM, overlap=timedelta(days=30))
    later(hours=24 * 29)
    assert signing_secrets(agent) == [third, second]

    assert end_earlier(agent, actor=SYSTEM) == 1

    assert signing_secrets(agent) == [third]
    with pytest.raises(NothingOverlaps):
        end_earlier(agent, actor=SYSTEM)


@pytest.mark.parametrize("overlap", [timedelta(seconds=-1), timedelta(days=30, seconds=1)])
def test_an_overlap_has_bounds(agent: Agent, overlap: timedelta) -> None:
    with pytest.raises(SecretRefused):
        rotate(agent, actor=SYSTEM, overlap=overlap)
    assert not CallbackSecret.objects.exists()


def test_no_more_than_four_sign_at_once(agent: Agent) -> None:
    for _ in range(3):
        rotate(agent, actor=SYSTEM)
    with pytest.raises(TooManySecrets):
        rotate(agent, actor=SYSTEM)
    newest = rotate(agent, actor=SYSTEM, overlap=timedelta(0))
    assert signing_secrets(agent)[0] == newest
    assert len(signing_secrets(agent)) == 4


def test_a_secret_lies_in_the_database_sealed_and_never_in_the_log(agent: Agent, settings: Any) -> None:
    second = rotate(agent, actor=SYSTEM)
    end_earlier(agent, actor=SYSTEM)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT string_agg(s::text || encode(s.sealed, 'escape'), ' ') FROM governance_callbacksecret s"
        )
        stored = cursor.fetchone()[0]
    events = " ".join(Event.objects.values_list("body", flat=True))
    for place in (stored, events):
        assert second.removeprefix("whsec_") not in place
    facts = [json.loads(e.body)["data"] for e in Event.objects.filter(type__startswith="callback_secret")]
    about = {"agent": str(agent.pk), "agent_name": agent.name}
    first = fingerprint(callback_secret(agent))
    assert facts == [
        {**about, "secret": fingerprint(second), "replaces": first, "overlap_seconds": 86_400},
        {**about, "secrets": [first]},
    ]

    settings.SECRET_KEY = "another"
    with pytest.raises(Unreadable):
        signing_secrets(agent)


def test_another_agent_keeps_its_own(agent: Agent, olga: Any) -> None:
    other = Agent.objects.create(name="other-bot", owner=olga)
    before = signing_secrets(other)
    rotate(agent, actor=SYSTEM)
    assert signing_secrets(other) == before


def test_an_operator_makes_a_new_one_on_the_page_and_ends_the_one_before(agent: Agent, olga: Any) -> None:
    client = browser(olga)
    shown = client.post("/governance/agents/support-bot/callback-secret/rotate/", {"overlap": "168"})

    [secret] = SECRET.findall(shown.content.decode())
    assert shown["Cache-Control"] == "no-store"
    assert secret == signing_secrets(agent)[0]
    page = client.get("/governance/agents/support-bot/").content.decode()
    assert secret not in page
    assert all(one.fingerprint in page for one in in_force(agent))
    client.post("/governance/agents/support-bot/callback-secret/end/")
    assert signing_secrets(agent) == [secret]
    for verb, said in [
        ("end", "No earlier secret signs any more."),
        ("rotate", "Choose how long the old one still works."),
    ]:
        path = f"/governance/agents/support-bot/callback-secret/{verb}/"
        assert said in client.post(path, {"overlap": "9"}, follow=True).content.decode()


def test_an_operators_program_does_the_same(agent: Agent, olga: Any, api_as: Any) -> None:
    api = api_as(olga)
    made = api.post("agents/support-bot/callback-secrets/rotate/", {"overlap_seconds": 60})

    assert (made.status_code, made["Cache-Control"]) == (201, "no-store")
    secret = made.json()["secret"]
    assert signing_secrets(agent) == [secret, callback_secret(agent)]
    listed = api.get("agents/support-bot/callback-secrets/").json()
    assert [one["fingerprint"] for one in listed["secrets"]] == [
        fingerprint(secret),
        fingerprint(callback_secret(agent)),
    ]
    assert "secret" not in listed
    ended = api.post("agents/support-bot/callback-secrets/end/")
    assert [one["ends_at"] for one in ended.json()["secrets"]] == [None]
    assert api.post("agents/support-bot/callback-secrets/end/").status_code == 409
    wrong = api.post("agents/support-bot/callback-secrets/rotate/", {"overlap_seconds": -1})
    assert [error["pointer"] for error in wrong.json()["errors"]] == ["/overlap_seconds"]
