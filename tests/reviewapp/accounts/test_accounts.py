from __future__ import annotations

import json
from typing import Any

import pytest
import redis
from django.conf import settings
from django.core.cache import cache
from django.test import Client

from approvals.models import Notice
from audit.asking.who import name_of
from audit.ground import valkey
from audit.log import counted
from audit.models import Event
from governance.door import tries
from governance.models import KnownDevice
from tests.approvals.deciding.test_step_up import code_now, enrol

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
    if name == "ana":
        assert events() == [("session.refused", "Not signed in")]
        told = Event.objects.get().body
    else:  # nobody's account: it is counted, and becomes a line with others
        assert not Event.objects.exists()
        [key] = valkey.ask("KEYS", f"{counted._key()}:*")
        told = str(valkey.ask("HGETALL", key))
    assert "wrong name or password" in told
    assert "wrong-password-here" not in told
    assert f'"{name}"' not in told


# --- Too many tries -------------------------------------------------------------------------------

RIGHT = "ana-has-a-long-password"


def at(address: str, **more: Any) -> Client:
    """A browser at this address."""
    return Client(REMOTE_ADDR=address, **more)


def guess(client: Client, name: str = "ana", times: int = 5) -> Any:
    """Wrong passwords, as many as are free."""
    for n in range(times):
        answer = sign_in(client, name, f"wrong-{n}")
        assert answer.status_code == 200
    return sign_in(client, name, "wrong again")


def test_after_five_wrong_passwords_the_page_says_how_long_to_wait(ana: Any) -> None:
    client = at("192.0.2.1")

    answer = guess(client)

    assert answer.status_code == 429
    assert 0 < int(answer["Retry-After"]) <= 10
    assert f"Too many tries failed. Try again in {answer['Retry-After']} second" in answer.content.decode()
    assert sign_in(client, "ana", RIGHT).status_code == 429  # the password is not looked at
    assert 'value="ana"' in answer.content.decode()  # what was typed is kept
    assert Event.objects.filter(type="session.refused").count() == 5  # a wait writes nothing


def test_a_name_is_open_to_others_while_somebody_guesses_at_it(ana: Any) -> None:
    guess(at("192.0.2.1"))
    assert sign_in(at("192.0.2.2"), "ana", RIGHT).status_code == 302


def test_an_address_is_open_to_others_while_somebody_there_guesses(ana: Any, ben: Any) -> None:
    guess(at("192.0.2.1"))
    assert sign_in(at("192.0.2.1"), "ben", "ben-has-a-long-password").status_code == 302


def test_behind_a_trusted_proxy_each_address_counts_by_itself(ana: Any, settings: Any) -> None:
    settings.TRUSTED_PROXIES = ["10.0.0.0/8"]
    guess(at("10.0.0.1", HTTP_X_FORWARDED_FOR="192.0.2.1"))

    assert sign_in(at("10.0.0.1", HTTP_X_FORWARDED_FOR="192.0.2.1"), "ana", RIGHT).status_code == 429
    spoofed = "203.0.113.9, 192.0.2.1"
    assert sign_in(at("10.0.0.1", HTTP_X_FORWARDED_FOR=spoofed), "ana", RIGHT).status_code == 429
    assert sign_in(at("10.0.0.1", HTTP_X_FORWARDED_FOR="192.0.2.2"), "ana", RIGHT).status_code == 302


@pytest.mark.parametrize("name", ["ana", "ANA", " ana ", "nobody-of-this-name"])
def test_a_name_is_one_however_it_is_written_and_whether_it_exists(ana: Any, name: str) -> None:
    guess(at("192.0.2.1"), name)
    answer = sign_in(at("192.0.2.1"), name.strip().lower(), RIGHT)
    assert (answer.status_code, b"Too many tries" in answer.content) == (429, True)


def test_addresses_of_one_network_of_ipv6_count_as_one(ana: Any) -> None:
    for n in range(5):
        sign_in(at(f"2001:db8:1:2::{n}"), "ana", "wrong")
    assert sign_in(at("2001:db8:1:2:ffff::1"), "ana", RIGHT).status_code == 429
    assert sign_in(at("2001:db8:1:3::1"), "ana", RIGHT).status_code == 302


def test_who_signed_in_from_this_browser_before_gets_through(ana: Any) -> None:
    known = at("192.0.2.1")
    sign_in(known, "ana", RIGHT)
    known.post("/accounts/logout/")
    guess(at("192.0.2.1"))

    assert sign_in(at("192.0.2.1"), "ana", RIGHT).status_code == 429
    assert sign_in(known, "ana", RIGHT).status_code == 302


def test_a_known_browser_guesses_no_more_than_others_and_is_its_own_persons(ana: Any, ben: Any) -> None:
    known = at("192.0.2.1")
    sign_in(known, "ana", RIGHT)
    known.post("/accounts/logout/")

    assert guess(known, times=10).status_code == 429
    assert guess(known, "ben").status_code == 429


def device_cookie(client: Client) -> Any:
    [name] = [name for name in client.cookies if "device" in name]
    return client.cookies[name]


def test_the_cookie_of_a_known_browser_is_a_new_one_each_time_and_dies_with_the_password(ana: Any) -> None:
    client = at("192.0.2.1")
    sign_in(client, "ana", RIGHT)
    first = device_cookie(client).value
    assert device_cookie(client)["httponly"]
    client.post("/accounts/logout/")
    sign_in(client, "ana", RIGHT)
    second = device_cookie(client).value

    assert first != second
    assert KnownDevice.objects.count() == 1
    old = at("192.0.2.9")
    old.cookies[device_cookie(client).key] = first
    forged = at("192.0.2.9")
    forged.cookies[device_cookie(client).key] = first[:-1] + ("A" if first[-1] != "A" else "B")
    guess(at("192.0.2.9"))
    assert sign_in(old, "ana", RIGHT).status_code == 429
    assert sign_in(forged, "ana", RIGHT).status_code == 429

    words = {"password1": "quite-another-long-one", "password2": "quite-another-long-one"}
    client.post("/accounts/password/change/", {"oldpassword": RIGHT, **words})
    assert not KnownDevice.objects.exists()


def test_whoever_shows_a_second_factor_gets_through_and_is_asked_for_no_other(ana: Any) -> None:
    enrol(ana)
    client = at("192.0.2.1")
    page = guess(client).content.decode()
    assert 'name="code"' in page
    assert 'type="hidden" name="code"' not in page

    shown = {"login": "ana", "password": RIGHT, "code": code_now("JBSWY3DPEHPK3PXP")}
    answer = client.post(LOGIN, shown)

    assert (answer.status_code, answer["Location"]) == (302, "/")
    opened = json.loads(Event.objects.get(type="session.opened").body)
    assert opened["actor"]["authenticated_by"] == "password+totp"


@pytest.mark.parametrize("has_one", [True, False])
def test_codes_can_no_more_be_guessed_than_passwords(ana: Any, has_one: bool) -> None:
    if has_one:
        enrol(ana)
    client = at("192.0.2.1")
    guess(client)

    answers = [client.post(LOGIN, {"login": "ana", "password": RIGHT, "code": "000000"}) for _ in range(6)]

    assert ["This code is not right" in answer.content.decode() for answer in answers] == [True] * 5 + [False]
    assert answers[-1].status_code == 429


def test_the_code_after_the_password_can_not_be_guessed(ana: Any) -> None:
    enrol(ana)
    client = at("192.0.2.1")
    sign_in(client, "ana", RIGHT)
    pages = [client.post("/accounts/security/sign-in/", {"code": f"00000{n}"}) for n in range(6)]
    assert b"Too many tries failed" in pages[-1].content
    assert b"Too many tries failed" not in pages[-2].content


def test_the_old_password_can_not_be_guessed_from_an_open_session(ana: Any) -> None:
    client = at("192.0.2.1")
    client.force_login(ana)
    form = {
        "oldpassword": "wrong",
        "password1": "quite-another-long-one",
        "password2": "quite-another-long-one",
    }
    pages = [client.post("/accounts/password/change/", form) for _ in range(6)]
    assert b"Too many tries failed" in pages[-1].content
    assert b"Too many tries failed" not in pages[-2].content


def test_without_valkey_people_sign_in_and_guesses_still_wait(
    ana: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any, **__: Any) -> Any:
        raise redis.ConnectionError

    monkeypatch.setattr(tries, "run_script", away)
    monkeypatch.setattr(tries, "_here", tries._Here())
    monkeypatch.setattr("django.core.cache.backends.redis.RedisCache.add", away)
    enrol(ana)

    assert guess(at("192.0.2.1")).status_code == 429
    client = at("192.0.2.2")
    sign_in(client, "ana", RIGHT)
    answer = client.post("/accounts/security/sign-in/", {"code": code_now("JBSWY3DPEHPK3PXP")})
    assert (answer.status_code, client.get("/queue/").status_code) == (302, 200)


# --- The person is told ---------------------------------------------------------------------------


def notices() -> list[tuple[str, str]]:
    return list(Notice.objects.order_by("pk").values_list("user__username", "kind"))


def test_the_owner_is_told_of_many_wrong_passwords_once_an_hour(ana: Any) -> None:
    guess(at("192.0.2.1"), times=3)
    assert notices() == []  # one is still free
    guess(at("192.0.2.2"))
    assert notices() == [("ana", "failed_tries")]
    refused = [json.loads(event.body)["data"] for event in Event.objects.filter(type="session.refused")]
    assert refused[0] == {
        "reason": "wrong name or password",
        "user": str(ana.pk),
        "address": "192.0.2.1",
        "often": False,
    }
    assert refused[-1]["often"] is True


def test_the_owner_is_told_of_a_new_browser_and_not_of_a_known_one(ana: Any) -> None:
    first = at("192.0.2.1")
    sign_in(first, "ana", RIGHT)
    assert notices() == []  # the very first
    first.post("/accounts/logout/")
    sign_in(first, "ana", RIGHT)
    assert notices() == []
    sign_in(at("192.0.2.2"), "ana", RIGHT)

    assert notices() == [("ana", "new_device")]
    opened = [json.loads(event.body)["data"] for event in Event.objects.filter(type="session.opened")]
    assert opened == [
        {"address": "192.0.2.1", "device": "new"},
        {"address": "192.0.2.1", "device": "known"},
        {"address": "192.0.2.2", "device": "new"},
    ]
    page = first.get("/queue/notices/").content.decode()
    assert "You signed in from a new browser" in page


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
