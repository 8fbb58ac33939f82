"""Nothing that is kept, shown, logged or sent elsewhere holds a secret, however a call ends.

What is looked for is written here anew, and does not come from what covers it.
"""

from __future__ import annotations

import base64
import io
import json
import logging
import socket
import threading
import traceback
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from django.db import connection
from django.test import Client

from execution.models import Attempt
from execution.routes import dispatch, oauth2
from execution.routes.result import KEPT
from governance.actions.route_kinds import HttpRoute
from governance.schemas.data_classes import MASK
from reviewapp import logs
from tests.execution.conftest import Downstream, run_to_rest, step, workflow
from tests.governance.secrets.made import Authority, secret

pytestmark = pytest.mark.django_db

TOKEN = 'canary/one+"of"=seven'
CLIENT = "canary/two+of=seven"
ACCESS = "canary.three~of+seven/="
SIGNING = "whsec_" + base64.b64encode(b"canary four of seven, in base64.").decode()
CERTIFICATE = Authority.new().issue("canary")
VALUES = [TOKEN, CLIENT, ACCESS, SIGNING]


def traces() -> Iterator[str]:
    """What would give a secret away, of each of them."""
    yield "canary four of seven"
    yield from CERTIFICATE.partition("PRIVATE KEY")[2].split("\n")[1:3]
    for value in VALUES:
        content = value.encode()
        yield from (value, value[:12], quote(value, safe=""), quote_plus(value), content.hex())
        yield json.dumps(value)[1:-1]
        for before in range(3):
            for encode in (base64.b64encode, base64.urlsafe_b64encode):
                yield encode(b"\0" * before + content).decode()[4:-4]


def given_away(text: str) -> list[str]:
    return [trace for trace in traces() if trace in text]


def gives_away(found: dict[str, str]) -> dict[str, list[str]]:
    return {where: given_away(text) for where, text in found.items() if given_away(text)}


class Kept:
    """All that a run leaves behind."""

    def __init__(self) -> None:
        self.log = io.StringIO()
        self.messages: list[Any] = []
        self.errors: list[str] = []

    def everything(self, *readers: Any) -> dict[str, str]:
        found = {
            "log": self.log.getvalue(),
            "messages": repr(self.messages),
            "errors": "\n".join(self.errors),
            "rows": "\n".join(rows()),
        }
        for reader, addresses in readers:
            for address in addresses:
                answer = reader.get(address)
                assert answer.status_code == 200, address
                body = b"".join(answer.streaming_content) if answer.streaming else answer.content
                found[address] = body.decode() + str(answer.headers)
        return found


def rows() -> Iterator[str]:
    """Every row of every table."""
    for table in connection.introspection.table_names():
        with connection.cursor() as cursor:
            cursor.execute(f'SELECT t::text FROM "{table}" t')
            yield from (f"{table} {row}" for (row,) in cursor.fetchall())


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> Iterator[Kept]:
    """What is logged, at its most talkative, and sent to workers meanwhile."""
    found = Kept()
    monkeypatch.setattr("audit.outbox.tell_worker._hand_over", lambda *sent: found.messages.append(sent))
    handler = logging.StreamHandler(found.log)
    config = logs.config(level="DEBUG", as_json=True)["formatters"]["structured"]
    handler.setFormatter(
        config["()"](foreign_pre_chain=config["foreign_pre_chain"], processors=config["processors"])
    )
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield found
    finally:
        root.removeHandler(handler)
        root.setLevel(level)


def echo(headers: dict[str, str], body: Any) -> Any:
    """A service that tells everybody what it was told, in each of its ways."""
    told = {
        "headers": headers,
        "body": body,
        "encoded": [base64.b64encode(value.encode()).decode() for value in headers.values()],
        "address": quote(json.dumps(headers)),
        headers["x-key"]: 1,
    }
    return 201, told, {"X-Echo": headers["x-key"], "X-Token": headers["authorization"]}


def failing(status: int) -> Any:
    return lambda headers, body: (status, *echo(headers, body)[1:])


def cut(headers: dict[str, str], body: Any) -> Any:
    """Says it at the very place where what is kept of an answer ends."""
    return 201, "x" * (KEPT - 8 - len("Bearer ")) + headers["authorization"], {}


@pytest.fixture
def secrets(db: None) -> None:
    secret("token", TOKEN)
    secret("client", CLIENT)
    secret("signing", SIGNING)
    secret("certificate", CERTIFICATE)


def plan(shop: Downstream, *, proved: bool = False, **route: Any) -> dict[str, Any]:
    of = {
        "kind": "http",
        "url": shop.url + "/refunds",
        "headers": {"x-key": "{secret:token}"},
        "sign": "signing",
        "oauth2": {"token_url": shop.url + "/token", "client_id": "me", "client_secret": "client"},
        "timeout": "500ms",
        **route,
    }
    verify = {
        "url": shop.url + "/state",
        "headers": {"x-key": "{secret:token}"},
        "expect": "response.json.ok",
    }
    return workflow(step(of, **({"verify": verify} if proved else {})))


ACCESS_GIVEN = (200, {"access_token": ACCESS, "token_type": "bearer", "expires_in": 60}, {})


ENDINGS: list[tuple[dict[str, Any], str, str]] = [
    ({"/refunds": echo}, "succeeded", "succeeded"),
    ({"/refunds": cut}, "succeeded", "succeeded"),
    ({"/refunds": failing(500)}, "needs_attention", "unknown"),
    ({"/refunds": failing(422)}, "needs_attention", "refused"),
    ({"/refunds": failing(429)}, "needs_attention", "failed"),
    ({"/refunds": failing(401)}, "needs_attention", "refused"),
    ({"/refunds": "silent"}, "needs_attention", "unknown"),
    (
        {"/token": (400, {"error": f"no {CLIENT}", "error_description": CLIENT}, {})},
        "needs_attention",
        "refused",
    ),
    ({"/token": (500, {"error": CLIENT}, {})}, "needs_attention", "failed"),
]


def test_no_way_for_a_call_to_end_keeps_a_secret(
    kept: Kept, secrets: None, approved: Callable[..., Any], shop: Downstream, dora: Any, olga: Any
) -> None:
    ended, pages = [], ["/executions/", "/governance/secrets/", "/governance/secrets/token/"]
    for script, _, outcome in ENDINGS:
        oauth2.forget()
        shop.scripts = {"/token": [ACCESS_GIVEN], "/state": [(200, {"ok": True}, {})]}
        for path, answer in script.items():
            shop.will(path, answer)
        asked = plan(shop, proved=outcome == "succeeded")
        execution = run_to_rest(approved(asked, callback_url="https://agent.example/hook"))
        ended.append((script, str(execution.status), str(Attempt.objects.order_by("-pk")[0].outcome)))
        if outcome == "succeeded":  # what came back stands on it
            pages.append(f"/queue/{execution.proposal_id}/")
    assert ended == ENDINGS
    for headers, _ in shop.asked("/refunds"):
        assert (headers["x-key"], headers["authorization"]) == (TOKEN, f"Bearer {ACCESS}")

    operator, auditor = Client(), Client()
    operator.force_login(olga)
    auditor.force_login(dora)
    exports = [
        "/audit/",
        "/audit/export/?format=jsonl",
        "/audit/export/?format=csv",
        "/queue/history/export/",
    ]
    found = kept.everything((operator, pages), (auditor, exports))
    assert MASK in found["rows"]
    assert gives_away(found) == {}


@pytest.mark.parametrize(
    "broken",
    ["execution.routes.http.judge", "audit.ground.egress._exchange", "standardwebhooks.Webhook.sign"],
)
def test_an_exception_in_the_middle_tells_of_none(
    kept: Kept,
    secrets: None,
    approved: Callable[..., Any],
    shop: Downstream,
    monkeypatch: pytest.MonkeyPatch,
    broken: str,
) -> None:
    shop.will("/token", ACCESS_GIVEN)
    execution = approved(plan(shop))

    def breaks(*told: Any, **_: Any) -> None:
        sent = told[1].headers if "egress" in broken else [TOKEN, CLIENT, ACCESS, SIGNING]
        try:
            raise KeyError(sent)
        except KeyError as error:
            raise RuntimeError(f"broke with {sent}") from error

    monkeypatch.setattr(broken, breaks)
    with pytest.raises(Exception, match=MASK) as raised:
        run_to_rest(execution)
    kept.errors.append("".join(traceback.format_exception(raised.value)))
    logging.getLogger("celery.app.trace").error("Task raised", exc_info=raised.value)

    execution.refresh_from_db()
    assert execution.status == "needs_attention"
    assert gives_away(kept.everything()) == {}


def test_a_line_that_breaks_off_or_is_no_http_tells_of_none(
    kept: Kept, secrets: None, approved: Callable[..., Any], shop: Downstream, settings: Any
) -> None:
    """The library quotes what it could not read; another service is asked for TLS that it does not speak."""
    shop.will("/token", ACCESS_GIVEN)
    with socket.create_server(("127.0.0.1", 0)) as server:
        place = f"127.0.0.1:{server.getsockname()[1]}"
        settings.EGRESS_ALLOW = [*settings.EGRESS_ALLOW, place]
        threading.Thread(target=_answer_garbage, args=(server,), daemon=True).start()
        garbage = run_to_rest(approved(plan(shop, url=f"http://{place}/refunds")))
    no_tls = run_to_rest(
        approved(plan(shop, url=f"https://{shop.place}/refunds", client_certificate="certificate"))
    )

    assert [one.status for one in (garbage, no_tls)] == ["needs_attention"] * 2
    assert "illegal status line" in garbage.reason
    assert "SSL" in no_tls.reason
    assert gives_away(kept.everything()) == {}


def _answer_garbage(server: socket.socket) -> None:
    line, _ = server.accept()
    with line:
        line.recv(65_536)
        line.sendall(
            b"HTTP/1.1 \x01" + b"y" * 100 + f"Bearer {ACCESS} {TOKEN} {SIGNING}".encode() + b"\r\n\r\n"
        )


def test_what_is_read_holds_none_either(secrets: None, shop: Downstream) -> None:
    shop.will("/token", ACCESS_GIVEN)
    shop.will("/refunds", echo)
    [of] = plan(shop, method="GET")["steps"][0]["routes"]
    known = {"args": {}, "proposal": {"action": "refund_payment@1"}, "execution": {"id": "e"}}

    found = dispatch.read(HttpRoute.model_validate(of), known, 5)

    assert given_away(repr(found)) == []
    assert found.json["body"] is None


def test_writing_one_leaves_nothing_behind(
    kept: Kept, api_as: Callable[[Any], Any], client: Client, olga: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.force_login(olga)
    client.post("/governance/new-secret/", {"name": "a b", "secret": TOKEN})
    client.post("/governance/new-secret/", {"name": "token", "secret": TOKEN})
    client.post("/governance/secrets/token/replace/", {"secret": CLIENT})
    api = api_as(olga)
    api.post("secrets/", {"name": "client", "value": CLIENT, "more": TOKEN})
    api.post("secrets/", {"name": "client", "value": CLIENT})
    api.put("secrets/client/value/", {"value": ACCESS})
    monkeypatch.setattr("governance.secrets.box.seal", lambda *_: 1 / 0)
    for address, sent in (("/governance/secrets/token/replace/", TOKEN), ("/governance/new-secret/", TOKEN)):
        client.raise_request_exception = False
        broken = client.post(address, {"secret": sent, "name": "another"})
        assert (broken.status_code, given_away(broken.content.decode())) == (500, [])
    assert api.put("secrets/client/value/", {"value": TOKEN}).status_code == 500

    assert gives_away(kept.everything()) == {}
    assert "ZeroDivisionError" in kept.log.getvalue()
