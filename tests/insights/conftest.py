"""A record for an agent: decisions, executions and samples, written as they would stand."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest
from django.db.models.functions import Now

from approvals.deciding import decide
from audit.ground.actors import SYSTEM
from execution.models import Execution
from governance.actions.action_types import register
from suggestions.models import Sample
from tests.conftest import REFUND, actor_of, in_force, suggestion_body

_orders = itertools.count(1_000)
HARMLESS = {**REFUND, "reversibility": "reversible", "data_classes": []}


@pytest.fixture
def harmless(db: None) -> Any:
    """`refund_payment` as an action that the policy need not name."""
    return register(HARMLESS, actor=SYSTEM)[0]


@pytest.fixture
def reviewed(db: None) -> Any:
    """A validated policy that asks people about everything."""
    return in_force("version: 1\ndefaults: {verdict: review}")


@pytest.fixture
def decided(propose: Callable[..., Any], ana: Any, harmless: Any, reviewed: Any) -> Callable[..., Any]:
    """`decided("approve", confidence=0.9)` hands in a proposal and lets Ana decide on it."""

    def make(verdict: str = "approve", *, confidence: float | None = 0.95, **changes: Any) -> Any:
        order = f"#W{next(_orders)}"  # what was rejected is not asked again
        body = suggestion_body(confidence=confidence, arguments={"order_id": order, "amount": 54.04})
        if confidence is None:
            del body["confidence"]
        proposal = propose(suggestions=[body], **changes)
        suggestion = proposal.suggestions.get()
        said = {"reviewer": ana, "actor": actor_of(ana)}
        if verdict == "reject":
            decide.reject(proposal.pk, **said, reason="no")
        elif verdict == "return":
            decide.give_back(proposal.pk, **said, reason="more")
        else:
            arguments = {"order_id": order, "amount": 1} if verdict == "edit" else None
            shown = suggestion.action_digest
            decide.approve(suggestion, **said, shown_digest=shown, arguments=arguments)
        return proposal

    return make


def carried_out(proposal: Any, receipt: dict[str, Any] | None = None, status: str = "succeeded") -> None:
    """Its execution ended like this, with this receipt of its one step."""
    execution = Execution.objects.get(proposal=proposal)
    execution.steps.update(status="completed", receipt=receipt or {"verified": True}, completed_at=Now())
    Execution.objects.filter(pk=execution.pk).update(status=status)


def checked(proposal: Any, answer: str, reviewer: Any) -> Sample:
    """A sample of it that ended like this."""
    return Sample.objects.create(
        proposal=proposal,
        agent_id=proposal.agent_id,
        action=proposal.action,
        team_id=proposal.team_id,
        share=1,
        status=answer,
        deadline=Now(),
        ended_at=Now(),
        reviewer=None if answer == "expired" else reviewer,
        reason="no" if answer == "wrong" else "",
    )
