"""How many statements the work costs that the product exists for. These numbers only ever fall."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest

from audit.ground.actors import SYSTEM
from governance.actions.action_types import register
from governance.door import recalled
from tests.conftest import ApiClient, proposal_body, suggestion_body
from tests.ground import REFUND
from tests.queries import sent

pytestmark = pytest.mark.django_db(transaction=True)

SUBMISSION = 1  # the proposal with all that belongs to it, where its agent still stands as it did
APPROVAL = 5  # who asks; the proposal; its lock; who may decide, and the agent's stage; all that is written
REJECTION = 6  # the same, and all that was suggested


@pytest.fixture
def handed_in(api: ApiClient) -> Callable[[], Any]:
    """Hands in something new, which a worker would carry out."""
    route = {"kind": "http", "method": "POST", "url": "http://shop.test/refunds"}
    register({**REFUND, "workflow": {"steps": [{"name": "refund", "routes": [route]}]}}, actor=SYSTEM)
    amounts = itertools.count(1)

    def hand_in() -> Any:
        arguments = {"order_id": "#W1", "amount": next(amounts)}
        return api.submit(proposal_body(suggestions=[suggestion_body(arguments=arguments)])).json()

    return hand_in


def decision(proposal: Any, **changes: Any) -> dict[str, Any]:
    first = proposal["suggestions"][0]
    approve = {"verdict": "approve", "suggestion": first["id"], "action_digest": first["action_digest"]}
    return {**approve, "reason": "It arrived broken.", **changes}


def test_a_submission(handed_in: Callable[[], Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recalled, "SECONDS", 60.0)  # of a machine that is very slow
    handed_in()
    with sent() as statements:
        handed_in()
    assert len(statements) <= SUBMISSION, statements


@pytest.mark.parametrize(
    ("changes", "most"),
    [({}, APPROVAL), ({"verdict": "reject", "suggestion": None, "action_digest": None}, REJECTION)],
)
def test_a_decision(
    handed_in: Callable[[], Any], api_as: Callable[[Any], ApiClient], ana: Any, changes: Any, most: int
) -> None:
    reviewer = api_as(ana)
    for _ in range(2):  # what is noted once a minute is noted at the first time
        proposal = handed_in()
        with sent() as statements:
            answer = reviewer.post(f"proposals/{proposal['id']}/decisions/", decision(proposal, **changes))
        assert answer.status_code == 201
    assert len(statements) <= most, statements
