"""What a route sends and reads is bounded, whatever arguments and answers there are."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
import uritemplate

from audit.ground.egress import Answer
from execution.routes import filling, http
from governance.actions.route_kinds import HttpRoute
from governance.expressions import cel_bounds
from tests.governance.expressions.test_cel_cost import ATTACK

KNOWN = {"args": {"note": "a" * 16_000}, "proposal": {"title": "x"}, "execution": {"id": "1"}}


def answer(content: Any, status: int = 200) -> Answer:
    return Answer(status, httpx.Headers(), json.dumps(content).encode())


@pytest.mark.parametrize(
    ("template", "arguments"),
    [
        ("http://shop.internal/x{?" + ",".join(["note"] * 300) + "}", {"note": "é" * 8_000}),
        ("http://shop.internal/x{?ids*}", {"ids": ["1"] * 30_000}),
        ("http://shop.internal/{note}", {"note": "a" * 300_000}),
    ],
)
def test_an_address_that_would_grow_too_long_is_not_made(template: str, arguments: dict[str, Any]) -> None:
    with pytest.raises(http.Unusable, match=r"too long|more than"):
        filling.expand(uritemplate.URITemplate(template), arguments)


def test_an_answer_with_too_much_in_it_reads_as_no_json() -> None:
    most = list(range(cel_bounds.MOST_ITEMS))
    assert http.response(answer(most))["json"] == most
    large = answer([*most, 0])
    assert http.response(large)["json"] is None
    told = http.judge(large, KNOWN, success_when="response.json.size() > 3", repeatable=False)
    assert told.outcome == http.UNKNOWN
    assert http.judge(large, KNOWN, success_when="response.status < 300", repeatable=False).outcome == (
        http.SUCCEEDED
    )


def test_a_workflow_that_was_kept_before_its_cost_was_looked_at_sends_nothing() -> None:
    body = {"note": "=" + ATTACK.replace("user_text", "args.note")}
    route = HttpRoute.model_construct(kind="http", method="POST", url="http://shop.internal/x", body=body)
    with pytest.raises(http.Unusable, match="can become too large"):
        http._content(route, KNOWN)
    told = http.judge(
        answer({}), KNOWN, success_when=ATTACK.replace("user_text", "args.note"), repeatable=False
    )
    assert told.outcome == http.UNKNOWN
