"""The auditor's page asks as much of the database for twelve events as for one, whatever is looked for."""

from __future__ import annotations

from typing import Any

import pytest

from tests.audit.conftest import minutes
from tests.governance.test_lists import looking
from tests.queries import counted, last_of_twelve

PROPOSAL = "01a2041e-0000-7000-8000-000000000001"


@pytest.mark.parametrize(
    "query",
    [
        "",
        "?type=a.done",
        "?type=a.",
        "?actor=Ana",
        "?action=refund_payment",
        f"?proposal={PROPOSAL}",
        "?since=2026-01-01T00:00:00Z&until=2026-01-02T00:00:00Z",
    ],
)
def test_the_page_of_events_asks_as_often_for_twelve_as_for_one(dora: Any, write: Any, query: str) -> None:
    get = looking(dora, f"/audit/{query}")

    def add(n: int) -> None:
        data = {"action": "refund_payment@1", "number": n}
        write("a.done", at=minutes(n), name="Ana", proposal=PROPOSAL, data=data)

    answer = last_of_twelve(get, add)

    assert len([event for event in answer.context["events"] if event["type"] == "a.done"]) == 12


def test_a_line_that_folds_refusals_asks_for_none_of_them_alone(dora: Any, write: Any) -> None:
    get = looking(dora, "/audit/")

    def add(n: int) -> None:
        write("request.refused", at=minutes(n), name=f"Person {n}", data={"status": 403})

    add(0)
    add(1)
    get()
    _, two = counted(get)
    for n in range(2, 12):
        add(n)
    answer, twelve = counted(get)

    [folded] = [line for line in answer.context["lines"] if "refusals" in line]
    assert (len(folded["refusals"]), len(folded["who"])) == (12, 12)
    assert twelve == two
