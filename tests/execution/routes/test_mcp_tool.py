"""Calls of MCP tools, over streamable HTTP, to a real server and to some that misbehave."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from execution.routes import dispatch
from execution.routes.result import FAILED, REFUSED, SUCCEEDED, UNKNOWN, NoRead
from governance.actions.route_kinds import McpRoute
from tests.execution.conftest import Downstream
from tests.execution.routes.conftest import KNOWN, TRACEPARENT, WITH_CALL, how

ROOT = Path(__file__).parents[3]
JSON = {"Content-Type": "application/json"}


def route(url: str, tool: str = "refund", **more: Any) -> McpRoute:
    return McpRoute.model_validate({"kind": "mcp", "url": url, "tool": tool, **more})


def called(url: str, tool: str = "refund", **changes: Any) -> tuple[Any, ...]:
    """Outcome, detail, and the JSON that later steps may use."""
    more = {name: changes.pop(name) for name in ("arguments", "errors", "headers") if name in changes}
    result = dispatch.call(route(url, tool, **more), KNOWN, how(**changes))
    return result.outcome, result.detail, result.answer


def test_a_tool_is_called_with_the_arguments_and_its_structured_result_is_the_answer(mcp_shop: str) -> None:
    assert called(mcp_shop) == (SUCCEEDED, "The tool answered.", {"id": "R-W1", "amount": 5.5})
    given = {"order_id": "=args.order_id + '-2'", "amount": 3}
    assert called(mcp_shop, arguments=given)[2] == {"id": "R-W1-2", "amount": 3}


def test_key_and_trace_go_with_the_call_and_secrets_with_every_request(mcp_shop: str, vault: Any) -> None:
    vault(shop="s3cret")
    called(mcp_shop, headers={"authorization": "Bearer {secret:shop}"})

    heard = dispatch.read(route(mcp_shop, "heard", arguments={}), KNOWN, 20).json[-1]
    assert heard == {
        "headers": {**WITH_CALL, "authorization": "Bearer s3cret"},
        "meta": {**WITH_CALL, "authorization": None},
    }
    assert TRACEPARENT in heard["headers"].values()


@pytest.mark.parametrize(
    ("text", "answer"), [("[1, 2]", [1, 2]), ("hello", None), ("", None), ('{"a": NaN}', {"a": None})]
)
def test_a_block_of_text_is_the_answer_where_it_is_json(mcp_shop: str, text: str, answer: Any) -> None:
    result = dispatch.call(route(mcp_shop, "plainly", arguments={"text": text}), KNOWN, how())
    assert (result.outcome, result.kept, result.answer) == (SUCCEEDED, text, answer)


@pytest.mark.parametrize(
    ("tool", "more", "outcome", "detail"),
    [
        ("breaks", {}, UNKNOWN, "The tool says that it failed: Error executing tool breaks."),
        ("breaks", {"repeatable": True}, FAILED, "The tool says that it failed"),
        ("breaks", {"errors": "refused"}, REFUSED, "The tool says that it failed"),
        ("refuses", {}, REFUSED, "HTTP 400: no such order."),
        ("refuses", {"repeatable": True}, REFUSED, "HTTP 400: no such order."),
        ("fails", {}, UNKNOWN, "MCP error -32603: something is wrong here."),
        ("fails", {"repeatable": True}, FAILED, "MCP error -32603: something is wrong here."),
        ("plainly", {"success_when": "response.json.ok"}, UNKNOWN, "The tool answered. Success cannot be"),
        ("plainly", {"success_when": "response.text == 'no'"}, REFUSED, "The tool answered."),
    ],
)
def test_an_error_means_what_may_have_happened(
    mcp_shop: str, tool: str, more: dict[str, Any], outcome: str, detail: str
) -> None:
    arguments = {"text": "x"} if tool == "plainly" else {}
    found = called(mcp_shop, tool, arguments=arguments, **more)
    assert found[0] == outcome
    assert found[1].startswith(detail)


def test_progress_prolongs_nothing_and_is_told_where_no_answer_comes(mcp_shop: str) -> None:
    outcome, detail, _ = called(mcp_shop, "slowly", arguments={"seconds": 60}, timeout=4.0)
    assert outcome == UNKNOWN
    assert detail.startswith("Sent, but no answer: no answer in time; the tool had told of progress: ")
    assert detail.endswith("of 100 counting the money.")


def test_an_answer_has_a_largest_size(mcp_shop: str) -> None:
    outcome, detail, _ = called(mcp_shop, "largely", arguments={"size": 1_100_000})
    assert (outcome, detail) == (UNKNOWN, "Sent, but no answer: the answer is larger than 1024 KiB.")


def test_nothing_is_called_once_the_lease_is_gone(mcp_shop: str) -> None:
    before = len(dispatch.read(route(mcp_shop, "heard", arguments={}), KNOWN, 20).json)
    outcome, detail, _ = called(mcp_shop, may_send=lambda: False)
    assert (outcome, detail) == (FAILED, "Not sent: the request could not be handed over in time.")
    assert len(dispatch.read(route(mcp_shop, "heard", arguments={}), KNOWN, 20).json) == before


def test_the_lease_is_asked_for_once_and_right_before_the_call(shop: Downstream) -> None:
    asked: list[int] = []
    result = {"content": [], "structuredContent": {"ok": True}, "resultType": "complete"}
    shop.will("/mcp", MODERN, _said(result=result))

    assert called(f"{shop.url}/mcp", may_send=lambda: not asked.append(len(shop.calls)))[0] == SUCCEEDED
    assert asked == [1]  # after the handshake, before the call


def test_who_is_not_there_was_sent_nothing(settings: Any) -> None:
    outcome, detail, _ = called("http://127.0.0.1:9/mcp")
    assert (outcome, detail) == (REFUSED, "Not sent: the address is not in EGRESS_ALLOW.")
    settings.EGRESS_ALLOW = ["127.0.0.1:9"]
    outcome, detail, _ = called("http://127.0.0.1:9/mcp")
    assert (outcome, detail[:9]) == (FAILED, "Not sent:")
    with pytest.raises(NoRead):
        dispatch.read(route("http://127.0.0.1:9/mcp"), KNOWN, 2)


# --- Servers that misbehave ---------------------------------------------------------------------


def _said(number: int = 2, **content: Any) -> tuple[int, Any, dict[str, str]]:
    return 200, {"jsonrpc": "2.0", "id": number, **content}, JSON


# The answer to the handshake of today.
MODERN = _said(
    1,
    result={
        "supportedVersions": ["2026-07-28"],
        "capabilities": {},
        "resultType": "complete",
        "ttlMs": 0,
        "cacheScope": "public",
    },
)
AWAY = {"Location": "http://169.254.169.254/mcp"}


def test_a_server_of_before_2026_is_greeted_as_it_wants_to_be(shop: Downstream) -> None:
    greeting = {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "serverInfo": {"name": "s", "version": "1"},
    }
    status, greeted, headers = _said(2, result=greeting)
    result = {"content": [{"type": "text", "text": "{}"}], "structuredContent": {"ok": True}}
    in_session = (status, greeted, {**headers, "Mcp-Session-Id": "s1"})
    shop.will("/mcp", 400, in_session, 202, _said(3, result=result), 200)

    assert called(f"{shop.url}/mcp") == (SUCCEEDED, "The tool answered.", {"ok": True})
    said = [(method, (body or {}).get("method")) for method, _, _, body in shop.calls]
    assert said == [
        ("POST", "server/discover"),
        ("POST", "initialize"),
        ("POST", "notifications/initialized"),
        ("POST", "tools/call"),
        ("DELETE", None),
    ]
    keys = ["idempotency-key" in headers for _, _, headers, _ in shop.calls]
    assert keys == [False, False, False, True, False]


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        ("hang up", UNKNOWN),
        ("silent", UNKNOWN),
        ((200, "garbage", JSON), UNKNOWN),
        (_said(result={"content": 7}), UNKNOWN),
        ((200, "", {**JSON, "Content-Encoding": "gzip"}), UNKNOWN),
        ((200, {}, {"Content-Type": "text/html"}), UNKNOWN),
        ((202, {}, JSON), UNKNOWN),
        ((200, {}, {"Content-Type": "text/event-stream"}), UNKNOWN),  # no event in it
        ((307, {}, AWAY), REFUSED),
        ((307, {}, {"Location": "/mcp/"}), REFUSED),
        ((401, {}, JSON), REFUSED),
        ((404, {}, JSON), REFUSED),
        ((429, {}, {**JSON, "Retry-After": "7"}), FAILED),
        ((500, {}, JSON), UNKNOWN),
        ((503, {}, {"Retry-After": "7"}), FAILED),
        (_said(error={"code": -32700, "message": "?"}), UNKNOWN),
        (_said(error={"code": -32601, "message": "?"}), REFUSED),
        (_said(result={"resultType": "input_required", "requestState": "x"}), REFUSED),
    ],
)
def test_what_a_broken_answer_to_the_call_means(shop: Downstream, answer: Any, outcome: str) -> None:
    shop.will("/mcp", MODERN, answer)
    again = outcome == UNKNOWN and "500" not in str(answer)  # whatever asking twice does
    timeout = 3.0 if answer == "silent" else 20.0
    result = dispatch.call(route(f"{shop.url}/mcp"), KNOWN, how(timeout=timeout, repeatable=again))
    assert (result.outcome, len(shop.calls)) == (outcome, 2), result.detail
    assert result.retry_after == (7 if "Retry-After" in str(answer) else 0)


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        ("hang up", FAILED),
        ("silent", FAILED),
        (503, FAILED),
        (429, FAILED),
        (401, REFUSED),
        ((307, {}, AWAY), REFUSED),
    ],
)
def test_before_the_call_nothing_was_sent(shop: Downstream, answer: Any, outcome: str) -> None:
    shop.will("/mcp", answer)
    timeout = 0.7 if answer == "silent" else 20.0
    result = dispatch.call(route(f"{shop.url}/mcp"), KNOWN, how(timeout=timeout, repeatable=True))
    assert result.outcome == outcome, result.detail
    assert result.detail.startswith("Not sent: ")
    assert "tools/call" not in json.dumps([body for *_, body in shop.calls])


def test_who_calls_no_tool_loads_nothing_of_it() -> None:
    """It takes a second and 60 MB: one file may, which is loaded when it is needed."""
    heavy = re.compile(
        r"^(?:import|from) (?:mcp|mcp_types|httpx2|httpcore2|execution\.routes\.mcp_client)\b", re.M
    )
    floors = ("audit", "governance", "suggestions", "execution", "approvals", "insights", "reviewapp")
    files = [file for floor in floors for file in (ROOT / floor).rglob("*.py")]
    assert [file.name for file in files if heavy.search(file.read_text())] == ["mcp_client.py"]
