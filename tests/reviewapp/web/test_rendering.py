"""How the API writes JSON, which questions wait, and the id that every request has."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from django.http import HttpResponse
from django.test import RequestFactory
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from audit.asking.answers import Answer, Number
from reviewapp.web import wait
from reviewapp.web.middleware import request_context
from reviewapp.web.problems import problem
from reviewapp.web.rendering import AnswerRenderer
from tests.searching import searched

AN_ID = "01890a5d-ac96-774b-bcce-b302099a8057"


def rendered(data: Any) -> bytes:
    return AnswerRenderer().render(data)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (None, ""),
        ({}, "{}"),
        ({"b": 1, "a": [1.0, 0.5, True, None]}, '{"a":[1,0.5,true,null],"b":1}'),
        ({"é": "שלום", "a": "😀"}, '{"a":"😀","é":"שלום"}'),
        ("text", '"text"'),
        ([], "[]"),
    ],
)
def test_members_have_one_order_and_numbers_one_spelling(data: Any, text: str) -> None:
    assert rendered(data).decode() == text


@pytest.mark.parametrize(
    ("data", "read"),
    [
        ({"at": datetime(2026, 1, 1, tzinfo=UTC)}, {"at": "2026-01-01T00:00:00Z"}),
        ({"id": UUID(AN_ID)}, {"id": AN_ID}),
        ({"n": 2**60}, {"n": 2**60}),  # canonical JSON has no such number
    ],
)
def test_what_has_no_canonical_form_is_written_all_the_same(data: Any, read: Any) -> None:
    assert json.loads(rendered(data)) == read


def test_what_json_does_not_know_is_not_written() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        rendered({"n": math.nan})


def test_the_same_data_are_the_same_bytes_whatever_their_order() -> None:
    assert rendered({"a": 1, "b": {"d": 2, "c": 3}}) == rendered({"b": {"c": 3, "d": 2}, "a": 1})


class Read(Answer):
    b: Number
    a: dict[str, Any]


@pytest.mark.parametrize(
    ("answer", "read", "given_twice"),
    [
        (
            Read(b=1.0, a={"d": 0.5, "c": "é 😀"}),
            '{"b":1,"a":{"d":0.5,"c":"é 😀"}}',
            '{"a":{"c":"é 😀","d":0.5},"b":1}',
        ),
        # What pydantic would spell otherwise has the same order in both.
        (Read(b=None, a={"d": 1.0, "c": [0.0]}), '{"a":{"c":[0],"d":1},"b":null}', None),
        (Read(b=0.5, a={"d": 1e-7}), '{"a":{"d":1e-7},"b":0.5}', None),
        (Read(b=0.5, a={"d": 1e-6}), '{"a":{"d":0.000001},"b":0.5}', None),
        (Read(b=0.5, a={"d": 1e17}), '{"a":{"d":100000000000000000},"b":0.5}', None),
        (Read(b=2.0**60, a={}), '{"a":{},"b":1152921504606847000}', None),
    ],
)
def test_numbers_have_one_spelling_whether_one_reads_or_writes(
    answer: Answer, read: str, given_twice: str | None
) -> None:
    for method, text in (("GET", read), ("HEAD", read), ("POST", given_twice or read)):
        context = {"request": RequestFactory().generic(method, "/")}
        assert AnswerRenderer().render(answer, None, context).decode() == text


class Stored(Answer):
    a: dict[str, Any]


@searched(400)
@given(st.floats(allow_nan=False, allow_infinity=False))
def test_any_number_has_that_spelling(number: float) -> None:
    read = {"request": RequestFactory().get("/")}
    answer = Stored(a={"n": number})
    assert AnswerRenderer().render(answer, None, read) == AnswerRenderer().render(answer)


@pytest.mark.parametrize("number", [math.nan, math.inf])
def test_no_answer_is_built_of_what_is_no_number(number: float) -> None:
    with pytest.raises(ValidationError):
        Read(b=number, a={})


@pytest.mark.parametrize(
    ("kind", "type", "title"),
    [
        ("NotFound", "urn:reviewapp:problem:not-found", "Not found"),
        ("Invalid", "urn:reviewapp:problem:invalid", "Invalid"),
        ("MayNotChangePolicies", "urn:reviewapp:problem:may-not-change-policies", "May not change policies"),
    ],
)
def test_a_problem_is_named_for_what_happened(kind: str, type: str, title: str) -> None:
    assert problem(409, kind, "So it is.").model_dump(exclude_unset=True) == {
        "type": type,
        "title": title,
        "status": 409,
        "detail": "So it is.",
    }


def test_no_fact_takes_the_place_of_a_member() -> None:
    told = problem(409, "WrongState", "So it is.", state="active", title="Mine", type="x")
    found = told.model_dump(exclude_unset=True)
    assert (found["state"], found["title"], found["type"]) == (
        "active",
        "Wrong state",
        "urn:reviewapp:problem:wrong-state",
    )


# --- Waiting ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "query", "asked"),
    [
        ("GET", f"/api/v1/proposals/{AN_ID}/", "wait=25", (AN_ID, 25)),
        ("GET", f"/api/v1/proposals/{AN_ID}/", "wait=55", (AN_ID, 55)),
        ("GET", f"/api/v1/proposals/{AN_ID}/", "a=b&wait=1", (AN_ID, 1)),
        ("GET", f"/api/v1/proposals/{AN_ID}/", "wait=1&wait=2", (AN_ID, 2)),  # as Django reads it
        ("GET", f"/api/v1/proposals/{AN_ID}/", "wait=56", (AN_ID, 0)),  # nonsense is for the view to refuse
        ("GET", f"/api/v1/proposals/{AN_ID}/", "wait=-1", (AN_ID, 0)),
        ("GET", f"/api/v1/proposals/{AN_ID}/", "wait=1.5", (AN_ID, 0)),
        ("GET", f"/api/v1/proposals/{AN_ID}/", "wait=%D9%A3", (AN_ID, 0)),
        ("GET", f"/api/v1/proposals/{AN_ID}/", "wait=", (AN_ID, 0)),
        ("GET", f"/api/v1/proposals/{AN_ID}/", "await=5", (AN_ID, 0)),
        ("GET", f"/api/v1/proposals/{AN_ID}/", "", (None, 0)),
        ("POST", f"/api/v1/proposals/{AN_ID}/", "wait=25", (None, 0)),
        ("GET", f"/api/v1/proposals/{AN_ID}/execution/", "wait=25", (None, 0)),
        ("GET", "/api/v1/proposals/", "wait=25", (None, 0)),
        ("GET", f"/x/api/v1/proposals/{AN_ID}/", "wait=25", (None, 0)),
    ],
)
def test_one_question_alone_waits(method: str, path: str, query: str, asked: tuple[Any, int]) -> None:
    scope = {"method": method, "path": path, "query_string": query.encode()}
    assert wait._asked_to_wait(scope) == asked


@pytest.mark.parametrize(
    ("answer", "is_pending"),
    [
        ([], False),
        ([{"status": 200}, {"body": b'{"status": "pending"}'}], True),
        ([{"status": 200}, {"body": b'{"status": "pen'}, {"body": b'ding"}'}], True),
        ([{"status": 200}, {"body": b'{"status": "approved"}'}], False),
        ([{"status": 404}, {"body": b'{"status": "pending"}'}], False),
        ([{"status": 304}], False),
    ],
)
def test_it_waits_while_the_answer_is_that_there_is_none(answer: Any, is_pending: bool) -> None:
    assert wait._is_pending(answer) is is_pending


# --- Ids of requests ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "is_kept"),
    [
        ("", False),
        ("abc-123_x.y", True),
        ("x" * 64, True),
        ("x" * 65, False),
        ("two words", False),
        ("<script>", False),
        ('a","b":"', False),
        ("a;b", False),
    ],
)
def test_an_id_that_came_with_the_request_is_kept_where_it_is_one(given: str, is_kept: bool) -> None:
    seen: list[str] = []

    def view(request: Any) -> HttpResponse:
        seen.append(request.request_id)
        return HttpResponse()

    headers = {"X-Request-ID": given} if given else {}
    request = RequestFactory().get("/", headers=headers)
    answer = request_context(view)(request)

    assert answer["X-Request-ID"] == seen[0]
    assert (seen[0] == given) is is_kept
    assert is_kept or UUID(seen[0]).version == 7
