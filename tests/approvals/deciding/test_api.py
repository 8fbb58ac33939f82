"""What reviewers' programs send about one proposal: what is wrong with it is named, and nothing done."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from approvals.models import Claim, Comment, Decision
from audit.models import Event
from suggestions.models import Proposal
from tests.conftest import ApiClient, suggestion_body
from tests.settled import *  # noqa: F403 - everybody, once for all tests here

ZEROS = "sha256:" + "0" * 64
OURS, DIGEST = object(), object()  # stand for the suggestion's id and digest
APPROVE = {"verdict": "approve", "suggestion": OURS, "action_digest": DIGEST}


@pytest.fixture
def send(api_as: Callable[[Any], ApiClient], proposal: Proposal, ana: Any) -> Callable[..., Any]:
    """`send(path, body)` posts about the proposal as Ana."""
    api, suggestion = api_as(ana), proposal.suggestions.get()
    places = {OURS: str(suggestion.pk), DIGEST: suggestion.action_digest}

    def ask(path: str, body: Any = None, **how: Any) -> Any:
        if isinstance(body, dict):
            body = {
                name: places.get(value, value) if value.__hash__ else value for name, value in body.items()
            }
        return api.post(f"proposals/{proposal.pk}/{path}", body, **how)

    return ask


def state() -> tuple[int, ...]:
    events = Event.objects.exclude(type="request.refused").count()
    return (events, *(kind.objects.count() for kind in (Decision, Claim, Comment)))


@pytest.mark.parametrize(
    ("path", "body", "pointer"),
    [
        ("decisions/", {}, "/verdict"),
        ("decisions/", [], ""),
        ("decisions/", {"verdict": "APPROVE"}, "/verdict"),
        ("decisions/", {"verdict": ["approve"]}, "/verdict"),
        ("decisions/", {"verdict": "approve"}, "/suggestion"),
        ("decisions/", {**APPROVE, "suggestion": "nonsense"}, "/suggestion"),
        ("decisions/", {**APPROVE, "suggestion": str(uuid4())}, "/suggestion"),
        ("decisions/", {**APPROVE, "suggestion": 1}, "/suggestion"),
        ("decisions/", {**APPROVE, "action_digest": None}, "/action_digest"),
        ("decisions/", {**APPROVE, "action_digest": "0" * 64}, "/action_digest"),
        ("decisions/", {**APPROVE, "action_digest": ZEROS.upper()}, "/action_digest"),
        ("decisions/", {**APPROVE, "arguments": []}, "/arguments"),
        ("decisions/", {**APPROVE, "arguments": {}}, "/arguments"),
        ("decisions/", {**APPROVE, "arguments": {"order_id": "#W1", "amount": 0}}, "/arguments/amount"),
        ("decisions/", {**APPROVE, "arguments": {"order_id": "#W1", "amount": True}}, "/arguments/amount"),
        ("decisions/", {**APPROVE, "reason": None}, "/reason"),
        ("decisions/", {**APPROVE, "reason": "x" * 4_001}, "/reason"),
        ("decisions/", {**APPROVE, "more": 1}, "/more"),
        ("decisions/", {"verdict": "reject"}, "/reason"),
        ("decisions/", {"verdict": "return", "reason": " \n"}, "/reason"),
        ("decisions/", {"verdict": "escalate", "reason": "x"}, "/team"),
        ("decisions/", {"verdict": "escalate", "reason": "x", "team": "nobody"}, "/team"),
        ("decisions/", {"verdict": "escalate", "reason": "x", "team": "operations"}, "/team"),
        ("decisions/", {"verdict": "escalate", "reason": "x", "team": "x" * 65}, "/team"),
        ("claim/", {"take_over": "perhaps"}, "/take_over"),
        ("claim/", {"more": 1}, "/more"),
        ("claim/", [1], ""),
        ("assign/", {}, "/to"),
        ("assign/", {"to": ""}, "/to"),
        ("assign/", {"to": "nobody"}, "/to"),
        ("assign/", {"to": "dora"}, "/to"),
        ("assign/", {"to": "cyd"}, "/to"),
        ("assign/", {"to": "x" * 151}, "/to"),
        ("comments/", {}, "/text"),
        ("comments/", {"text": ""}, "/text"),
        ("comments/", {"text": " \t"}, "/text"),
        ("comments/", {"text": "x" * 2_001}, "/text"),
        ("comments/", {"text": ["x"]}, "/text"),
        ("edits/", {}, "/suggestion"),
        ("edits/", {"suggestion": OURS}, "/arguments"),
        ("edits/", {"suggestion": str(uuid4()), "arguments": {}}, "/suggestion"),
        ("edits/", {"suggestion": OURS, "arguments": []}, "/arguments"),
        ("edits/", {"suggestion": OURS, "arguments": {"amount": 1}}, "/arguments"),
        ("reopen/", {"reason": "x" * 2_001}, "/reason"),
        ("reopen/", {"more": 1}, "/more"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_done(
    send: Callable[..., Any], cyd: Any, dora: Any, path: str, body: Any, pointer: str
) -> None:
    before = state()

    answer = send(path, body)

    assert (answer.status_code, state()) == (422, before)
    assert pointer in [error["pointer"] for error in answer.json()["errors"]]
    assert Proposal.objects.get().status == "pending"


@pytest.mark.parametrize("path", ["decisions/", "claim/", "assign/", "comments/", "edits/", "reopen/"])
def test_what_is_no_json_is_refused(send: Callable[..., Any], path: str) -> None:
    before = state()
    for raw in (b"{", b'{"a": NaN}', b'{"a": 1, "a": 2}', b"\xff"):
        assert send(path, raw=raw).status_code == 400
    assert state() == before


def test_a_suggestion_of_another_proposal_is_none_of_this(send: Callable[..., Any], propose: Any) -> None:
    other = propose(
        suggestions=[suggestion_body(arguments={"order_id": "#W2", "amount": 2})]
    ).suggestions.get()
    for path, body in (
        ("decisions/", {**APPROVE, "suggestion": str(other.pk), "action_digest": other.action_digest}),
        ("edits/", {"suggestion": str(other.pk), "arguments": other.arguments}),
    ):
        answer = send(path, body)
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/suggestion")
    assert not Decision.objects.exists()


def test_another_digest_than_was_shown_is_refused(send: Callable[..., Any]) -> None:
    answer = send("decisions/", {**APPROVE, "action_digest": ZEROS})
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:reviewapp:problem:digest-mismatch")
    assert not Decision.objects.exists()


def test_what_only_does_something_can_t_be_read(api_as: Any, proposal: Proposal, ana: Any) -> None:
    api = api_as(ana)
    for path in ("decisions/", "claim/", "assign/", "edits/", "reopen/", "take-back/", "undo/"):
        assert api.get(f"proposals/{proposal.pk}/{path}").status_code == 405


@pytest.mark.parametrize("text", ["\u202eevil", "<script>", "  spaced  ", "ä" * 2_000])
def test_a_note_is_kept_as_it_was_written(send: Callable[..., Any], text: str) -> None:
    answer = send("comments/", {"text": text})
    assert (answer.status_code, answer.json()["text"], answer.json()["author"]) == (201, text.strip(), "Ana")
    assert Comment.objects.get().text == text.strip()


@pytest.mark.parametrize("body", [None, {}, {"take_over": False}])
def test_a_claim_needs_no_body(send: Callable[..., Any], body: Any) -> None:
    answer = send("claim/", body)
    assert (answer.status_code, answer.json()["user"]) == (200, "ana")


def test_a_decision_is_answered_as_it_was_written(send: Callable[..., Any], proposal: Proposal) -> None:
    answer = send("decisions/", {**APPROVE, "reason": "fine"})

    told, decision = answer.json(), Decision.objects.get()
    assert answer.status_code == 201
    assert (told["id"], told["proposal"], told["verdict"]) == (str(decision.pk), str(proposal.pk), "approve")
    assert told["action_digest"] == decision.action_digest
    assert (told["resolution"]["status"], told["check"]) == ("approved", None)
