from __future__ import annotations

import threading
from typing import Any

import pytest
from django.db import connection, transaction

from audit.ground.canonical import canonical, commitment, digest
from audit.models import Event
from suggestions.intake import submitted
from suggestions.models import Proposal, Suggestion
from tests.conftest import suggestion_body


def test_a_submission_is_stored_with_its_event_and_nothing_else(propose: Any, agent: Any) -> None:
    proposal = propose()

    assert proposal.status == "pending"
    assert (proposal.team_id, proposal.approvals_needed, proposal.priority) == ("operations", 1, 50)
    assert proposal.sentence == "Refund 54.04 for order #W1"
    assert (proposal.deadline - proposal.created_at).total_seconds() == 4 * 3600
    [suggestion] = proposal.suggestions.all()
    assert suggestion.arguments == {"order_id": "#W1", "amount": 54.04}
    told = {"action": "refund_payment", "version": 1, "arguments": suggestion.arguments}
    assert suggestion.action_digest == digest(told)
    assert [e.type for e in Event.objects.filter(proposal_id=proposal.pk)] == ["proposal.submitted"]


def test_the_event_commits_to_the_content_without_holding_it(propose: Any) -> None:
    proposal = propose(title="Zanzibar")
    event = Event.objects.get(proposal_id=proposal.pk)

    content = submitted.content_of(proposal, list(proposal.suggestions.all()))

    assert commitment(bytes(proposal.salt), content) in event.body
    assert "Zanzibar" not in event.body
    assert "#W1" not in event.body


def test_an_event_is_canonical_to_the_byte(propose: Any) -> None:
    import json

    proposal = propose()
    event = Event.objects.get(proposal_id=proposal.pk)
    assert event.body.encode() == canonical(json.loads(event.body))


def test_the_same_key_makes_one_proposal(propose: Any) -> None:
    assert propose(key="k1").pk == propose(key="k1").pk
    assert Proposal.objects.count() == 1
    assert Suggestion.objects.count() == 1
    assert Event.objects.filter(type="proposal.submitted").count() == 1


def test_the_most_pressing_risk_counts(propose: Any) -> None:
    claimed = [
        suggestion_body(risk={"level": "low"}),
        suggestion_body(rank=2, risk={"level": "critical"}),
    ]
    proposal = propose(suggestions=claimed)
    assert [s.risk for s in proposal.suggestions.all()] == [1, 3]
    assert proposal.risk == 3


@pytest.mark.django_db(transaction=True)
def test_parallel_twins_make_one_proposal(propose: Any) -> None:
    made: list[Any] = []

    def hand_in() -> None:
        made.append(propose(key="twin").pk)
        connection.close()

    threads = [threading.Thread(target=hand_in) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(made) == 16
    assert len(set(made)) == 1
    assert Proposal.objects.count() == 1
    assert Event.objects.filter(type="proposal.submitted").count() == 1


def test_a_rolled_back_submission_leaves_nothing(propose: Any) -> None:
    with transaction.atomic():
        propose()
        transaction.set_rollback(True)
    assert Proposal.objects.count() == Event.objects.filter(type="proposal.submitted").count() == 0
