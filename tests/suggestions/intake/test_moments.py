"""Moments that agents send: one meaning each, and none that is over."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from audit.asking import gate
from tests.conftest import proposal_body

SOON = (datetime.now(UTC) + timedelta(hours=2)).replace(microsecond=0)


@pytest.mark.parametrize(
    "said",
    [
        1999999999,
        1999999999000,
        "1999999999",
        "1999999999000",
        True,
        "0001-01-01T00:00:00Z",
        "0000-01-01T00:00:00Z",
        "9999-12-31T23:59:59-12:00",
        "1969-12-31T23:59:59Z",
        "2026-11-22T10:00:00",
        "2099-11-22",
        "2099-11-22 10:00:00Z",
        "20991122T100000Z",
        "2099-02-30T10:00:00Z",
        "2099-11-22T25:00:00Z",
        "2020-11-22T10:00:00Z",
        "",
        "tomorrow",
    ],
)
def test_an_end_that_is_over_or_no_moment_is_refused(api: Any, action_type: Any, said: Any) -> None:
    answer = api.submit(proposal_body(expires_at=said))

    assert (answer.status_code, [e["pointer"] for e in answer.json()["errors"]]) == (422, ["/expires_at"])


@pytest.mark.parametrize(
    "said",
    [f"{SOON:%Y-%m-%dT%H:%M:%SZ}", f"{SOON:%Y-%m-%dt%H:%M:%S}.5z", "2199-01-01T00:00:00+14:00", None],
    ids=["soon", "soon in small letters", "far off", "never"],  # the same in every process
)
def test_an_end_to_come_is_taken(api: Any, action_type: Any, said: Any) -> None:
    assert api.submit(proposal_body(expires_at=said)).status_code == 201


def test_a_request_that_ended_since_still_gets_its_first_answer(
    api: Any, action_type: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from suggestions.intake import prepare

    body = proposal_body(expires_at=f"{SOON:%Y-%m-%dT%H:%M:%SZ}")
    first = api.submit(body, key="one")
    real = prepare._check_end

    def later(caller: Any, *rest: Any) -> None:
        real(replace(caller, at=caller.at + timedelta(days=1)), *rest)

    monkeypatch.setattr(prepare, "_check_end", later)

    again = api.submit(body, key="one")
    assert (again.status_code, again.json()["id"]) == (201, first.json()["id"])
    assert api.submit(body, key="two").status_code == 422


@pytest.mark.parametrize("since", ["1733011200000", "1999999999", "20261122", "9999-12-31T23:59:59-12:00"])
def test_a_count_of_milliseconds_is_no_time_to_ask_from(api_as: Any, dora: Any, since: str) -> None:
    assert api_as(dora).get(f"events/?since={since}").status_code == 422


def test_a_body_of_schemas_may_have_large_limits_and_no_other(api_as: Any, olga: Any) -> None:
    whole = {"type": "integer", "minimum": -(2**63), "maximum": 2**63 - 1}
    tool = {"name": "act", "inputSchema": {"type": "object", "properties": {"id": whole}}}

    assert api_as(olga).post("action-types/", {"tools": [tool]}).status_code == 201
    with pytest.raises(gate.Invalid) as refused:
        gate.read(json.dumps({"id": 1234567890123456789}).encode(), limit=1_000)
    assert "only where the schema of the action asks for text" in refused.value.errors[0]["detail"]
