from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audit.ground.actors import SYSTEM
from audit.models import Event
from governance.actions.action_types import register
from governance.expressions.functions import mentions
from governance.models import Autonomy, Halt
from governance.policies import policy
from governance.policies.obligations import Obligations
from governance.policies.policy import Matched, Policy, PolicyText
from governance.policies.verdict import judge
from tests.conftest import DEPLOYED, REFUND, in_force

POLICY = """
version: 1
defaults: {verdict: review, team: operations, approvals: 1, decide_within: 4h}
rules:
  - name: large-refund
    when: action.name == "refund_payment" && args.amount > 500.0
    then: {verdict: review, team: finance, approvals: 2, decide_within: 30m, priority: 80,
           reason: "Refund above 500"}
  - name: injected-order
    when: '!mentions(user_text, args.order_id)'
    then: {verdict: block, reason: "The user never named this order"}
"""


def test_the_name_of_a_policy_is_what_it_says_not_how_it_is_written() -> None:
    assert policy.read(POLICY)[1] == policy.read("# a comment\n" + POLICY)[1]
    assert policy.read(POLICY)[1] != policy.read(POLICY.replace("500.0", "501.0"))[1]


def test_a_policy_decides_about_what_comes_after_it(db: None, propose: Any) -> None:
    small, large = (
        [{"rank": 1, "action": "refund_payment", "arguments": {"order_id": "#W1", "amount": amount}}]
        for amount in (500.0, 500.01)
    )
    assert propose(suggestions=large).team_id == "operations"
    version = in_force(POLICY)

    assert propose(suggestions=small).team_id == "operations"
    proposal = propose(suggestions=large)

    assert (proposal.team_id, proposal.approvals_needed, proposal.priority) == ("finance", 2, 80)
    assert (proposal.deadline - proposal.created_at).total_seconds() == 1800
    assert proposal.policy_id == version.pk
    assert [r["name"] for r in proposal.verdict["rules"]] == ["large-refund"]


def test_a_blocked_proposal_is_resolved_at_once_and_never_reviewed(db: None, propose: Any) -> None:
    in_force(POLICY)

    proposal = propose(context={"messages": [{"role": "user", "content": "Refund #W2 please"}]})

    assert proposal.status == "blocked"
    assert (proposal.resolution.by, proposal.resolution.reason) == (
        "policy",
        "The user never named this order",
    )
    types = [e.type for e in Event.objects.filter(proposal_id=proposal.pk)]
    assert types == ["proposal.submitted", "proposal.blocked"]


def test_a_rule_that_fails_asks_for_review_and_is_shown(db: None, propose: Any) -> None:
    in_force(
        "version: 1\ndefaults: {verdict: auto_approve}\nrules: [{name: odd, when: args.nope == 1, then: {}}]"
    )
    proposal = propose()
    assert proposal.status == "pending"
    assert "odd could not be evaluated" in proposal.verdict["notes"][0]


def test_auto_approval_has_to_be_earned(db: None, propose: Any, agent: Any) -> None:
    in_force("version: 1\ndefaults: {verdict: auto_approve}")
    proposal = propose()
    assert proposal.status == "pending"
    assert "stage 2" in proposal.verdict["notes"][0]


def test_what_was_earned_passes_and_is_approved_by_the_policy(propose: Any, trusted: Any) -> None:
    in_force("version: 1\ndefaults: {verdict: auto_approve}")
    proposal = propose(provenance=DEPLOYED)

    assert proposal.status == "approved"
    assert proposal.resolution.by == "policy"
    assert proposal.resolution.action_digest == proposal.suggestions.get().action_digest


def test_without_its_registered_deployment_nothing_passes(propose: Any, trusted: Any) -> None:
    in_force("version: 1\ndefaults: {verdict: auto_approve}")
    for provenance in ({}, {"deployment": "support-bot@2"}):
        proposal = propose(provenance=provenance)
        assert proposal.status == "pending"
        assert "registered deployment" in proposal.verdict["notes"][0]


@pytest.mark.parametrize("halt", [{"scope": "everything"}, {"scope": "action", "action": "refund_payment"}])
def test_while_a_kill_switch_is_on_nothing_passes(propose: Any, trusted: Any, halt: dict[str, Any]) -> None:
    in_force("version: 1\ndefaults: {verdict: auto_approve}")
    Halt.objects.create(**halt, reason="Something is wrong.")
    assert propose(provenance=DEPLOYED).status == "pending"


def test_what_cannot_be_undone_passes_only_where_the_policy_names_it(propose: Any, trusted: Any) -> None:
    irreversible = {**REFUND, "reversibility": "irreversible"}
    register(irreversible, actor=SYSTEM)
    in_force("version: 1\ndefaults: {verdict: auto_approve}")
    assert "may_pass" in propose(provenance=DEPLOYED).verdict["notes"][0]

    in_force("version: 1\nmay_pass: [refund_payment]\ndefaults: {verdict: auto_approve}")
    assert propose(provenance=DEPLOYED).status == "approved"


def test_at_stage_3_only_low_risk_passes(propose: Any, trusted: Any) -> None:
    Autonomy.objects.update(stage=3)
    in_force("version: 1\ndefaults: {verdict: auto_approve}")
    assert "low risk" in propose(provenance=DEPLOYED).verdict["notes"][0]

    harmless = {**REFUND, "reversibility": "reversible"}
    register(harmless, actor=SYSTEM)
    assert propose(provenance=DEPLOYED).status == "approved"


OBLIGATIONS = st.builds(
    Obligations,
    verdict=st.sampled_from([None, "auto_approve", "review", "block"]),
    approvals=st.none() | st.integers(1, 10),
    decide_within=st.none() | st.integers(1, 100).map(lambda n: f"{n}s"),
    grace=st.none() | st.integers(0, 100).map(lambda n: f"{n}s"),
    priority=st.none() | st.integers(0, 100),
    team=st.none() | st.sampled_from(["a", "b"]),
    sample=st.none() | st.sampled_from([0.0, 0.01, 0.05, 0.5, 1.0]),
)
EMPTY = Policy(PolicyText(version=1), None)


@settings(suppress_health_check=[HealthCheck.too_slow])  # of a machine that does much else besides
@given(st.lists(OBLIGATIONS, min_size=1, max_size=4))
def test_the_merge_has_no_order_and_is_never_looser_than_a_rule(said: list[Obligations]) -> None:
    matched = [Matched(f"r{i}", then) for i, then in enumerate(said)]
    verdicts = [judge(EMPTY, [list(order)]) for order in itertools.permutations(matched)]

    facts = {
        (v.verdict, v.team, tuple(v.teams), v.approvals, v.decide_within, v.grace, v.priority, v.sample)
        for v in verdicts
    }
    assert len(facts) == 1
    verdict = verdicts[0]
    for then in said:
        assert policy.STRICTNESS.index(verdict.verdict) >= policy.STRICTNESS.index(
            then.verdict or "auto_approve"
        )
        assert verdict.approvals >= (then.approvals or 1)
        assert verdict.sample >= (then.sample or 0)
        assert verdict.decide_within <= (then.decide_within or verdict.decide_within)
        assert verdict.grace >= (then.grace or 0)
        assert verdict.priority >= (then.priority or 0)
        assert then.team is None or then.team in verdict.teams


@given(st.lists(OBLIGATIONS, max_size=3), st.sampled_from(policy.STRICTNESS), st.integers(1, 3))
def test_a_rule_that_fails_never_loosens(said: list[Obligations], default: Any, failures: int) -> None:
    text = PolicyText(version=1, defaults=Obligations(verdict=default))
    matched = [Matched(f"r{i}", then) for i, then in enumerate(said)]
    failed = [Matched(f"f{i}", Obligations(verdict="review"), error="no such key") for i in range(failures)]
    without, verdict = (judge(Policy(text, None), [these]) for these in (matched, matched + failed))

    strictness = policy.STRICTNESS.index
    assert strictness(verdict.verdict) >= max(strictness(without.verdict), strictness("review"))
    assert (verdict.team, verdict.approvals, verdict.decide_within, verdict.grace, verdict.priority) == (
        without.team,
        without.approvals,
        without.decide_within,
        without.grace,
        without.priority,
    )
    assert len(verdict.notes) == failures


WHENS = st.sampled_from(
    [
        "true",
        "false",
        "args.x > 1",
        "args.nope == 1",
        "1",
        "args.y == 'a' // why",
        "has(args.nope)",
        "1 / args.zero > 0",
    ]
)


@given(st.lists(WHENS, max_size=12), st.integers(0, 3))
def test_rules_asked_together_answer_as_one_by_one(whens: list[str], x: int) -> None:
    rules = [{"name": f"r{n}", "when": when, "then": {}} for n, when in enumerate(whens)]
    together = Policy(PolicyText.model_validate({"version": 1, "rules": rules}), None)
    alone = [Policy(PolicyText.model_validate({"version": 1, "rules": [rule]}), None) for rule in rules]
    facts = dict.fromkeys(policy.VARIABLES, "") | {"args": {"x": x, "y": "a", "zero": 0}}

    assert together.matched(facts) == [m for one in alone for m in one.matched(facts)]


def test_rules_too_long_for_one_expression_are_asked_in_groups() -> None:
    long = "args.x == 1 || " + " || ".join(f"args.x == {n}" for n in range(1_000, 1_200))
    rules = [{"name": f"r{n}", "when": long, "then": {}} for n in range(5)]
    ready = Policy(PolicyText.model_validate({"version": 1, "rules": rules}), None)
    facts = dict.fromkeys(policy.VARIABLES, "") | {"args": {"x": 1}}
    assert [m.rule for m in ready.matched(facts)] == ["r0", "r1", "r2", "r3", "r4"]


@pytest.mark.parametrize(
    ("text", "value", "expected"),
    [
        ("Send 12.00 to GB29NWBK", "GB29NWBK", True),
        ("send to gb29nwbk.", "GB29NWBK", True),
        ("send to GB29NWBK60", "GB29NWBK", False),
        ("pay 12 euros", 12.0, True),
        ("pay 12.50 euros", 12, False),
        ("pay 112 euros", 12, False),
        ("order #W1.", "#W1", True),
        ("", "x", False),
        ("anything", "", False),
    ],
)
def test_mentions_finds_whole_words_only(text: str, value: Any, expected: bool) -> None:
    assert mentions(text, value) is expected


def test_a_rule_can_compare_with_the_time_of_the_proposal(propose: Any) -> None:
    in_force(
        "version: 1\nrules:\n  - name: soon\n"
        '    when: \'when("2000-01-01") < now && now - when("2000-01-01") > duration("24h")\'\n'
        "    then: {priority: 77}\n"
    )

    verdict = propose().verdict

    assert [rule["name"] for rule in verdict["rules"]] == ["soon"]
    assert verdict["notes"] == []
