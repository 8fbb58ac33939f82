"""Bulk retries over the API: what is asked for, what is answered, and each mistake at its field."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from execution.bulk import turn
from execution.models import BulkRetry
from tests.execution.bulk.conftest import later

pytestmark = pytest.mark.django_db
PATH = "executions/bulk-retries/"
REASON = {"reason": "The shop is up again."}


@pytest.fixture
def operator(api_as: Any, olga: Any) -> Any:
    return api_as(olga)


def test_it_is_previewed_started_watched_stopped_and_goes_on(failed: Any, operator: Any) -> None:
    first, doubtful, last = failed(), failed(outcome="unknown"), failed()

    preview = operator.post(f"{PATH}preview/", {"filter": {"action": "refund_payment"}, "rate": 30}).json()

    assert {name: preview[name] for name in ("count", "left_out", "more", "rate", "seconds")} == {
        "count": 2,
        "left_out": [{"why": "doubt", "count": 1}],
        "more": False,
        "rate": 30,
        "seconds": 4.0,
    }
    assert [(one["execution"], one["why"]) for one in preview["examples"]] == [
        (str(first.pk), None),
        (str(last.pk), None),
        (str(doubtful.pk), "doubt"),
    ]
    failed()
    body = {**REASON, "filter": {"action": "refund_payment"}, "rate": 30, "as_of": preview["as_of"]}
    started = operator.post(PATH, body)
    assert (started.status_code, started.json()["total"]) == (201, 2)
    one = f"{PATH}{started.json()['id']}/"

    turn.retry_due()
    stopped = operator.post(f"{one}stop/", {"reason": "Let us look."})
    assert (stopped.status_code, stopped.json()["said_by"]) == (200, "Olga")
    again = operator.post(f"{one}stop/", {"reason": "Let us look."})
    assert (again.status_code, again.json()["type"]) == (409, "urn:reviewapp:problem:not-running")
    assert operator.post(f"{one}go-on/", REASON).json()["status"] == "running"
    turn.retry_due()

    told = operator.get(one).json()
    counts = ("status", "retried", "left_out", "waiting", "results")
    results = {"succeeded": 0, "under_way": 2, "need_attention": 0, "others": 0}
    assert {name: told[name] for name in counts} == {
        "status": "done",
        "retried": 2,
        "left_out": 0,
        "waiting": 0,
        "results": results,
    }
    assert [row["id"] for row in operator.get(PATH).json()["bulk_retries"]] == [told["id"]]


def test_the_same_sent_twice_is_one_and_another_operator_hears_of_it(
    failed: Any, operator: Any, api_as: Any, pia: Any
) -> None:
    failed()
    body = {**REASON, "id": str(uuid.uuid4())}
    answers = [operator.post(PATH, body) for _ in range(2)]
    assert [(one.status_code, one.json()["id"]) for one in answers] == [(201, body["id"])] * 2

    refused = api_as(pia).post(PATH, REASON)

    assert (refused.status_code, refused.json()["type"]) == (409, "urn:reviewapp:problem:already-runs")
    assert refused.json()["bulk_retry"] == body["id"]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/reason"),
        ({"reason": " "}, "/reason"),
        ({**REASON, "rate": 601}, "/rate"),
        ({**REASON, "rate": "fast"}, "/rate"),
        ({**REASON, "filter": {"agents": "x"}}, "/filter/agents"),
        ({**REASON, "filter": {"agent": "nobody"}}, "/filter/agent"),
        ({**REASON, "filter": {"since": "yesterday"}}, "/filter/since"),
        ({**REASON, "filter": {"text": "nothing has these words"}}, "/filter"),
        ({**REASON, "id": "one"}, "/id"),
    ],
)
def test_what_is_wrong_is_told_by_field(body: Any, pointer: str, failed: Any, operator: Any) -> None:
    failed()
    answer = operator.post(PATH, body)
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
    assert not BulkRetry.objects.exists()


def test_one_that_is_nowhere_is_not_found(operator: Any) -> None:
    for verb in ("", "stop/", "go-on/"):
        ask = operator.post if verb else operator.get
        assert ask(f"{PATH}{uuid.uuid4()}/{verb}", *([REASON] if verb else [])).status_code == 404


def test_others_see_how_far_it_is_and_examples_of_what_they_may_see(
    failed: Any, operator: Any, client: Any, cyd: Any, ana: Any
) -> None:
    execution = failed()
    bulk = BulkRetry.objects.get(pk=operator.post(PATH, REASON).json()["id"])
    turn.retry_due()
    later(bulk, 60)
    type(execution).objects.update(status="needs_attention")
    for person, expected in [(ana, 1), (cyd, 0)]:
        client.force_login(person)
        page = client.get(f"/executions/bulk-retries/{bulk.pk}/")
        assert len(page.context["worth_a_look"]) == expected
        assert "1 of 1 retried" in page.content.decode()
