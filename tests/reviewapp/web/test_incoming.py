"""The one gate: what it stops, what it says, and what it lets through."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from audit.asking.parameters import number, whole
from audit.models import Event
from reviewapp.web.incoming import look
from tests.conftest import ApiClient

DB = pytest.mark.django_db


def environ(**changes: Any) -> dict[str, Any]:
    return {"PATH_INFO": "/queue/", "QUERY_STRING": "q=a+b&mine=1", "HTTP_COOKIE": "a=b", **changes}


@pytest.mark.parametrize(
    ("changes", "status", "where"),
    [
        ({"PATH_INFO": "/a\0b/"}, 400, ""),
        ({"PATH_INFO": "/a\nb/"}, 400, ""),
        ({"PATH_INFO": "/\xff/"}, 400, ""),
        ({"PATH_INFO": "/\xed\xa0\x80/"}, 400, ""),
        ({"PATH_INFO": "/" + "a" * 3_000}, 414, ""),
        ({"QUERY_STRING": "a=1&team=a%00b"}, 400, "?team"),
        ({"QUERY_STRING": "a%00=1"}, 400, "?a�"),
        ({"QUERY_STRING": "q=%ED%A0%80"}, 400, "?q"),
        ({"QUERY_STRING": "q=%ff"}, 400, "?q"),
        ({"QUERY_STRING": "q=100%"}, 400, "?q"),
        ({"QUERY_STRING": "q=" + "x" * 20_000}, 414, ""),
        ({"HTTP_X": "a\0b"}, 400, ""),
        ({"HTTP_X": "x" * 40_000}, 431, ""),
        ({"HTTP_COOKIE": 'reviewapp_session="a\\000b"'}, 400, "Cookie: reviewapp_session"),
        ({"HTTP_TRANSFER_ENCODING": "gzip, chunked"}, 400, "Transfer-Encoding"),
        ({"CONTENT_TYPE": "text/plain; charset=rot13"}, 415, "Content-Type"),
        ({"CONTENT_TYPE": "text/plain; charset=raw_unicode_escape"}, 415, "Content-Type"),
        ({"CONTENT_TYPE": "multipart/form-data; boundary=x; charset='utf-16'"}, 415, "Content-Type"),
        ({"CONTENT_TYPE": "text/plain; charset*=bogus''x"}, 415, "Content-Type"),
    ],
)
def test_what_cannot_be_kept_is_stopped(changes: dict[str, str], status: int, where: str) -> None:
    refused = look(environ(**changes))
    assert refused is not None
    assert (refused.status, refused.where) == (status, where)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"PATH_INFO": "/ä/".encode().decode("latin-1")},
        {"QUERY_STRING": "q=%F0%9F%98%80+%25&x=&&y"},
        {"QUERY_STRING": "q=" + "ä".encode().decode("latin-1")},
        {"QUERY_STRING": "q=a%0Ab%09"},
        {"HTTP_COOKIE": 'theirs="{\\"a\\": \\"b\\"}"; ours=c'},
        {"HTTP_TRANSFER_ENCODING": "Chunked"},
        {"CONTENT_TYPE": "application/json; charset=UTF-8"},
        {"CONTENT_TYPE": 'application/json; charset="utf-8"'},
        {"CONTENT_TYPE": "multipart/form-data; boundary=----WebKitFormBoundaryX"},
        {"HTTP_X": "\xff\ttab"},
    ],
)
def test_what_can_be_kept_goes_on(changes: dict[str, str]) -> None:
    assert look(environ(**changes)) is None


@DB
def test_the_api_says_which_parameter_it_was() -> None:
    response = Client().get("/api/v1/proposals/?status=pending&action=%00")
    assert (response.status_code, response["Content-Type"]) == (400, "application/problem+json")
    body = response.json()
    assert body["type"] == "urn:reviewapp:problem:malformed"
    assert body["errors"] == [{"pointer": "?action", "detail": "Text must not hold NUL."}]
    assert response["X-Request-ID"]
    assert not Event.objects.exists()


@DB
def test_a_page_says_which_field_it_was(olga: Any) -> None:
    client = Client()
    client.force_login(olga)
    response = client.post(
        "/governance/agents/new/", {"name": "third-bot", "owner": "a\0b", "scope": "every"}
    )
    assert response.status_code == 400
    assert "The field “owner”" in response.content.decode()
    assert "default-src 'none'" in response["Content-Security-Policy"]


@DB
def test_a_refused_address_is_a_page_with_the_headers_of_every_page() -> None:
    response = Client().get("/queue/?q=%00")
    assert response.status_code == 400
    assert "Text must not hold NUL." in response.content.decode()
    assert "default-src 'none'" in response["Content-Security-Policy"]
    assert response["Cache-Control"] == "no-store"
    assert response["X-Content-Type-Options"] == "nosniff"


@DB
@pytest.mark.parametrize("cost", ["1e400", "inf", "nan", "0.01"])
def test_a_cost_that_is_text_spoils_one_item_of_a_batch(api: ApiClient, action_type: Any, cost: str) -> None:
    from tests.conftest import proposal_body, suggestion_body

    good = {**proposal_body(), "idempotency_key": "good"}
    refund = [suggestion_body(arguments={"order_id": "#W2", "amount": 3})]
    bad = {**proposal_body(suggestions=refund), "idempotency_key": "bad", "provenance": {"cost_usd": cost}}
    response = api.post("proposals/batch/?atomic=false", {"proposals": [bad, good]})
    assert response.status_code == 200
    assert [result["accepted"] for result in response.json()["results"]] == [False, True]
    assert response.json()["results"][0]["errors"][0]["pointer"] == "/proposals/0/provenance/cost_usd"


NO_NUMBERS = [
    "",
    " 1",
    "1 ",
    "+1",
    "1_000",
    "٣",
    "1e3",
    "1e400",
    "inf",
    "nan",
    "0x1",
    "1\n",
    "9" * 400,
    "--1",
    ".",
]


@pytest.mark.parametrize("text", NO_NUMBERS)
def test_what_is_no_number_is_none(text: str) -> None:
    assert whole(text, least=-(10**18), most=10**18) is None
    assert number(text, least=-1e300, most=1e300) is None


def test_numbers_keep_within_their_bounds() -> None:
    assert [whole(text, least=1, most=50) for text in ("0", "1", "50", "51", "-1")] == [
        None,
        1,
        50,
        None,
        None,
    ]
    assert [number(text, least=0, most=100) for text in ("2,5", "2.5", "100", "100.1", "-0.1")] == [
        2.5,
        2.5,
        100,
        None,
        None,
    ]
