"""What an answer means, what stands in an address and in a body: of every status and every kind of value."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
import uritemplate
from hypothesis import given
from hypothesis import strategies as st

from audit.ground.egress import Answer
from execution.routes import filling, http
from execution.routes.result import FAILED, KEPT, REFUSED, SUCCEEDED, UNKNOWN, Result, Unusable, kept
from governance.actions.route_kinds import HttpRoute
from tests.searching import searched

KNOWN = {
    "args": {"order_id": "#W1", "amount": 54.04, "lines": [{"sku": "a", "n": 2}], "gift": True, "note": None},
    "proposal": {"id": "p", "title": "x", "summary": "", "subject": {"type": "", "id": ""}, "agent": "bot"},
    "execution": {"id": "e"},
}
BELOW_300 = "response.status < 300"


def answer(status: int, content: Any = None, **headers: str) -> Answer:
    body = b"" if content is None else json.dumps(content).encode()
    return Answer(status, httpx.Headers({n.replace("_", "-"): v for n, v in headers.items()}), body)


def judged(found: Answer, *, success_when: str = BELOW_300, repeatable: bool = False) -> Result:
    return http.judge(found, KNOWN, success_when=success_when, repeatable=repeatable)


@pytest.mark.parametrize(
    ("status", "once", "repeatable"),
    [
        (200, SUCCEEDED, SUCCEEDED),
        (201, SUCCEEDED, SUCCEEDED),
        (204, SUCCEEDED, SUCCEEDED),
        (301, REFUSED, REFUSED),  # followed nowhere
        (304, REFUSED, REFUSED),
        (400, REFUSED, REFUSED),
        (401, REFUSED, REFUSED),
        (404, REFUSED, REFUSED),
        (408, UNKNOWN, FAILED),  # the server stopped listening: perhaps after it had heard all
        (409, REFUSED, FAILED),  # with this key the first request is still under way
        (422, REFUSED, REFUSED),
        (425, FAILED, FAILED),  # it says that it has not begun
        (429, FAILED, FAILED),
        (500, UNKNOWN, FAILED),
        (502, UNKNOWN, FAILED),
        (503, UNKNOWN, FAILED),
        (504, UNKNOWN, FAILED),
        (599, UNKNOWN, FAILED),
    ],
)
def test_a_status_means_what_may_have_happened(status: int, once: str, repeatable: str) -> None:
    assert judged(answer(status)).outcome == once
    assert judged(answer(status), repeatable=True).outcome == repeatable


@pytest.mark.parametrize(
    ("status", "said", "outcome", "wait"),
    [
        (429, "7", FAILED, 7),
        (425, "7", FAILED, 7),
        (503, "7", FAILED, 7),  # who says when to come back has not begun
        (503, "0", FAILED, 0),
        (503, "nonsense", FAILED, 0),
        (500, "7", UNKNOWN, 7),
        (404, "7", REFUSED, 0),
        (200, "7", SUCCEEDED, 0),
    ],
)
def test_a_pause_is_kept_where_there_is_another_try(
    status: int, said: str, outcome: str, wait: float
) -> None:
    found = judged(answer(status, Retry_After=said))
    assert (found.outcome, found.retry_after) == (outcome, wait)


@pytest.mark.parametrize(
    ("success_when", "found", "outcome"),
    [
        ("response.status == 202", answer(202), SUCCEEDED),
        ("response.status == 202", answer(200), REFUSED),  # it was done, and not as it was asked
        ("response.status in [200, 404]", answer(404), SUCCEEDED),
        ("response.json.state == 'paid'", answer(200, {"state": "paid"}), SUCCEEDED),
        ("response.json.state == 'paid'", answer(200, {"state": "open"}), REFUSED),
        ("response.json.state == 'paid'", answer(200, {}), UNKNOWN),  # success can't be told
        ("response.json.state == 'paid'", answer(200), UNKNOWN),
        ("response.json.state == 'paid'", answer(500), UNKNOWN),
        ("response.json.state == 'paid'", answer(404), REFUSED),
        ("response.json.amount == args.amount", answer(200, {"amount": 54.04}), SUCCEEDED),
        ("response.headers['x-state'] == 'done'", answer(200, X_State="done"), SUCCEEDED),
        ("response.text.contains('done')", answer(200, "done"), SUCCEEDED),
        ("response.json", answer(200, True), SUCCEEDED),
        ("response.json", answer(200, "yes"), UNKNOWN),  # no truth
        ("response.", answer(200), UNKNOWN),  # from before such were refused
    ],
)
def test_success_is_what_the_condition_says(success_when: str, found: Answer, outcome: str) -> None:
    assert judged(found, success_when=success_when).outcome == outcome


def test_what_was_done_otherwise_is_asked_for_again_only_where_that_acts_once() -> None:
    other = answer(200, {"state": "open"})
    condition = "response.json.state == 'paid'"
    assert judged(other, success_when=condition, repeatable=True).outcome == FAILED
    assert judged(other, success_when=condition, repeatable=False).outcome == REFUSED


@searched(200)
@given(
    st.integers(100, 599), st.booleans(), st.sampled_from([{}, {"Retry-After": "7"}]), st.binary(max_size=60)
)
def test_no_answer_is_taken_for_a_failure_that_may_be_repeated_where_it_may_have_acted(
    status: int, repeatable: bool, headers: dict[str, str], body: bytes
) -> None:
    found = http.judge(
        Answer(status, httpx.Headers(headers), body),
        KNOWN,
        success_when="response.status == 200 && response.json.ok == true",
        repeatable=repeatable,
    )

    assert found.detail.startswith(f"HTTP {status}.")
    has_not_begun = status in (425, 429) or (status == 503 and headers)
    if found.outcome == FAILED:
        assert repeatable or has_not_begun
    if found.outcome == SUCCEEDED:
        assert status == 200


# --- Addresses ----------------------------------------------------------------------------------

SHOP = "http://shop.internal"


def expanded(template: str, **arguments: Any) -> str:
    return filling.expand(uritemplate.URITemplate(SHOP + template), arguments).removeprefix(SHOP)


@pytest.mark.parametrize(
    ("template", "arguments", "address"),
    [
        ("/orders", {}, "/orders"),
        ("/orders/{id}", {"id": "#W1"}, "/orders/%23W1"),
        ("/orders/{id}", {"id": 0}, "/orders/0"),
        ("/orders/{id}", {"id": 5.5}, "/orders/5.5"),
        ("/orders/{id}", {"id": False}, "/orders/false"),
        ("/orders/{id}", {"id": "a b&c=d"}, "/orders/a%20b%26c%3Dd"),
        ("/orders/{id}", {"id": "שלום"}, "/orders/%D7%A9%D7%9C%D7%95%D7%9D"),
        ("/orders/{id}", {"id": "%2e%2e"}, "/orders/%252e%252e"),  # no escape of theirs is one of ours
        ("/orders/{id}", {"id": "http://evil.example/"}, "/orders/http%3A%2F%2Fevil.example%2F"),
        ("/orders/{id}", {"id": "{other}"}, "/orders/%7Bother%7D"),
        ("/orders/{id}", {"id": "..."}, "/orders/..."),
        ("/orders{/id,line}", {"id": "a", "line": 2}, "/orders/a/2"),
        ("/orders{?id}", {"id": "a"}, "/orders?id=a"),
        ("/orders{?id}", {"id": None}, "/orders"),
        ("/orders{?id}", {}, "/orders"),
        ("/orders{?id}", {"id": ""}, "/orders?id="),
        ("/orders{?ids*}", {"ids": ["a", True, 3]}, "/orders?ids=a&ids=true&ids=3"),
        ("/orders{?ids}", {"ids": ["a,b", "c"]}, "/orders?ids=a%2Cb,c"),
        ("/orders{?by*}", {"by": {"a": 1, "b": "x"}}, "/orders?a=1&b=x"),
        ("/orders?x=1{&id}", {"id": "a"}, "/orders?x=1&id=a"),
    ],
)
def test_an_argument_stays_within_its_place(template: str, arguments: dict[str, Any], address: str) -> None:
    assert expanded(template, **arguments) == address


@pytest.mark.parametrize("value", [None, "", [], {}])
def test_a_path_needs_its_argument(value: Any) -> None:
    with pytest.raises(Unusable, match="the address needs the argument id"):
        expanded("/orders/{id}", id=value)
    with pytest.raises(Unusable, match="the address needs the argument id"):
        expanded("/orders/{id}")


@pytest.mark.parametrize(
    ("template", "value"),
    [
        ("/orders/{id}/refunds", ".."),
        ("/orders/{id}", "."),
        ("/orders{/id*}", ["a", "..", "b"]),
        ("/orders;{id}", ".."),
    ],
)
def test_no_argument_leads_a_folder_up(template: str, value: Any) -> None:
    with pytest.raises(Unusable, match="the arguments would lead to another address"):
        expanded(template, id=value)


@searched(200)
@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40))
def test_whatever_an_argument_is_the_host_and_the_path_before_it_stay(value: str) -> None:
    try:
        url = filling.expand(uritemplate.URITemplate(f"{SHOP}/orders/{{id}}/refunds"), {"id": value})
    except Unusable:
        assert value in (".", "..")
        return
    read = httpx.URL(url)
    assert (read.host, read.query, read.fragment) == ("shop.internal", b"", "")
    before, orders, middle, refunds = read.raw_path.split(b"/")
    assert (before, orders, refunds) == (b"", b"orders", b"refunds")
    assert httpx.URL(f"http://x/{middle.decode()}").path == f"/{value}"


# --- Bodies -------------------------------------------------------------------------------------


def body(written: dict[str, Any] | None, method: str = "POST") -> Any:
    route = HttpRoute(kind="http", method=method, url=f"{SHOP}/x", body=written)
    content = http._content(route, KNOWN)
    return json.loads(content) if content else content


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        (None, KNOWN["args"]),
        ({}, {}),
        ({"amount": "=args.amount"}, {"amount": 54.04}),
        ({"cents": "=int(args.amount * 100.0)"}, {"cents": 5404}),
        (
            {"a": {"b": ["=args.order_id", "args.order_id", 7, None]}},
            {"a": {"b": ["#W1", "args.order_id", 7, None]}},
        ),
        ({"lines": "=args.lines"}, {"lines": [{"sku": "a", "n": 2}]}),
        ({"gift": "=args.gift", "note": "=args.note"}, {"gift": True, "note": None}),
        ({"key": "=execution.id + '/' + proposal.id"}, {"key": "e/p"}),
        ({"=args.amount": 1}, {"=args.amount": 1}),  # a name is a name
    ],
)
def test_a_body_is_filled_from_what_was_approved(written: Any, sent: Any) -> None:
    assert body(written) == sent


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_a_question_has_no_body_unless_it_is_given_one(method: str) -> None:
    assert body(None, method) == b""
    assert body({"a": 1}, method) == {"a": 1}


@pytest.mark.parametrize(
    "source", ["args.nope", "args.amount / 0.0 > 1.0 ? args.nope : 1", "1 / 0", "args.lines[5]"]
)
def test_a_value_that_is_not_there_sends_nothing(source: str) -> None:
    with pytest.raises(Unusable, match="cannot be told"):
        body({"a": f"={source}"})


def test_a_number_that_json_can_not_write_sends_nothing() -> None:
    with pytest.raises(Unusable, match="the body cannot be written as JSON"):
        body({"a": "=args.amount / 0.0"})


# --- What is kept of an answer ------------------------------------------------------------------


def test_what_is_kept_of_an_answer_is_short_and_storable() -> None:
    large = Answer(200, httpx.Headers(), b"a\0" + b"\xff" * 5_000)
    found = kept(large.text)
    assert (len(found), found[:3]) == (KEPT, "a��")
    assert http.digest_of(large) != http.digest_of(Answer(200, httpx.Headers(), large.body + b"x"))


def test_headers_are_asked_for_in_small_letters() -> None:
    seen = http.response(answer(200, {"a": 1}, X_Request_Id="7"))
    assert seen == {"status": 200, "json": {"a": 1}, "text": '{"a": 1}', "headers": {"x-request-id": "7"}}
