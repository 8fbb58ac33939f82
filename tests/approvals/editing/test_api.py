"""A preview of an edit over the API: what it comes to, before it is decided."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from approvals.models import Decision
from audit.models import Event
from suggestions.models import Proposal
from tests.approvals.conftest import BLOCKS_LARGE


def preview(api: Any, proposal: Any, **arguments: Any) -> Any:
    body = {"suggestion": str(proposal.suggestions.get().pk), "arguments": arguments}
    return api.post(f"proposals/{proposal.pk}/edits/", body)


def test_a_preview_tells_everything_and_changes_nothing(
    api_as: Callable[[Any], Any], policy: Any, proposal: Any, ana: Any
) -> None:
    api = api_as(ana)
    policy(BLOCKS_LARGE)
    before = Event.objects.count(), Proposal.objects.values().get()

    answer = preview(api, proposal, order_id="#W1", amount=70)

    assert answer.status_code == 200
    told = answer.json()
    assert told["sentence"] == "Refund 70 for order #W1"
    assert told["changes"] == [{"pointer": "/amount", "kind": "changed", "from": 54.04, "to": 70}]
    assert (told["asked_now"]["approvals"], told["asked"]["approvals"]) == (1, 2)
    assert told["asked"]["four_eyes"] is True
    assert [rule["name"] for rule in told["rules"]] == ["second-person"]
    assert (Event.objects.count(), Proposal.objects.values().get()) == before


def test_what_was_previewed_is_what_is_approved(
    api_as: Callable[[Any], Any], proposal: Any, ana: Any
) -> None:
    api = api_as(ana)
    suggestion = proposal.suggestions.get()
    digest = preview(api, proposal, order_id="#W1", amount=40).json()["action_digest"]

    decided = api.post(
        f"proposals/{proposal.pk}/decisions/",
        {
            "verdict": "approve",
            "suggestion": str(suggestion.pk),
            "action_digest": suggestion.action_digest,
            "arguments": {"order_id": "#W1", "amount": 40},
        },
    )

    assert decided.status_code == 201
    assert decided.json()["action_digest"] == digest
    assert Decision.objects.get().changes[0]["to"] == 40


def test_each_wrong_argument_is_named(api_as: Callable[[Any], Any], proposal: Any, ana: Any) -> None:
    answer = preview(api_as(ana), proposal, amount="40", **{"a/b": 1})

    assert answer.status_code == 422
    pointers = {error["pointer"] for error in answer.json()["errors"]}
    assert {"/arguments/amount", "/arguments"} <= pointers


def test_what_is_blocked_names_the_rule(
    api_as: Callable[[Any], Any], policy: Any, proposal: Any, ana: Any
) -> None:
    policy(BLOCKS_LARGE)

    answer = preview(api_as(ana), proposal, order_id="#W1", amount=150)

    assert answer.status_code == 422
    assert answer.json()["type"].endswith("edit-blocked")
    assert "too-much" in [rule["name"] for rule in answer.json()["rules"]]
