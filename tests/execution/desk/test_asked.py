"""What an attempt asked is told as the service got it, although nothing of it was kept."""

from __future__ import annotations

import json
from typing import Any

import pytest

from execution.desk.asked import NO_WORKFLOW, NOT_APPROVED
from execution.models import Attempt, Execution
from execution.routes import dispatch
from governance.actions.route_kinds import McpRoute
from governance.models import ActionType
from governance.schemas.data_classes import MASK
from suggestions.models import Proposal, Resolution
from tests.conftest import REFUND
from tests.execution.conftest import run_to_rest, step, workflow
from tests.execution.routes.conftest import TRACEPARENT
from tests.governance.secrets.made import VALUE, secret
from tests.pages import in_one_line

pytestmark = pytest.mark.django_db
KEY = "whsec_c2lnbmluZyBrZXkgb2YgdGhlIHNob3A="


@pytest.fixture
def told(api_as: Any, olga: Any) -> Any:
    """What the API tells of the attempts at a step."""

    def ask(execution: Any, number: int = 0) -> list[dict[str, Any]]:
        steps = api_as(olga).get(f"executions/{execution.pk}/").json()["steps"]
        return [attempt["request"] for attempt in steps[number]["attempts"]]

    return ask


def test_a_call_over_http_is_told_as_the_service_got_it(approved: Any, shop: Any, told: Any) -> None:
    secret("shop-token")
    secret("signing", KEY)
    shop.will("/refunds", (201, {"id": "r/7"}, {}))
    note = {
        "kind": "http",
        "method": "PUT",
        "url": shop.url + "/notes/{id}{?order_id}",
        "with": {"id": "=steps.refund.json.id"},
        "headers": {"authorization": "Bearer {secret:shop-token}", "x-from": "us"},
        "sign": "signing",
        "body": {"cents": "=args.amount * 100.0", "by": ["=execution.id", "=proposal.agent"], "fixed": None},
    }
    again = step(note, name="note")
    shop.will("/notes/r%2F7?order_id=%23W1", 503, 503, 201)
    plan = workflow(step(f"{shop.url}/refunds"), {**again, "routes": [{**note, "idempotent": True}]})
    execution = approved(plan)
    Proposal.objects.update(traceparent=TRACEPARENT)
    execution = run_to_rest(execution)
    assert execution.status == "succeeded"

    [first] = told(execution)
    method, path, headers, body = shop.calls[0]
    assert (first["method"], first["url"], first["body"]) == (method, shop.url + path, body)
    assert first["headers"] == {name: headers[name] for name in first["headers"]}
    assert set(first["headers"]) == {"idempotency-key", "traceparent", "content-type"}

    requests = told(execution, 1)
    assert len(requests) == 3
    for request, (method, path, headers, body) in zip(requests, shop.calls[1:], strict=True):
        assert (request["method"], request["url"], request["body"]) == (method, shop.url + path, body)
        named = dict(request["headers"])
        assert (named.pop("authorization"), headers["authorization"]) == (
            "Bearer {secret:shop-token}",
            f"Bearer {VALUE}",
        )
        assert named.pop("webhook-signature") == "(a signature with {secret:signing})"
        assert named.pop("webhook-timestamp") == "(when it was sent)"
        assert named == {name: headers[name] for name in named}
        assert {"webhook-id", "idempotency-key", "x-from"} <= set(named)


def test_a_call_of_a_tool_is_told_as_the_server_got_it(approved: Any, mcp_shop: str, told: Any) -> None:
    secret("shop-token")
    tool = {
        "kind": "mcp",
        "url": mcp_shop,
        "tool": "refund",
        "headers": {"authorization": "Bearer {secret:shop-token}"},
        "arguments": {"order_id": "=args.order_id + '-2'", "amount": 3},
    }
    execution = run_to_rest(approved(workflow(step(tool))))
    heard = McpRoute.model_validate({"kind": "mcp", "url": mcp_shop, "tool": "heard", "arguments": {}})
    got = dispatch.read(heard, {"args": {}, "proposal": {}}, 20).json[-1]["headers"]

    [request] = told(execution)

    assert (request["kind"], request["url"], request["tool"]) == ("mcp", mcp_shop, "refund")
    answer = json.loads(Attempt.objects.get().response)  # the tool says what it was told
    assert answer == {"id": f"R-{request['arguments']['order_id']}", "amount": request["arguments"]["amount"]}
    assert got["authorization"] == request["headers"]["authorization"].replace("{secret:shop-token}", VALUE)
    assert got["idempotency-key"] == request["headers"]["idempotency-key"] == f"{execution.pk}/refund"


def test_what_was_never_sent_and_what_no_worker_asked_are_told_apart(
    approved: Any, shop: Any, told: Any
) -> None:
    elsewhere = {"kind": "http", "url": "http://127.0.0.1:9/refunds"}
    by_agent = {"kind": "handback", "to": "agent"}
    execution = run_to_rest(approved(workflow(step(elsewhere, by_agent))))
    [request] = told(execution)
    assert (request["was_sent"], request["url"]) == (False, "http://127.0.0.1:9/refunds")

    Attempt.objects.update(route="2. hand back to the agent")
    assert told(execution) == [None]


def test_what_undoes_a_step_is_told_with_what_that_step_answered(
    approved: Any, shop: Any, told: Any, ana: Any
) -> None:
    from execution.healing import compensation
    from execution.models import Compensation

    shop.will("/refunds", (201, {"id": "r-7"}, {}))
    shop.will("/mail", 422)
    back = {
        "kind": "http",
        "method": "DELETE",
        "url": shop.url + "/refunds/{id}",
        "with": {"id": "=steps.refund.json.id"},
    }
    plan = workflow(
        step(f"{shop.url}/refunds", undo={"routes": [back]}), step(f"{shop.url}/mail", name="mail")
    )
    execution = run_to_rest(approved(plan))
    offer = Compensation.objects.get()
    compensation.approve(offer, by=ana, digest=offer.digest)
    run_to_rest(execution)

    [request] = told(execution, 2)

    assert (request["method"], request["url"]) == (shop.calls[2][0], shop.url + shop.calls[2][1])
    assert request["headers"]["idempotency-key"] == shop.calls[2][2]["idempotency-key"]
    assert "body" not in request


def test_what_can_no_longer_be_told_is_said_so(
    approved: Any, shop: Any, told: Any, client: Any, olga: Any
) -> None:
    execution = run_to_rest(approved(workflow(step(f"{shop.url}/refunds"))))
    Resolution.objects.update(arguments={"order_id": "#W2", "amount": 1})
    assert told(execution) == [{"unsure": NOT_APPROVED, "was_sent": True}]

    ActionType.objects.update(workflow={"steps": "none"})
    assert told(execution) == [{"unsure": NO_WORKFLOW, "was_sent": True}]
    client.force_login(olga)
    assert NO_WORKFLOW in client.get(f"/executions/{execution.pk}/").content.decode()


def test_what_is_sensitive_is_told_nowhere_and_secrets_by_their_names(
    approved: Any, shop: Any, api: Any, api_as: Any, client: Any, olga: Any, monkeypatch: Any
) -> None:
    monkeypatch.setitem(REFUND["schema"]["properties"]["order_id"], "x-sensitive", True)
    secret("shop-token")
    route = {
        "kind": "http",
        "url": shop.url + "/orders/{order_id}",
        "headers": {"authorization": "Bearer {secret:shop-token}"},
        "body": {"text": "='for ' + args.order_id", "amount": "=args.amount"},
    }
    shop.will("/orders/Mia-4711", (201, {"said": "for Mia-4711", "orderId": "another", "ok": 1}, {}))
    arguments = {"order_id": "Mia-4711", "amount": 5}
    asked = {"rank": 1, "action": "refund_payment", "arguments": arguments, "explanation": "x"}
    execution = run_to_rest(approved(workflow(step(route)), suggestions=[asked]))
    assert shop.asked("/orders/Mia-4711")[0][1] == {"text": "for Mia-4711", "amount": 5}
    client.force_login(olga)

    page = client.get(f"/executions/{execution.pk}/").content.decode()
    [attempt] = api_as(olga).get(f"executions/{execution.pk}/").json()["steps"][0]["attempts"]

    assert attempt["request"]["url"] == f"{shop.url}/orders/{MASK}"
    assert attempt["request"]["body"] == {"text": f"for {MASK}", "amount": 5}
    assert json.loads(attempt["response"]) == {"said": f"for {MASK}", "orderId": MASK, "ok": 1}
    for text in (page[page.index("Steps") :], json.dumps(attempt)):
        assert "4711" not in text
        assert VALUE not in text
    assert "Bearer {secret:shop-token}" in page
    own = api.get(f"executions/{execution.pk}/").json()["steps"][0]["attempts"][0]
    assert not {"request", "response"} & own.keys()


def test_the_page_tells_a_request_once_and_shortens_what_is_very_long(
    approved: Any, shop: Any, client: Any, olga: Any
) -> None:
    hostile = "<script>alert(1)</script>\u202e" + "x" * 30_000
    body = {"note": hostile, "order": "=args.order_id"}
    route = {"kind": "http", "url": shop.url + "/refunds", "body": body, "idempotent": True}
    shop.will("/refunds", 503, 422)
    execution = run_to_rest(approved(workflow(step(route))))
    assert Execution.objects.get().status == "needs_attention"
    client.force_login(olga)

    page = in_one_line(client.get(f"/executions/{execution.pk}/").content.decode())

    assert page.count("What was asked") == 1
    assert "It asked the same as attempt 1." in page
    assert f"POST {shop.url}/refunds" in page
    assert "characters more: the API tells all of it" in page
    assert "<script>alert" not in page
    assert "\u202e" not in page
