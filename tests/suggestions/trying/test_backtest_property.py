"""What a policy said when it was asked, it says again when it is backtested."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.asking.bodies import check
from governance.door.authentication import caller_of
from governance.policies.policy import ready
from suggestions.intake.bodies import ProposalBody
from suggestions.intake.prepare import prepare
from suggestions.intake.submit import submit
from suggestions.models import Proposal
from suggestions.trying.rejudge import Judge
from tests.conftest import DEPLOYED, in_force, proposal_body
from tests.searching import searched

POLICY = """
version: 1
may_pass: [refund_payment]
defaults: {verdict: review, team: operations, approvals: 1, decide_within: 4h}
rules:
  - {name: sure, when: suggestion.confidence > 0.8 && args.amount < 400.0, then: {verdict: auto_approve}}
  - {name: large, when: args.amount > 500.0, then: {approvals: 2, decide_within: 30m, risk: high}}
  - {name: grave, when: 'risk.level == "high"', then: {team: finance, priority: 90}}
  - {name: huge, when: args.amount > 900.0, then: {verdict: block}}
  - {name: noted, when: 'args.note == "x"', then: {priority: 70}}
  - {name: unnamed, when: '!mentions(user_text, args.order_id)', then: {verdict: review}}
  - {name: flagged, when: '"new_account" in risk.indicators', then: {verdict: review, approvals: 3}}
  - {name: often, when: 'history.agent.count("1h") > 3', then: {verdict: review, decide_within: 2h}}
  - {name: much, when: 'history.subject.sum("amount", "24h") > 1000.0', then: {priority: 95}}
  - {name: seconds, when: suggestion.rank > 1 && now > timestamp("2020-01-01T00:00:00Z"), then: {grace: 5m}}
"""

suggestion = st.fixed_dictionaries(
    {
        "amount": st.sampled_from([10.0, 399.99, 450, 501.5, 901]),
        "confidence": st.sampled_from([None, 0.0, 0.8, 0.81, 1]),
        "note": st.sampled_from([None, "x"]),
        "risk": st.sampled_from([None, "low", "high", "critical"]),
        "indicators": st.sampled_from([[], ["new_account"]]),
    }
)
proposal = st.fixed_dictionaries(
    {
        "said": st.sampled_from(["My kettle from order #W1 broke.", "", "Ünïcode \u202e #W1"]),
        "suggestions": st.lists(suggestion, min_size=1, max_size=3),
        "subject": st.sampled_from([None, "customer-1", "customer-2"]),
    }
)


def body_of(drawn: dict[str, Any]) -> dict[str, Any]:
    def one(rank: int, s: dict[str, Any]) -> dict[str, Any]:
        arguments = {"order_id": "#W1", "amount": s["amount"]}
        told = {"rank": rank, "action": "refund_payment", "arguments": arguments}
        if s["note"]:
            arguments["note"] = s["note"]
        if s["confidence"] is not None:
            told["confidence"] = s["confidence"]
        if s["risk"]:
            told["risk"] = {"level": s["risk"], "indicators": [{"code": code} for code in s["indicators"]]}
        return told

    body = proposal_body(
        context={"messages": [{"role": "user", "content": drawn["said"]}]},
        suggestions=[one(rank, s) for rank, s in enumerate(drawn["suggestions"], start=1)],
        provenance=DEPLOYED,
    )
    del body["subject"]
    return body | ({"subject": {"type": "customer", "id": drawn["subject"]}} if drawn["subject"] else {})


@pytest.mark.django_db
@searched(60)
@given(st.lists(proposal, min_size=1, max_size=4))
def test_a_backtest_of_the_active_version_says_what_it_said(trusted, action_type, ana, cyd, drawn):
    version = in_force(POLICY)
    stored = []
    for one in drawn:
        body = check(ProposalBody, body_of(one))
        prepared = prepare(caller_of(trusted), body, key=uuid.uuid4().hex, body_digest="sha256:" + "0" * 64)
        stored.append(submit(trusted, [prepared])[0].proposal.pk)

    again = {o.proposal: o.verdict for o in Judge(ready(version.pk)).outcomes(stored)}

    for one in Proposal.objects.filter(pk__in=stored):
        said = again[one.pk].as_json()
        assert said == one.verdict | {"known": said["known"]}  # where the agent stood is left aside
