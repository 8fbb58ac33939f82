"""Links with which people choose a password: invitations, and new ones for who forgot theirs."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models.functions import Now
from django.test import Client

from approvals.telling import carrier
from audit.ground.actors import SYSTEM
from audit.models import Event
from governance.door import links
from governance.models import AccountLink, KnownDevice, User
from reviewapp.accounts import reset_mail
from tests.conftest import actor_of

NEW = "a-password-that-ana-chose"
CHOSEN = {"password1": NEW, "password2": NEW}


@pytest.fixture
def token(ana: Any) -> str:
    return links.make(ana, by=None, actor=SYSTEM)


def path_of(token: str) -> str:
    return f"/accounts/link/{token}/"


def signs_in(name: str, password: str) -> bool:
    return Client().post("/accounts/login/", {"login": name, "password": password}).status_code == 302


# --- Using one ------------------------------------------------------------------------------------


def test_a_link_sets_a_password_once(ana: Any, token: str) -> None:
    page = Client().get(path_of(token))
    assert (page.status_code, page["Cache-Control"]) == (200, "no-store")
    assert "You sign in as" in page.content.decode()

    assert Client().post(path_of(token), CHOSEN)["Location"] == "/accounts/login/"

    assert signs_in("ana", NEW)
    assert not signs_in("ana", "ana-has-a-long-password")
    again = Client().post(
        path_of(token), {"password1": "another-one-of-mine", "password2": "another-one-of-mine"}
    )
    assert (again.status_code, Client().get(path_of(token)).status_code) == (410, 410)
    assert signs_in("ana", NEW)


def test_looking_at_a_link_does_not_use_it_up(token: str) -> None:
    assert [Client().get(path_of(token)).status_code for _ in range(3)] == [200, 200, 200]


@pytest.mark.django_db(transaction=True)
def test_of_many_who_use_one_link_at_once_one_succeeds(ana: Any) -> None:
    token = links.make(ana, by=None, actor=SYSTEM)

    def use(n: int) -> bool:
        try:
            links.use(token, f"{NEW}-{n}")
        except links.LinkIsOver:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(use, range(8))) == 1


@pytest.mark.parametrize(
    ("first", "second", "says"),
    [
        (NEW, "something-else", "are not the same"),
        ("short", "short", "too short"),
        ("password12345", "password12345", "too common"),
        ("", "", "too short"),
    ],
)
def test_a_password_that_is_not_good_says_why_and_leaves_the_link(
    token: str, first: str, second: str, says: str
) -> None:
    page = Client().post(path_of(token), {"password1": first, "password2": second})
    assert (page.status_code, says in page.content.decode()) == (422, True)
    assert Client().get(path_of(token)).status_code == 200


def test_a_new_password_ends_every_session_and_forgets_every_device(ana: Any, token: str) -> None:
    client = Client()
    client.post("/accounts/login/", {"login": "ana", "password": "ana-has-a-long-password"})
    assert client.get("/queue/").status_code == 200
    assert KnownDevice.objects.count() == 1

    Client().post(path_of(token), CHOSEN)

    assert client.get("/queue/").status_code == 302
    assert not KnownDevice.objects.exists()


def test_the_second_factor_stays(ana: Any, token: str) -> None:
    from tests.approvals.deciding.test_step_up import enrol

    enrol(ana)
    Client().post(path_of(token), CHOSEN)
    client = Client()
    client.post("/accounts/login/", {"login": "ana", "password": NEW})
    assert client.get("/queue/").status_code == 302
    assert client.get("/accounts/security/sign-in/").status_code == 200


@pytest.mark.parametrize("how", ["late", "left", "replaced", "unknown"])
def test_a_link_that_is_over_opens_nothing(ana: Any, token: str, how: str) -> None:
    if how == "late":
        AccountLink.objects.update(expires_at=Now() - timedelta(seconds=1))
    elif how == "left":
        User.objects.update(is_active=False)
    elif how == "replaced":
        links.make(ana, by=None, actor=SYSTEM)
    else:
        token = "x" * 43
    for answer in (Client().get(path_of(token)), Client().post(path_of(token), CHOSEN)):
        assert (answer.status_code, "This link is over" in answer.content.decode()) == (410, True)
    ana.refresh_from_db()
    assert not ana.check_password(NEW)


def test_the_link_is_kept_as_a_hash_and_told_without_itself(ana: Any, token: str) -> None:
    Client().post(path_of(token), CHOSEN)
    link = AccountLink.objects.get()
    assert token not in json.dumps([link.hash, str(link)])
    told = list(Event.objects.order_by("pk").values_list("type", "actor_name"))
    assert told == [
        ("account_link.made", "Console"),
        ("account_link.used", "Ana"),
        ("password.changed", "Ana"),
    ]
    assert not Event.objects.filter(body__contains=token).exists()
    assert json.loads(Event.objects.last().body)["actor"]["authenticated_by"] == "link"


# --- Making one -----------------------------------------------------------------------------------


def signed_in(user: Any) -> Client:
    client = Client()
    client.post(
        "/accounts/login/", {"login": user.username, "password": f"{user.username}-has-a-long-password"}
    )
    return client


def make_for(client: Client, user: Any) -> Any:
    return client.post(f"/governance/people/{user.pk}/link/")


def test_an_operator_makes_a_link_that_is_shown_once(olga: Any, ana: Any) -> None:
    client = signed_in(olga)
    page = make_for(client, ana).content.decode()
    token = page.split("/accounts/link/")[1].split("/")[0]

    assert Client().get(path_of(token)).status_code == 200
    assert token not in client.get("/governance/people/").content.decode()
    made = json.loads(Event.objects.get(type="account_link.made").body)
    assert (made["actor"]["name"], made["data"]["user"]) == ("Olga", str(ana.pk))


def test_that_takes_a_log_in_of_just_now(olga: Any, ana: Any) -> None:
    client = Client()
    client.force_login(olga)
    assert make_for(client, ana)["Location"].startswith("/accounts/reauthenticate/?next=")
    assert not AccountLink.objects.exists()


def test_an_invitation_takes_one_too_and_loses_nothing_typed(olga: Any) -> None:
    client = Client()
    client.force_login(olga)
    page = client.post("/governance/people/new/", {"name": "zoe", "role": "reviewer", "team": "operations"})
    assert (page.status_code, 'value="zoe"' in page.content.decode()) == (422, True)
    assert "Confirm that it is you" in page.content.decode()
    assert not User.objects.filter(username="zoe").exists()


def test_nobody_makes_one_for_themselves_or_for_another_operator(olga: Any, pia: Any) -> None:
    client = signed_in(olga)
    for person in (olga, pia):
        assert make_for(client, person)["Location"] == "/governance/people/"
        with pytest.raises(links.LinkRefused):
            links.make(person, by=olga, actor=actor_of(olga))
    assert not AccountLink.objects.exists()


def test_an_operator_invites_somebody(olga: Any) -> None:
    form = {
        "name": "zoe",
        "full_name": "Zoe van Berg",
        "email": "zoe@example.com",
        "role": "reviewer",
        "team": "operations",
    }
    page = signed_in(olga).post("/governance/people/new/", form).content.decode()
    token = page.split("/accounts/link/")[1].split("/")[0]
    zoe = User.objects.get(username="zoe")
    assert (zoe.printed_name, zoe.email, zoe.has_usable_password()) == (
        "Zoe van Berg",
        "zoe@example.com",
        False,
    )
    assert "Welcome" in Client().get(path_of(token)).content.decode()

    Client().post(path_of(token), CHOSEN)

    assert signs_in("zoe", NEW)


@pytest.mark.parametrize(
    ("form", "says"),
    [
        ({"role": "operator"}, "An operator is made at the console"),
        ({"role": ""}, "Choose a role"),
        ({"name": "olga"}, "There is a user olga already"),
        ({"name": "no spaces"}, "Enter a valid username"),
        ({"email": "no mail"}, "Enter a valid email address"),
        ({"full_name": "Zoe\nBcc: x"}, "A name is one line of text"),
    ],
)
def test_an_invitation_that_is_wrong_says_why_and_keeps_what_was_typed(
    olga: Any, form: dict[str, str], says: str
) -> None:
    body = {"name": "zoe", "full_name": "Zoe", "email": "zoe@example.com", "role": "reviewer", **form}
    page = signed_in(olga).post("/governance/people/new/", body)
    assert (page.status_code, says in page.content.decode()) == (422, True)
    assert f'value="{body["name"]}"' in page.content.decode()
    assert not User.objects.filter(username="zoe").exists()


def test_the_list_of_people_asks_as_much_of_twelve_as_of_one(
    olga: Any, django_assert_max_num_queries: Any
) -> None:
    client = signed_in(olga)
    client.get("/governance/people/")
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as few:
        client.get("/governance/people/")
    for n in range(12):
        User.objects.create_user(f"person-{n}")
    with django_assert_max_num_queries(len(few)):
        client.get("/governance/people/")


# --- At the console -------------------------------------------------------------------------------


def printed(*command: str) -> str:
    out = StringIO()
    call_command(*command, stdout=out)
    return out.getvalue().splitlines()[-1]


def test_the_console_makes_links_for_everybody_and_invites_operators(olga: Any) -> None:
    token = printed("account_link", "olga").rsplit("/", 2)[1]
    Client().post(path_of(token), CHOSEN)
    assert signs_in("olga", NEW)

    token = printed("create_user", "yan", "--role", "operator", "--invite").rsplit("/", 2)[1]
    Client().post(path_of(token), CHOSEN)
    assert signs_in("yan", NEW)
    with pytest.raises(CommandError, match="There is no user nobody"):
        printed("account_link", "nobody")


# --- By e-mail ------------------------------------------------------------------------------------

ASK = "/accounts/password/reset/"


@pytest.fixture
def post(settings: Any, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """What would be sent, to whom."""
    settings.EMAIL_URL = "smtp://mail.example:25"
    sent: list[tuple[str, str]] = []
    monkeypatch.setattr(carrier, "carry", lambda address, *, body, **_: sent.append((address, body)))
    monkeypatch.setattr(
        "reviewapp.accounts.door_pages.tell_worker", lambda _, user: reset_mail.send(int(user))
    )
    return sent


def test_without_e_mail_the_page_says_whom_to_ask(db: None) -> None:
    page = Client().get(ASK).content.decode()
    assert "Ask an operator" in page
    assert "Forgot" in Client().get("/accounts/login/").content.decode()


@pytest.mark.parametrize("asked", ["ana", "ANA", "ana@example.com", "Ana@Example.com"])
def test_a_link_is_sent_to_the_address_of_the_account(
    ana: Any, post: list[tuple[str, str]], asked: str
) -> None:
    User.objects.filter(pk=ana.pk).update(email="ana@example.com")
    Client().post(ASK, {"account": asked})

    [(address, body)] = post
    assert address == "ana@example.com"
    token = body.split("/accounts/link/")[1].split("/")[0]
    Client().post(path_of(token), CHOSEN)
    assert signs_in("ana", NEW)


def test_the_answer_is_the_same_whether_there_is_such_an_account(ana: Any, ben: Any, post: Any) -> None:
    User.objects.filter(pk=ana.pk).update(email="ana@example.com")
    pages = [
        Client().post(ASK, {"account": asked}).content.decode().split("<main")[1]
        for asked in ("ana", "ben", "nobody", "ana@example.com", "x@example.com")
    ]
    assert len(set(pages)) == 1
    assert len(post) == 2


def test_nobody_is_sent_a_flood_and_asking_makes_no_other_link_void(ana: Any, post: Any) -> None:
    User.objects.filter(pk=ana.pk).update(email="ana@example.com")
    made = links.make(ana, by=None, actor=SYSTEM)
    answers = [Client(REMOTE_ADDR=f"192.0.2.{n}").post(ASK, {"account": "ana"}).status_code for n in range(9)]
    assert (answers, len(post)) == ([200] * 9, 3)
    assert Client().get(path_of(made)).status_code == 200


def test_one_address_asks_for_so_many_links_and_then_waits(db: None, post: Any) -> None:
    answers = [Client().post(ASK, {"account": f"name-{n}"}).status_code for n in range(11)]
    assert answers == [200] * 10 + [429]


def test_a_link_that_the_mail_server_did_not_take_is_void(
    ana: Any, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.EMAIL_URL = "smtp://mail.example:25"
    User.objects.filter(pk=ana.pk).update(email="ana@example.com")

    def refuse(*_: Any, **__: Any) -> None:
        raise carrier.NotCarried("The mail server did not take it.")

    monkeypatch.setattr(carrier, "carry", refuse)
    with pytest.raises(reset_mail.NotSent):
        reset_mail.send(ana.pk)
    assert not AccountLink.objects.good().exists()
