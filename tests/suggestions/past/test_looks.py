"""Policies that want to know what a service says is there now."""

from __future__ import annotations

import time
from typing import Any

import pytest

from audit.ground.actors import SYSTEM
from execution.models import Look
from governance.actions.action_types import register
from suggestions.models import Proposal
from tests.conftest import REFUND, in_force, proposal_body, suggestion_body
from tests.execution.conftest import shop as shop
from tests.execution.looking.conftest import ORDER, known, looking, order
from tests.queries import sent

__all__ = ["known", "order", "shop"]
pytestmark = pytest.mark.django_db

ASKS = """
version: 1
defaults: {verdict: review, team: operations}
rules:
  - name: not-theirs
    when: look.known && look.json.owner != "Ida"
    then: {verdict: block, reason: "Somebody else’s"}
  - name: unseen
    when: "!look.known"
    then: {verdict: review, priority: 90, reason: "Nobody knows what is there"}
  - name: gone
    when: look.status == 404
    then: {verdict: block, reason: "There is no such order"}
"""


@pytest.fixture
def policy(action_type: Any, shop: Any) -> Any:
    """In force, with an action type that can be looked at in the place of the one without."""
    register({**REFUND, "workflow": looking(shop)}, actor=SYSTEM)
    return in_force(ASKS)


def rules(proposal: Any) -> list[str]:
    return [rule["name"] for rule in proposal.verdict["rules"]]


@pytest.mark.parametrize(
    ("answer", "status", "matched"),
    [
        ((200, {"owner": "Ida"}, {}), "pending", []),
        ((200, {"owner": "Eve"}, {}), "blocked", ["not-theirs"]),
        ((404, {"owner": "Ida"}, {}), "blocked", ["gone"]),
        (503, "pending", ["unseen"]),
        ("hang up", "pending", ["unseen"]),
    ],
)
def test_a_rule_knows_what_is_there(
    shop: Any, order: Any, policy: Any, propose: Any, known: Any, answer: Any, status: str, matched: list[str]
) -> None:
    shop.will(ORDER, answer)
    proposal = propose(**known)
    assert (proposal.status, rules(proposal)) == (status, matched)
    look = Look.objects.get()
    assert (look.occasion, look.proposal_id) == ("submission", proposal.pk)


def test_what_cannot_be_looked_into_is_reviewed(
    shop: Any, order: Any, policy: Any, propose: Any, known: Any
) -> None:
    shop.will(ORDER, (200, [], {}))
    proposal = propose(**known)
    assert proposal.status == "pending"
    assert "could not be evaluated" in proposal.verdict["notes"][0]


def test_a_submission_waits_for_two_seconds_at_most(
    shop: Any, order: Any, policy: Any, api: Any, known: Any, monkeypatch: Any
) -> None:
    api.submit(proposal_body(**known))  # what a process makes ready is no part of it
    Look.objects.all().delete()
    monkeypatch.setattr("suggestions.past.looks.LONGEST", 0.3)
    shop.will(ORDER, "silent")
    second = suggestion_body(rank=2, arguments={"order_id": "W1", "amount": 2})
    began = time.monotonic()
    answer = api.submit(proposal_body(suggestions=[*known["suggestions"], second]))
    took = time.monotonic() - began
    assert (answer.status_code, took < 3) == (201, True), (took, shop.calls)
    assert answer.json()["verdict"]["rules"][0]["name"] == "unseen"
    assert Look.objects.count() == 1  # there was no time left for the second


def test_it_is_explained_and_backtested_by_what_was_there_then(
    shop: Any, order: Any, policy: Any, propose: Any, known: Any
) -> None:
    from governance.policies.policy import ready
    from suggestions.explaining.explain import explain_recorded
    from suggestions.trying.rejudge import Judge

    order(54.04, owner="Eve")
    proposal = propose(**known)
    order(54.04, owner="Ida")

    explanation = explain_recorded(proposal, proposal.policy_id)
    [(_, looked)] = explanation.suggestions
    assert explanation.verdict.verdict == "block"
    assert looked[0].conditions[1].values == {"look.json.owner": "Eve"}
    [outcome] = Judge(ready(proposal.policy_id)).outcomes([proposal.pk])
    assert outcome.verdict.verdict == "block"

    Look.objects.all().delete()  # as of what is older than looks are
    [outcome] = Judge(ready(proposal.policy_id)).outcomes([proposal.pk])
    assert [rule["name"] for rule in outcome.verdict.rules] == ["unseen"]


def test_an_edit_is_judged_by_what_was_seen_last(
    shop: Any, order: Any, policy: Any, propose: Any, known: Any
) -> None:
    from approvals.deciding import edits

    proposal = propose(**known)
    suggestion = proposal.suggestions.select_related("action_type").get()
    same_order = edits.judge(proposal, suggestion, {"order_id": "W1", "amount": 5})
    another = edits.judge(proposal, suggestion, {"order_id": "W2", "amount": 5})
    assert [same_order.verdict.rules, another.verdict.rules[0]["name"]] == [[], "unseen"]


def test_who_does_not_ask_pays_nothing(shop: Any, order: Any, propose: Any, known: Any) -> None:
    register({**REFUND, "workflow": looking(shop)}, actor=SYSTEM)
    in_force(
        'version: 1\nrules:\n- name: words\n  when: mentions(user_text, "look")\n  then: {priority: 9}\n'
    )
    propose(**known)
    with sent() as statements:
        propose(**known)
    assert shop.calls == []
    assert [text for text in statements if "execution_look" in text] == []


def test_what_waits_is_looked_at_by_a_worker(
    shop: Any, order: Any, propose: Any, known: Any, monkeypatch: Any
) -> None:
    told: list[Any] = []
    monkeypatch.setattr("suggestions.past.looks.tell_worker", lambda *args: told.append(args))
    propose()
    assert told == []
    register({**REFUND, "workflow": looking(shop)}, actor=SYSTEM)
    proposal = propose(**known)
    assert told == [("execution.tasks.look", proposal.pk)]
    assert Proposal.objects.get(pk=proposal.pk).status == "pending"
