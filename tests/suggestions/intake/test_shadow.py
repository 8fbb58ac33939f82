"""A candidate policy beside the active one, on live proposals, without any effect."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import DatabaseError

from audit.statements.prepared import execute
from governance.door.authentication import caller_of
from governance.policies import lifecycle
from suggestions.intake import judge, shadow
from suggestions.models import Proposal, ShadowDifference
from suggestions.past.answers import Past
from tests.conftest import DEPLOYED, approved, in_force, suggestion_body

ACTIVE = """
version: 1
may_pass: [refund_payment]
defaults: {verdict: review, team: operations, approvals: 1, decide_within: 4h}
rules:
  - {name: large, when: args.amount > 500.0, then: {verdict: review, approvals: 2}}
"""


@pytest.fixture
def in_shadow(olga: Any, ana: Any):
    """`in_shadow(text)`: put a policy into the shadow of `ACTIVE`."""

    def put(text: str, active: str = ACTIVE) -> Any:
        in_force(active)
        version, _ = lifecycle.draft(text, author=olga)
        lifecycle.set_shadow(approved(version), by=olga)
        return version

    return put


@pytest.fixture
def refund(propose):
    def make(amount: float, **changes: Any) -> Proposal:
        return propose(
            suggestions=[suggestion_body(arguments={"order_id": "#W1", "amount": amount})], **changes
        )

    return make


def differences() -> list[tuple[str, list[str]]]:
    rows = ShadowDifference.objects.order_by("proposal_id")
    return [(row.kind, row.differs) for row in rows]


def test_what_it_would_have_said_otherwise_is_kept_and_changes_nothing(in_shadow, refund, trusted):
    version = in_shadow(
        ACTIVE + '  - {name: small, when: "args.amount < 50.0", then: {verdict: auto_approve}}\n'
        '  - {name: huge, when: "args.amount > 1000.0", then: {verdict: block}}\n'
    )

    same, small, huge = refund(100.0), refund(10.0, provenance=DEPLOYED), refund(2000.0)

    assert [p.status for p in (same, small, huge)] == ["pending"] * 3
    assert [p.verdict["verdict"] for p in (same, small, huge)] == ["review"] * 3
    assert [p.shadow_id for p in (same, small, huge)] == [version.pk] * 3
    assert differences() == [
        ("looser", ["verdict", "wished", "rules"]),
        ("stricter", ["verdict", "wished", "rules"]),
    ]
    kept = ShadowDifference.objects.get(proposal=small)
    assert (kept.policy, kept.was["verdict"], kept.would["verdict"]) == (version, "review", "auto_approve")
    assert (kept.was["rules"], kept.would["rules"]) == ([], ["small"])


def test_what_an_agent_has_not_earned_yet_is_a_difference_too(in_shadow, refund):
    in_shadow(ACTIVE + '  - {name: small, when: "args.amount < 50.0", then: {verdict: auto_approve}}\n')
    refund(10.0)
    assert differences() == [("looser", ["wished", "rules"])]


@pytest.mark.parametrize(
    ("then", "differs"),
    [
        ("{approvals: 3}", ["approvals"]),
        ("{team: finance}", ["teams"]),
        ("{decide_within: 1h}", ["decide_within_seconds"]),
        ("{priority: 90}", ["priority"]),
    ],
)
def test_what_it_asks_for_is_compared(in_shadow, refund, cyd, then, differs):
    in_shadow(f"{ACTIVE}  - {{name: asks, when: 'true', then: {then}}}\n")
    refund(10.0)
    assert differences() == [("asks", [*differs, "rules"])]


def test_the_same_by_another_rule_is_told_as_such(in_shadow, refund):
    in_shadow(ACTIVE.replace("large", "renamed"))
    refund(10.0)
    refund(600.0)
    assert differences() == [("rules", ["rules"])]


def test_a_rule_of_it_that_gives_no_answer_is_a_difference(in_shadow, refund):
    in_shadow(ACTIVE + "  - {name: broken, when: 'args.recipient == \"x\"', then: {verdict: block}}\n")
    refund(10.0)
    assert differences() == [("rules", ["rules"])]


def test_it_judges_the_risk_anew(in_shadow, refund):
    """What the active policy raises is no fact for the one in the shadow."""
    active = ACTIVE + "  - {name: grave, when: 'true', then: {risk: critical}}\n"
    in_shadow(active.replace("{risk: critical}", "{risk: critical, verdict: review}"), active=active)
    in_shadow(
        active + "  - {name: graver, when: 'risk.level == \"critical\"', then: {verdict: block}}\n",
        active=active,
    )

    assert refund(10.0).risk == 3
    assert differences() == []


@pytest.mark.parametrize("error", [RuntimeError("no"), MemoryError(), DatabaseError("gone")])
def test_it_never_fails_a_submission(in_shadow, refund, monkeypatch, error):
    version = in_shadow(ACTIVE.replace("large", "renamed"))
    judged = judge.judged

    def breaks(policy: Any, *args: Any, **how: Any) -> Any:
        if policy == version.pk:
            raise error
        return judged(policy, *args, **how)

    monkeypatch.setattr(judge, "judged", breaks)

    assert refund(10.0).status == "pending"
    assert differences() == [("error", ["error"])]
    assert ShadowDifference.objects.get().would == {"error": type(error).__name__}


def test_a_text_that_does_not_compile_any_more_fails_nothing(in_shadow, refund):
    version = in_shadow(ACTIVE.replace("large", "renamed"))
    type(version).objects.filter(pk=version.pk).update(text="version: 2")

    assert refund(10.0).status == "pending"
    assert differences() == [("error", ["error"])]


def test_a_past_that_cannot_be_read_for_it_leaves_the_submission_whole(
    in_shadow, refund, trusted, monkeypatch
):
    """A statement that fails would end the transaction that the active policy's question has begun."""
    in_shadow(
        ACTIVE + "  - {name: many, when: 'history.agent.count(\"2h\") > 5', then: {verdict: block}}\n",
        active=ACTIVE
        + "  - {name: some, when: 'history.agent.count(\"1h\") > 99', then: {verdict: block}}\n",
    )
    find = Past.find

    def breaks(self: Any, question: Any) -> Any:
        if question.seconds == 7200:
            execute("SELECT 1 / 0", [])
        return find(self, question)

    monkeypatch.setattr(Past, "find", breaks)

    assert refund(10.0).status == "pending"
    assert differences() == [("error", ["error"])]


def test_a_replay_keeps_nothing_twice(in_shadow, propose):
    in_shadow(ACTIVE.replace("defaults: {verdict: review", "defaults: {verdict: block"))
    for _ in range(2):
        propose(key="one")
    assert (Proposal.objects.count(), ShadowDifference.objects.count()) == (1, 1)


def test_without_a_shadow_nothing_is_looked_at(propose):
    in_force(ACTIVE)
    assert propose().shadow_id is None
    assert differences() == []


def test_out_of_the_shadow_it_looks_at_nothing_more(in_shadow, refund, olga, agent):
    version = in_shadow(ACTIVE.replace("large", "renamed"))
    assert caller_of(agent).shadow == version.pk
    lifecycle.set_shadow(None, by=olga)
    assert refund(600.0).shadow_id is None
    assert differences() == []


def test_what_is_counted_and_compared_with_people(in_shadow, refund, ana):
    from approvals.deciding import decide
    from tests.conftest import actor_of

    version = in_shadow(
        ACTIVE + '  - {name: small, when: "args.amount < 50.0", then: {verdict: auto_approve}}\n'
    )
    first, second, _, _ = refund(10.0), refund(11.0), refund(12.0), refund(100.0)
    who = {"reviewer": ana, "actor": actor_of(ana)}
    decide.reject(first.pk, reason="no", **who)
    suggestion = second.suggestions.get()
    decide.approve(suggestion, shown_digest=suggestion.action_digest, **who)

    told = shadow.told(version)

    assert (told.looked_at, told.different, told.same, told.capped) == (4, 3, 1, False)
    assert told.kinds["looser"] == {"rejected": 1, "approved": 1, "nobody": 1}
