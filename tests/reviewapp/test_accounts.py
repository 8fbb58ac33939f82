from __future__ import annotations

import json
from typing import Any

import pytest
from django.conf import settings
from django.core.cache import cache
from django.test import Client

from audit.asking import name_of
from audit.models import Event

LOGIN = "/accounts/login/"


@pytest.fixture(autouse=True)
def _no_earlier_tries() -> None:
    cache.clear()


def sign_in(client: Client, name: str, password: str) -> Any:
    return client.post(LOGIN, {"login": name, "password": password})


def events() -> list[tuple[str, str]]:
    return list(Event.objects.order_by("pk").values_list("type", "actor_name"))


def test_a_person_signs_in_and_out_and_both_are_told(ana: Any) -> None:
    client = Client()

    answer = sign_in(client, "ana", "ana-has-a-long-password")
    assert (answer.status_code, answer["Location"]) == (302, "/")
    key = client.session.session_key
    opened = json.loads(Event.objects.get().body)
    client.post("/accounts/logout/")

    assert client.get("/queue/").status_code == 302
    assert events() == [("session.opened", "Ana"), ("session.closed", "Ana")]
    assert opened["actor"]["session"] == name_of(key)
    assert opened["actor"]["authenticated_by"] == "password"
    assert key not in Event.objects.first().body


def test_the_session_gets_another_name_at_the_log_in(ana: Any) -> None:
    client = Client()
    client.get(LOGIN)
    session = client.session
    session["kept"] = 1
    session.save()
    before = session.session_key
    client.cookies[settings.SESSION_COOKIE_NAME] = before

    sign_in(client, "ana", "ana-has-a-long-password")

    assert client.session.session_key != before


@pytest.mark.parametrize("name", ["ana", "nobody"])
def test_a_wrong_password_says_no_more_than_that_and_is_told(ana: Any, name: str) -> None:
    answer = sign_in(Client(), name, "wrong-password-here")

    assert answer.status_code == 200
    assert b"are not correct" in answer.content
    assert events() == [("session.refused", "Not signed in")]
    assert "wrong-password-here" not in Event.objects.get().body
    assert name not in Event.objects.get().body


def test_many_wrong_passwords_lock_the_door_for_a_while(ana: Any) -> None:
    client = Client()
    answers = [sign_in(client, "ana", f"wrong-{n}").content for n in range(6)]

    assert b"Too many failed" not in b"".join(answers[:5])
    assert b"Too many failed" in answers[5]
    assert b"Too many failed" in sign_in(client, "ana", "ana-has-a-long-password").content
    assert client.get("/queue/").status_code == 302


def test_nobody_signs_up(db: None) -> None:
    assert Client().post("/accounts/signup/", {"username": "eve"}).status_code == 404
    assert b"signup" not in Client().get(LOGIN).content


def test_somebody_who_left_is_not_let_in(ana: Any) -> None:
    client = Client()
    client.force_login(ana)
    ana.is_active = False
    ana.save()

    assert client.get("/queue/").status_code == 302
    sign_in(client, "ana", "ana-has-a-long-password")
    assert client.get("/queue/").status_code == 302


def test_a_changed_password_is_told_and_the_old_one_opens_nothing(ana: Any) -> None:
    client = Client()
    client.force_login(ana)
    form = {
        "oldpassword": "ana-has-a-long-password",
        "password1": "quite-another-long-one",
        "password2": "quite-another-long-one",
    }

    assert client.post("/accounts/password/change/", form).status_code == 302

    assert events() == [("password.changed", "Ana")]
    ana.refresh_from_db()
    assert ana.check_password("quite-another-long-one")


def test_the_way_back_leads_nowhere_else(ana: Any) -> None:
    form = {"login": "ana", "password": "ana-has-a-long-password", "next": "https://evil.example/"}
    assert Client().post(LOGIN, form)["Location"] == "/"
