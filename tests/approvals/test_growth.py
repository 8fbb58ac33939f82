"""However much was decided before, each question finds what it asks for by an index."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from approvals.detail.read import whole_of
from execution.running import chain
from insights.trust.gates import measured_now
from tests.approvals.deciding.test_decide import approve, reject
from tests.approvals.desk.test_views import browser
from tests.conftest import suggestion_body
from tests.queries import plans

GROWING = (
    "suggestions_(proposal|suggestion|resolution|sample|secondreview)|audit_event"
    "|approvals_(decision|comment|look|claim|notice)|execution_(execution|step|attempt)"
)


def read_whole(asked: Callable[[], Any]) -> list[tuple[str, str]]:
    """The tables that would be read whole, each with the statement that has no index for what it wants."""
    asked()
    with plans() as found:
        asked()
    assert found
    return [(whole[0], plan) for plan in found for whole in re.findall(rf"Seq Scan on ({GROWING})\b", plan)]


@pytest.fixture
def last(propose: Any, ben: Any) -> Any:
    """One that waits, with others about the same that contradict it and that were decided."""
    made = [
        propose(suggestions=[suggestion_body(arguments={"order_id": "#W1", "amount": n + 1})])
        for n in range(4)
    ]
    approve(made[0], ben)
    reject(made[1], ben)
    return made[-1]


@pytest.mark.parametrize("page", ["", "?q=kettle", "history/", "history/?outcome=expired"])
def test_a_page_of_the_desk(last: Any, ana: Any, page: str) -> None:
    client = browser(ana)
    assert read_whole(lambda: client.get(f"/queue/{page}")) == []


def test_an_opened_proposal(last: Any, ana: Any) -> None:
    assert read_whole(lambda: whole_of(last.pk, ana)) == []


def test_where_an_agent_stands(last: Any, ana: Any) -> None:
    assert read_whole(lambda: measured_now(last.agent, last.action)) == []


def test_what_an_execution_rests_on(last: Any) -> None:
    assert read_whole(lambda: chain._Log.of(last.pk)) == []
