"""A number is the same, to the digest, from the agent to what is carried out; or it is refused."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from audit.ground.actors import SYSTEM
from audit.ground.canonical import digest
from execution.models import Execution
from execution.running import approval
from governance.actions.action_types import register
from suggestions.models import Proposal
from tests.conftest import ApiClient, proposal_body, suggestion_body
from tests.searching import searched

KEPT = {
    "name": "keep_numbers",
    "description": "Keeps numbers.",
    "schema": {"type": "object"},
    "annotations": {"destructiveHint": False, "idempotentHint": True, "openWorldHint": False},
    "reversibility": "externally_reversible",
}
# As they are spelled on the way in; some of them are refused.
NUMBER = (
    st.sampled_from(
        ["1.0", "-0.0", "-0", "1e2", "1E+2", "1.50", "1e15", "9007199254740991.0", "1e-7", "5e-324"]
    )
    | st.sampled_from(
        ["1e16", "1e21", "1e22", "-1e21", "9007199254740992.0", "9007199254740993", "1e400", "1e-400"]
    )
    | st.integers(-(2**70), 2**70).map(str)
    | st.integers(-(2**53), 2**53).map(str)
    | st.floats(allow_nan=False, allow_infinity=False).map(repr)
    | st.floats(-(2.0**53), 2.0**53).map(repr)
)
REFUSED = (400, 422)


def numbers(texts: list[str]) -> str:
    return f'{{"one":{texts[0]},"all":[{",".join(texts)}]}}'


def with_arguments(body: dict[str, Any], texts: list[str]) -> bytes:
    return json.dumps(body).replace('"NUMBERS"', numbers(texts)).encode()


@pytest.fixture
def kept(agent: Any) -> None:
    register(KEPT, actor=SYSTEM)


@searched(120)
@given(st.lists(NUMBER, min_size=1, max_size=4), st.lists(NUMBER, min_size=1, max_size=4))
@example(["1e21"], ["1"])
@example(["1.0", "-0.0", "5e-324"], ["1e21"])
@example(["9007199254740991.0"], ["-0.0", "1e15"])
def test_what_comes_in_is_what_is_read_back_edited_and_carried_out(
    api: ApiClient, api_as: Any, ana: Any, kept: None, handed_in: list[str], edited: list[str]
) -> None:
    body = proposal_body(suggestions=[suggestion_body(action="keep_numbers", arguments="NUMBERS")])
    answer = api.post("proposals/", raw=with_arguments(body, handed_in), Idempotency_Key=uuid4().hex)
    if answer.status_code in REFUSED:
        return
    proposal = Proposal.objects.get(pk=answer.json()["id"])
    suggestion = proposal.suggestions.get()
    assert suggestion.action_digest == named(suggestion.arguments) == named(json.loads(numbers(handed_in)))

    decision = {"verdict": "approve", "suggestion": str(suggestion.pk), "arguments": "NUMBERS"}
    decision["action_digest"] = suggestion.action_digest
    reviewers = api_as(ana)
    decided = reviewers.post(f"proposals/{proposal.pk}/decisions/", raw=with_arguments(decision, edited))
    if decided.status_code in REFUSED:
        del decision["arguments"]
        decided = reviewers.post(f"proposals/{proposal.pk}/decisions/", decision)
        edited = handed_in
    assert decided.status_code in (200, 201), decided.content
    execution = Execution.objects.get(proposal=proposal)
    assert execution.action_digest == named(json.loads(numbers(edited)))
    assert approval.broken(execution) == ""


def named(arguments: Any) -> str:
    return digest({"action": "keep_numbers", "version": 1, "arguments": arguments})
