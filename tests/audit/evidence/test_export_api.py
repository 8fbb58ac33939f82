"""The export as an auditor's program asks for it."""

from __future__ import annotations

from typing import Any

import pytest

from audit.models import Event
from tests.sealed import seal_all, sealed_bodies


def test_an_auditor_gets_every_line_of_the_log_as_it_is(api_as: Any, dora: Any, proposal: Any) -> None:
    seal_all()
    response = api_as(dora).get("events/export/?format=jsonl")

    lines = b"".join(response.streaming_content).splitlines()

    assert response["Content-Type"] == "application/x-ndjson"
    assert lines == [body.encode() for body in sealed_bodies()]
    assert Event.objects.latest("pk").type == "events.exported"


def test_a_spreadsheet_gets_a_heading_and_the_same_number_of_rows(
    api_as: Any, dora: Any, proposal: Any
) -> None:
    seal_all()
    response = api_as(dora).get("events/export/?format=csv")
    lines = b"".join(response.streaming_content).splitlines()
    assert lines[0] == b"leaf_index,id,at,type,actor,actor_name,proposal,data"
    assert len(lines) == 1 + len(sealed_bodies())


@pytest.mark.parametrize(
    "query", ["", "?format=xml", "?format=jsonl&since=yesterday", "?format=jsonl&colour=red"]
)
def test_an_export_asked_for_wrongly_says_what_is_wrong(api_as: Any, dora: Any, query: str) -> None:
    response = api_as(dora).get(f"events/export/{query}")
    assert response.status_code in (400, 422)
    assert response["Content-Type"] == "application/problem+json"


def test_an_agent_and_a_reviewer_get_none_of_it(api: Any, api_as: Any, ana: Any) -> None:
    for client in (api, api_as(ana)):
        assert client.get("events/export/?format=jsonl").status_code == 403
