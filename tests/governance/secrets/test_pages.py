"""The pages and the API of secrets: everything of them but their values."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from audit.ground.actors import SYSTEM
from governance.actions.action_types import register
from governance.models import Secret
from governance.secrets import box, keep, read
from tests.governance.secrets.made import VALUE, Authority, secret, told
from tests.governance.secrets.test_keep import with_route
from tests.queries import same_queries_at, statements

pytestmark = pytest.mark.django_db
LIST, NEW = "/governance/secrets/", "/governance/new-secret/"
ONE = "/governance/secrets/shop-token/"


@pytest.fixture
def desk(client: Client, olga: Any) -> Client:
    client.force_login(olga)
    return client


def test_a_secret_is_written_granted_replaced_and_deleted(desk: Client, olga: Any) -> None:
    assert "No secret yet" in desk.get(LIST).content.decode()
    sent = {
        "name": "shop-token",
        "description": "Refunds",
        "secret": VALUE,
        "granted_to": "refund_payment\r\nb",
    }
    assert desk.post(NEW, sent).headers["Location"] == ONE
    register(with_route(sign="shop-token"), actor=SYSTEM)

    page = desk.get(ONE).content.decode()
    for said in ("Refunds", "by <bdi>Olga</bdi>", "not there yet", "version 1"):
        assert said in page
    assert VALUE not in page

    assert desk.post(ONE + "replace/", {"secret": "another-value"}).status_code == 302
    kept = Secret.objects.get()
    assert box.opened(kept.name, kept.ciphertext) == "another-value"
    assert desk.post(ONE + "grant/", {"granted_to": ""}).status_code == 302
    page = desk.get(ONE).content.decode()
    assert "not granted: its calls are not sent" in page
    assert "nobody: no workflow can use it" in page
    assert "not granted to each of them" in desk.get(LIST).content.decode()

    asked = desk.get(ONE + "delete/").content.decode()
    assert "The workflows of these action types name it" in asked
    refused = desk.post(ONE + "delete/")
    assert (refused.status_code, Secret.objects.count()) == (409, 1)
    assert desk.post(ONE + "delete/", {"although_used": "yes"}).headers["Location"] == LIST
    assert desk.get(ONE).status_code == 404
    assert [kind for kind, _ in told()] == [
        "secret.written",
        "secret.written",
        "secret.granted",
        "secret.deleted",
    ]


@pytest.mark.parametrize(
    ("address", "sent", "said"),
    [
        (NEW, {"name": "a b", "secret": VALUE, "granted_to": "b"}, "1 to 64 letters"),
        (NEW, {"name": "shop-token", "secret": VALUE, "granted_to": "b"}, "replace its value instead"),
        (NEW, {"name": "c", "secret": VALUE, "granted_to": "no name"}, "is no name of an action type"),
        (ONE + "replace/", {"secret": VALUE + "\7"}, "It has characters that no text has"),
        (ONE + "grant/", {"granted_to": "no name", "secret": VALUE}, "is no name of an action type"),
    ],
)
def test_after_a_mistake_all_is_kept_but_the_value(
    desk: Client, address: str, sent: dict[str, str], said: str
) -> None:
    secret("shop-token", "what-it-was-before")
    answer = desk.post(address, sent)
    page = answer.content.decode()
    assert (answer.status_code, said in page, VALUE in page) == (422, True, False)
    assert sent.get("granted_to", "") in page
    assert len(told()) == 1


def test_a_value_that_was_sent_when_the_session_had_ended_is_kept_nowhere(client: Client) -> None:
    origin = {"origin": "http://testserver"}
    kept = client.post("/governance/secrets/x/grant/", {"granted_to": "a b c"}, headers=origin)
    gone = client.post(NEW, {"name": "a", "secret": VALUE}, headers=origin)
    assert (kept.status_code, gone.status_code) == (401, 302)
    assert VALUE not in gone.content.decode() + str(gone.headers)


@pytest.mark.parametrize(
    ("verb", "sent"),
    [("replace", {"secret": VALUE}), ("grant", {"granted_to": "b"}), ("delete", {"although_used": "yes"})],
)
def test_what_somebody_deleted_meanwhile_is_not_there(
    desk: Client, monkeypatch: pytest.MonkeyPatch, verb: str, sent: dict[str, str]
) -> None:
    kept = secret()
    known = read.one("shop-token")
    monkeypatch.setattr(read, "one", lambda _: known)
    kept.delete()
    assert desk.post(f"{ONE}{verb}/", sent).status_code == 404
    assert [kind for kind, _ in told()] == ["secret.written"]


def test_a_certificate_that_ends_soon_is_seen(desk: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    secret("shop-cert", Authority.new().issue("reviewapp"))
    assert "certificate ends" not in desk.get(LIST).content.decode()
    Secret.objects.update(certificate_until="2026-01-01T00:00:00Z")
    assert "certificate ends" in desk.get(LIST).content.decode()
    assert "soon, or already" in desk.get("/governance/secrets/shop-cert/").content.decode()


def test_many_secrets_are_pages_that_cost_the_same(desk: Client) -> None:
    def add(n: int) -> None:
        secret(f"token-{n:02}", VALUE, f"action_{n}")
        register({**with_route(sign=f"token-{n:02}"), "name": f"action_{n}"}, actor=SYSTEM)

    same_queries_at(1, 12, add, lambda: desk.get(LIST).content.decode().count("cell-main"))
    keep.write("another", VALUE, actor=SYSTEM, by=None)
    assert desk.get(LIST + "?q=TOKEN-1").content.decode().count("cell-main") == 2
    assert "Nothing matches" in desk.get(LIST + "?q=%25").content.decode()
    assert statements(lambda: desk.get("/governance/secrets/token-00/")) < 12


def test_who_may_look_and_not_change_is_offered_nothing_else(client: Client, dora: Any) -> None:
    secret()
    client.force_login(dora)
    for address in (LIST, ONE):
        page = client.get(address).content.decode()
        assert "<textarea" not in page
        assert reverse("governance:new-secret") not in page
        assert "/delete/" not in page


# --- The API ------------------------------------------------------------------------------------


def test_the_api_does_the_same_and_tells_no_value(api_as: Callable[[Any], Any], olga: Any) -> None:
    api = api_as(olga)
    body = {"name": "shop-token", "value": VALUE, "granted_to": ["refund_payment"]}
    made = api.post("secrets/", body)
    assert made.status_code == 201
    register(with_route(sign="shop-token"), actor=SYSTEM)

    assert api.put("secrets/shop-token/value/", {"value": "another-value"}).status_code == 200
    granted = api.put("secrets/shop-token/grants/", {"granted_to": ["other"]}).json()
    assert granted == {
        "name": "shop-token",
        "description": "",
        "granted_to": ["other"],
        "used_by": [{"action": "refund_payment", "version": 1, "granted": False}],
        "written_at": Secret.objects.get().written_at.isoformat(),
        "certificate_until": None,
        "last_used_at": None,
    }
    assert api.get("secrets/shop-token/").json() == granted
    assert api.get("secrets/").json() == {"secrets": [granted], "next": None}

    refused = api.delete("secrets/shop-token/")
    assert refused.status_code == 409
    assert refused.json()["used_by"] == ["refund_payment@1"]
    assert api.delete("secrets/shop-token/?although_used=yes").status_code == 422
    assert api.delete("secrets/shop-token/?although_used=true").status_code == 204
    assert api.get("secrets/shop-token/").status_code == 404


def test_the_api_names_what_is_wrong_without_the_value(api_as: Callable[[Any], Any], olga: Any) -> None:
    api = api_as(olga)
    secret()
    for path, sent, status, pointers in (
        ("secrets/", {"name": "a", "value": VALUE, "grants": []}, 422, ["/grants"]),
        ("secrets/", {"name": "a", "value": [VALUE]}, 422, ["/value"]),
        ("secrets/", {"name": "a b", "value": VALUE}, 422, ["/name"]),
        ("secrets/", {"name": "a", "value": VALUE, "granted_to": ["no name"]}, 422, ["/granted_to"]),
        ("secrets/", {"name": "shop-token", "value": VALUE}, 409, []),
    ):
        answer = api.post(path, sent)
        assert (answer.status_code, [e["pointer"] for e in answer.json().get("errors", [])]) == (
            status,
            pointers,
        )
        assert json.dumps(VALUE) not in answer.content.decode()
        assert VALUE not in answer.content.decode()
    broken = api.post("secrets/", raw=b'{"name": "a", "value": "' + VALUE.encode())
    assert (broken.status_code, VALUE in broken.content.decode()) == (400, False)


def test_pages_of_the_api_go_on_where_the_one_before_ended(
    api_as: Callable[[Any], Any], olga: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("governance.secrets.api.PAGE", 2)
    for name in "cab":
        secret(name * 3)
    api = api_as(olga)
    first = api.get("secrets/").json()
    second = api.get(f"secrets/?after={first['next']}").json()
    assert [one["name"] for one in first["secrets"] + second["secrets"]] == ["aaa", "bbb", "ccc"]
    assert second["next"] is None
