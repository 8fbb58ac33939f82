"""How a call proves who asks, against real servers: secrets in headers, signatures, certificates, tokens."""

from __future__ import annotations

import base64
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)
from standardwebhooks import Webhook

from audit.ground import egress
from execution.routes import dispatch, oauth2
from execution.routes.result import FAILED, REFUSED, SUCCEEDED, How, NoRead, Result
from governance.actions.route_kinds import HttpRoute
from governance.models import Secret
from governance.schemas.data_classes import MASK
from governance.secrets import vault
from tests.execution.conftest import Downstream, run_to_rest, step, tried, workflow
from tests.execution.routes.encrypted import Encrypted
from tests.governance.secrets.made import VALUE, Authority, secret, told

pytestmark = pytest.mark.django_db

KNOWN = {
    "args": {"amount": 54.04},
    "proposal": {"title": "x", "action": "refund_payment@3"},
    "execution": {"id": "e"},
}
KEY = "whsec_" + base64.b64encode(b"32 bytes that nobody else knows.").decode()


def call(url: str, *, repeatable: bool = False, timeout: float = 5.0, **route: Any) -> Result:
    headers = {"idempotency-key": "e/refund"}
    how = How("response.status < 300", headers, timeout, time.monotonic(), lambda: True, repeatable)
    return dispatch.call(HttpRoute.model_validate({"kind": "http", "url": url, **route}), KNOWN, how)


# --- Headers ------------------------------------------------------------------------------------


def test_secrets_stand_in_headers_and_their_use_is_told_once(shop: Downstream) -> None:
    secret()
    secret("tenant", "tenant-number-7")
    sent = {"Authorization": "Bearer {secret:shop-token}", "x-both": "{secret:tenant}:{secret:shop-token}"}

    for _ in range(3):
        assert call(shop.url + "/refunds", headers=sent).outcome == SUCCEEDED

    [(headers, _), *_] = shop.asked("/refunds")
    assert headers["authorization"] == f"Bearer {VALUE}"
    assert headers["x-both"] == f"tenant-number-7:{VALUE}"
    place = f"refund_payment@3 POST {shop.url}/refunds"
    used = {"action": "refund_payment", "place": place}
    assert told()[2:] == [
        ("secret.used", {"secret": "shop-token", **used}),
        ("secret.used", {"secret": "tenant", **used}),
    ]


@pytest.mark.parametrize(
    ("spoil", "outcome", "said"),
    [
        (lambda: Secret.objects.all().delete(), REFUSED, "there is no secret shop-token"),
        (
            lambda: Secret.objects.update(granted_to=["another"]),
            REFUSED,
            "the secret shop-token is not granted to refund_payment",
        ),
        (
            lambda: Secret.objects.update(ciphertext="x"),
            REFUSED,
            "the secret shop-token can't be read: it was",
        ),
        (lambda: None, REFUSED, "the header 'x-key' cannot be sent"),
    ],
)
def test_without_its_secret_nothing_is_sent(
    shop: Downstream, spoil: Callable[[], Any], outcome: str, said: str
) -> None:
    secret("shop-token", "two\nlines, and no header has them")
    spoil()

    found = call(shop.url + "/refunds", headers={"x-key": "{secret:shop-token}"})

    assert (found.outcome, found.detail[: len(said) + 10]) == (outcome, f"Not sent: {said}")
    assert shop.calls == []


def test_a_secret_that_can_not_be_read_now_is_tried_again(
    shop: Downstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any, **__: Any) -> str:
        raise vault.NotNow("the secret shop-token could not be read now")

    monkeypatch.setattr(vault, "reveal", away)
    found = call(shop.url + "/refunds", headers={"x-key": "{secret:shop-token}"})
    assert found == Result(FAILED, "Not sent: the secret shop-token could not be read now.")


def test_a_question_carries_secrets_too_and_says_why_it_was_not_asked(shop: Downstream) -> None:
    kept = secret()
    shop.will("/orders/1", (200, {"echo": f"Bearer {VALUE}", "n": 1}, {"x-echo": VALUE}))
    route = HttpRoute(
        kind="http", method="GET", url=shop.url + "/orders/1", headers={"x-key": "{secret:shop-token}"}
    )

    found = dispatch.read(route, KNOWN, 5.0)

    assert shop.asked("/orders/1")[0][0]["x-key"] == VALUE
    assert found.json == {"echo": f"Bearer {MASK}", "n": 1}
    assert (found.headers["x-echo"], VALUE in found.text) == (MASK, False)
    kept.delete()
    vault.forget()
    with pytest.raises(NoRead, match=r"^there is no secret shop-token$"):
        dispatch.read(route, KNOWN, 5.0)


def test_an_approval_is_carried_out_with_a_secret_until_it_is_withdrawn(
    approved: Callable[..., Any], shop: Downstream
) -> None:
    kept = secret()
    verify = {
        "url": shop.url + "/state",
        "headers": {"x-key": "{secret:shop-token}"},
        "expect": "response.status == 200",
    }
    shop.will("/state", 200)
    route = {"kind": "http", "url": shop.url + "/refunds", "headers": {"x-key": "{secret:shop-token}"}}
    plan = workflow(step(route, verify=verify))

    assert run_to_rest(approved(plan)).status == "succeeded"
    assert shop.asked("/state")[0][0]["x-key"] == VALUE
    places = [data["place"] for kind, data in told() if kind == "secret.used"]
    assert places == [
        f"refund_payment@2 {asks}" for asks in (f"POST {shop.url}/refunds", f"GET {shop.url}/state")
    ]

    execution = approved(plan)
    Secret.objects.filter(pk=kept.pk).update(granted_to=[])
    vault.forget()
    stuck = run_to_rest(execution)
    assert (stuck.status, tried(stuck)) == ("needs_attention", [("1", "refused")])
    assert "Not sent: the secret shop-token is not granted to refund_payment." in stuck.reason
    assert len(shop.asked("/refunds")) == 1


# --- Signatures ---------------------------------------------------------------------------------


def test_a_signed_request_can_be_verified_by_who_has_the_key(shop: Downstream) -> None:
    secret("callback-key", KEY)
    seen: list[Any] = []
    shop.will("/refunds", lambda headers, body: seen.append((headers, body)) or 201)

    assert call(shop.url + "/refunds", sign="callback-key", body={"é": "=args.amount"}).outcome == SUCCEEDED

    [(headers, body)] = seen
    assert headers["webhook-id"] == headers["idempotency-key"] == "e/refund"
    assert Webhook(KEY).verify('{"é": 54.04}', headers) == body == {"é": 54.04}
    with pytest.raises(Exception, match="No matching signature"):
        Webhook(KEY).verify('{"é": 54.05}', headers)


@pytest.mark.parametrize("key", ["whsec_not base64 at all!", "whsec_é-is-no-base64", "whsec_AAAAAAAAA"])
def test_a_key_that_signs_nothing_is_said(shop: Downstream, key: str) -> None:
    secret("callback-key", key)
    found = call(shop.url + "/refunds", sign="callback-key")
    assert (found.outcome, shop.calls) == (REFUSED, [])
    assert found.detail == "Not sent: the key that signs is not base64 (`whsec_…`)."


# --- Client certificates ------------------------------------------------------------------------

CLIENTS = Authority.new()


@pytest.fixture
def encrypted(
    tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Encrypted]]:
    """`encrypted(…)` is a server that this process trusts."""
    begun: list[Encrypted] = []

    def begin(**how: Any) -> Encrypted:
        server = Encrypted(tmp_path, **how)
        begun.append(server)
        authority = tmp_path / "authority.pem"
        authority.write_text(server.authority.pem)
        monkeypatch.setenv("SSL_CERT_FILE", str(authority))
        egress._trusted.cache_clear()
        egress._showing_now.clear()
        settings.EGRESS_ALLOW = [server.place]
        return server

    yield begin
    egress._trusted.cache_clear()
    egress._showing_now.clear()
    for server in begun:
        server.shutdown()
        server.server_close()


def test_a_client_certificate_is_shown_to_who_asks_for_one(
    encrypted: Callable[..., Encrypted], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = encrypted(clients=CLIENTS)
    secret("shop-cert", CLIENTS.issue("reviewapp"))

    found = call(server.url + "/refunds", client_certificate="shop-cert")

    assert (found.outcome, server.shown) == (SUCCEEDED, ["reviewapp"])
    kept = dict(egress._showing_now)
    assert call(server.url + "/refunds", client_certificate="shop-cert").outcome == SUCCEEDED
    assert egress._showing_now == kept
    now = time.monotonic()
    monkeypatch.setattr(egress.time, "monotonic", lambda: now + egress.SHOWN_FOR)
    egress._showing(CLIENTS.issue("another"))
    assert egress._showing_now.keys().isdisjoint(kept)  # no key stays
    assert [data["secret"] for kind, data in told() if kind == "secret.used"] == ["shop-cert"]


@pytest.mark.parametrize("newest", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_certificate_that_is_not_taken_is_no_doubt(
    encrypted: Callable[..., Encrypted], newest: ssl.TLSVersion
) -> None:
    """Under TLS 1.3 the request has left before the server says so; it has not been read."""
    server = encrypted(clients=CLIENTS, newest=newest)
    secret("shop-cert", Authority.new().issue("a stranger"))

    for found in (
        call(server.url + "/refunds", client_certificate="shop-cert"),
        call(server.url + "/refunds"),
    ):
        assert found.outcome == FAILED
        assert found.detail.startswith("Not sent: ")
    if newest == ssl.TLSVersion.TLSv1_3:
        assert found.detail.startswith("Not sent: the server does not take the client certificate:")
    assert (server.calls, server.shown) == ([], [])


def test_what_is_no_certificate_is_said_without_a_word_of_it(encrypted: Callable[..., Encrypted]) -> None:
    server = encrypted(clients=CLIENTS)
    pem = CLIENTS.issue("reviewapp")
    start = pem.index("-----BEGIN PRIVATE")
    key = load_pem_private_key(pem[start:].encode(), None)
    encryption = BestAvailableEncryption(b"some password")
    locked = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption).decode()
    for name, value in (("half", pem[:start]), ("words", VALUE)):
        secret(name, value)
        found = call(server.url + "/refunds", client_certificate=name)
        assert found.outcome == REFUSED
        assert found.detail.startswith("Not sent: the client certificate can't be used: ")
        assert VALUE not in found.detail
    with pytest.raises(egress.Refused, match="the client certificate can't be used"):
        egress._showing(pem[:start] + locked)
    with pytest.raises(egress.Refused, match="https:// alone"):
        egress.request(
            "GET", "http://localhost/", door=egress.Door.ROUTES, timeout=1, certificate=CLIENTS.issue("x")
        )
    assert server.calls == []


# --- Tokens -------------------------------------------------------------------------------------

GOOD = {"access_token": "token-of-the-client", "token_type": "Bearer", "expires_in": 3600}


def oauth(shop: Downstream, **more: Any) -> dict[str, Any]:
    return {"token_url": shop.url + "/token", "client_id": "re:view", "client_secret": "shop-token", **more}


def test_a_token_is_fetched_for_the_client_and_carried(shop: Downstream) -> None:
    secret()
    shop.will("/token", (200, GOOD, {}))

    found = call(shop.url + "/refunds", oauth2=oauth(shop, scope="refunds pay", audience="https://shop"))

    assert found.outcome == SUCCEEDED
    [(asked, form)] = shop.asked("/token")
    assert (
        asked["authorization"]
        == "Basic " + base64.b64encode(b"re%3Aview:sk-live%2F9q%2B7Zt%3D%3DKx").decode()
    )
    assert parse_qs(form) == {
        "grant_type": ["client_credentials"],
        "scope": ["refunds pay"],
        "audience": ["https://shop"],
    }
    assert shop.asked("/refunds")[0][0]["authorization"] == "Bearer token-of-the-client"


def test_a_server_that_wants_it_in_the_body_gets_it_there(shop: Downstream) -> None:
    secret()
    shop.will("/token", (200, GOOD, {}))

    assert call(shop.url + "/refunds", oauth2=oauth(shop, send_as="body")).outcome == SUCCEEDED

    [(asked, form)] = shop.asked("/token")
    assert "authorization" not in asked
    assert parse_qs(form) == {
        "grant_type": ["client_credentials"],
        "client_id": ["re:view"],
        "client_secret": [VALUE],
    }


def test_a_token_is_kept_until_shortly_before_its_end(
    shop: Downstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret()
    now = time.monotonic()
    shop.will("/token", (200, GOOD, {}))
    of = HttpRoute.model_validate({"kind": "http", "url": shop.url, "oauth2": oauth(shop)}).oauth2
    assert of is not None

    def asked_at(seconds: float) -> int:
        monkeypatch.setattr(oauth2.time, "monotonic", lambda: now + seconds)
        oauth2.token(of, user="refund_payment@1 x", until=now + seconds + 5)
        return len(shop.asked("/token"))

    lasts = GOOD["expires_in"] - oauth2.EARLY
    assert [asked_at(0), asked_at(lasts - 1), asked_at(lasts + 1), asked_at(lasts + 2)] == [1, 1, 2, 2]


def test_who_asks_at_the_same_time_waits_for_one_token(shop: Downstream) -> None:
    secret()
    vault.reveal(
        "shop-token", user=f"refund_payment@3 POST {shop.url}/refunds"
    )  # threads see no rows of tests
    all_asked = threading.Barrier(8)
    shop.will("/token", lambda *_: time.sleep(0.1) or (200, GOOD, {}))
    found: list[str] = []

    def ask() -> None:
        all_asked.wait()
        found.append(call(shop.url + "/refunds", oauth2=oauth(shop)).outcome)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (found, len(shop.asked("/token"))) == ([SUCCEEDED] * 8, 1)


def test_a_replaced_secret_does_not_get_the_old_ones_token(shop: Downstream) -> None:
    kept = secret()
    shop.will("/token", (200, GOOD, {}))
    call(shop.url + "/refunds", oauth2=oauth(shop))
    kept.delete()
    secret("shop-token", "another-value")
    vault.forget()
    call(shop.url + "/refunds", oauth2=oauth(shop))
    assert len(shop.asked("/token")) == 2


def test_a_token_that_was_taken_back_is_fetched_anew_once(
    approved: Callable[..., Any], shop: Downstream
) -> None:
    secret()
    tokens = iter(["first-token", "second-token", "third-token"])
    good = ["first-token"]
    shop.will("/token", lambda *_: (200, {**GOOD, "access_token": next(tokens)}, {}))
    shop.will("/refunds", lambda headers, _: 201 if headers["authorization"][7:] in good else 401)
    plan = workflow(step({"kind": "http", "url": shop.url + "/refunds", "oauth2": oauth(shop)}))
    assert tried(run_to_rest(approved(plan))) == [("1", "succeeded")]

    good[:] = ["second-token"]
    assert tried(run_to_rest(approved(plan))) == [("1", "failed"), ("1", "succeeded")]

    good.clear()
    stuck = run_to_rest(approved(plan))
    assert tried(stuck) == [("1", "failed"), ("1", "refused")]
    assert "HTTP 401: the token was not taken." in stuck.reason
    assert oauth2._tokens == {}


@pytest.mark.parametrize(
    ("answer", "outcome", "said"),
    [
        ((401, {"error": "invalid_client"}, {}), REFUSED, "HTTP 401, invalid_client"),
        ((400, {"error": "x" * 300}, {}), REFUSED, "HTTP 400, " + "x" * 100),
        ((400, {"error": "temporarily_unavailable"}, {}), FAILED, "HTTP 400, temporarily_unavailable"),
        ((429, {}, {"Retry-After": "7"}), FAILED, "HTTP 429"),
        ((503, {}, {}), FAILED, "HTTP 503"),
        ((200, {}, {}), REFUSED, "HTTP 200, missing_token"),
        ((200, ["a"], {}), REFUSED, "HTTP 200, which is no answer of a token address"),
        (
            (200, {**GOOD, "expires_in": "soon"}, {}),
            REFUSED,
            "HTTP 200, which is no answer of a token address",
        ),
        ((200, {**GOOD, "token_type": "mac"}, {}), REFUSED, "HTTP 200, without a bearer token"),
        ((200, {**GOOD, "access_token": 7}, {}), REFUSED, "HTTP 200, without a bearer token"),
        ((302, {}, {"Location": "http://127.0.0.1/"}), REFUSED, "HTTP 302, missing_token"),
        ("hang up", FAILED, "the server hung up without an answer"),
    ],
)
def test_without_a_token_nothing_is_sent(shop: Downstream, answer: Any, outcome: str, said: str) -> None:
    secret()
    shop.will("/token", answer)

    found = call(shop.url + "/refunds", oauth2=oauth(shop))

    assert (found.outcome, found.detail) == (outcome, f"Not sent: no token from the token address: {said}.")
    assert found.retry_after == (7 if "429" in said else 0)
    assert shop.asked("/refunds") == []


def test_the_token_address_is_judged_and_bounded_in_time(shop: Downstream) -> None:
    secret()
    elsewhere = {**oauth(shop), "token_url": "http://169.254.169.254/token"}
    refused = call(shop.url + "/refunds", oauth2=elsewhere)
    assert refused.outcome == REFUSED
    assert refused.detail.endswith("169.254.169.254:80 is not in EGRESS_ALLOW.")

    shop.will("/token", "silent")
    began = time.monotonic()
    late = call(shop.url + "/refunds", oauth2=oauth(shop), timeout=0.3)
    assert (late.outcome, time.monotonic() - began < 2) == (FAILED, True)
    assert shop.asked("/refunds") == []
