"""What stands between an agent and the next stage."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.ground.actors import SYSTEM
from audit.ground.wilson import share
from governance.actions.action_types import register
from governance.models import Autonomy, Incident
from governance.trust import autonomy, incidents
from governance.trust.gate_bounds import DEFAULTS, Bounds, set_bounds
from insights.trust import gates
from insights.trust.gates import measured_now
from tests.conftest import actor_of, in_force
from tests.insights.conftest import HARMLESS, carried_out, checked
from tests.searching import searched

pytestmark = pytest.mark.django_db


def record(agent: Any) -> Any:
    return measured_now(agent, "refund_payment").record


def gate(agent: Any, name: str) -> Any:
    return next(g for g in measured_now(agent, "refund_payment").gates if g.name == name)


def test_nothing_is_earned_by_nothing(agent: Any, harmless: Any) -> None:
    measured = measured_now(agent, "refund_payment")
    assert {g.name: (g.passed, g.said) for g in measured.gates} == {
        "decisions": (False, "0 of 50 decisions"),
        "approved_unchanged": (False, "0.000 of 0.95"),
        "verified_success": (False, "0.000 of 0.99"),
        "calibration_error": (False, "not known yet"),
        "incidents": (True, "none open"),
        "policy": (False, "no policy is active"),
    }
    assert not measured.is_ready


def test_only_what_was_approved_as_it_was_counts_as_unchanged(agent: Any, decided: Any) -> None:
    for verdict in ["approve", "approve", "edit", "reject", "return"]:
        decided(verdict)
    found = record(agent)
    assert (found.decisions, found.unchanged) == (5, 2)
    low = share(2, 5).low
    assert gate(agent, "approved_unchanged").said == f"{low:.3f} of 0.95"


def test_another_suggestion_than_the_first_is_not_what_would_have_passed(
    agent: Any, propose: Any, ana: Any, decided: Any
) -> None:
    from approvals.deciding import decide
    from tests.conftest import suggestion_body

    proposal = propose(
        suggestions=[suggestion_body(), suggestion_body(rank=2, arguments={"order_id": "#W1", "amount": 2})]
    )
    second = proposal.suggestions.get(rank=2)
    decide.approve(second, reviewer=ana, actor=actor_of(ana), shown_digest=second.action_digest)
    assert (record(agent).decisions, record(agent).unchanged) == (1, 0)


def test_what_no_person_decided_does_not_count(agent: Any, propose: Any, decided: Any, ana: Any) -> None:
    from suggestions.answering.withdraw import withdraw

    withdraw(propose().pk, agent=agent)
    in_force("version: 1\ndefaults: {verdict: block}")
    propose()
    assert record(agent).decisions == 0


def test_the_stage_begins_a_new_record(agent: Any, decided: Any, pia: Any) -> None:
    carried_out(decided())
    autonomy.raise_stage(agent, "refund_payment", 3, by=pia, actor=actor_of(pia), reason="x")
    # The tests run in one transaction, whose clock stands still: the change is after what was.
    Autonomy.objects.update(since=gates_after())
    assert (record(agent).decisions, record(agent).ended) == (0, 0)


def gates_after() -> Any:
    from datetime import UTC, datetime, timedelta

    return datetime.now(UTC) + timedelta(seconds=1)


def test_answered_samples_are_decisions_and_unanswered_ones_never_are(
    agent: Any, decided: Any, propose: Any, ana: Any
) -> None:
    for answer in ["right", "right", "wrong", "expired"]:
        checked(propose(), answer, ana)
    found = record(agent)
    assert (found.decisions, found.unchanged, found.sampled, found.unanswered) == (3, 2, 3, 1)
    assert gate(agent, "decisions").help == "3 of them by checking afterwards; 1 checks were not answered"


@pytest.mark.parametrize(
    ("receipt", "status", "verified"),
    [
        ({"verified": True}, "succeeded", 1),
        ({"verified": True, "reported_by": "support-bot"}, "succeeded", 1),
        ({"verified": None, "http_status": 200}, "succeeded", 0),
        ({"verified": None, "reported_by": "support-bot"}, "succeeded", 0),
        ({"verified": None, "reported_by": "support-bot", "marked_done_by": "Olga"}, "succeeded", 1),
        ({"verified": None, "settled_by": "Olga"}, "succeeded", 1),
        ({"verified": True}, "failed", 0),
        ({"verified": True}, "needs_attention", 0),
    ],
)
def test_a_success_is_verified_by_proof_not_by_the_agents_word(
    agent: Any, decided: Any, receipt: dict[str, Any], status: str, verified: int
) -> None:
    carried_out(decided(), receipt, status)
    assert (record(agent).ended, record(agent).verified) == (1, verified)


def test_one_step_on_the_agents_word_alone_spoils_it(agent: Any, decided: Any) -> None:
    from execution.models import Execution, Step

    carried_out(decided())
    Step.objects.create(
        execution=Execution.objects.get(),
        position=1,
        name="mail",
        status="completed",
        receipt={"reported_by": "support-bot", "verified": None},
    )
    assert record(agent).verified == 0


def ece(said: list[tuple[float | None, bool]]) -> float:
    """The formula as it is written, bin by bin."""
    bins: list[list[tuple[float, bool]]] = [[] for _ in range(10)]
    for confidence, right in said:
        bins[min(int((confidence or 0) * 10), 9)].append((confidence or 0, right))
    return sum(
        len(b) / len(said) * abs(sum(r for _, r in b) / len(b) - sum(c for c, _ in b) / len(b))
        for b in bins
        if b
    )


@searched(25)
@given(
    st.lists(
        st.tuples(st.none() | st.sampled_from([0.0, 0.05, 0.1, 0.15, 0.55, 0.9, 0.99, 1.0]), st.booleans()),
        min_size=1,
        max_size=12,
    )
)
def test_the_calibration_error_is_what_the_formula_says(
    agent: Any, decided: Any, said: list[tuple[float | None, bool]]
) -> None:
    from django.db import transaction

    with transaction.atomic():
        for confidence, right in said:
            decided("approve" if right else "reject", confidence=confidence)
        found = record(agent)
        transaction.set_rollback(True)
    assert found.calibration_error == pytest.approx(ece(said), abs=1e-9)
    assert found.unstated == sum(confidence is None for confidence, _ in said)


def test_silence_about_confidence_looks_like_what_it_is(agent: Any, decided: Any) -> None:
    decided(confidence=None)
    found = gate(agent, "calibration_error")
    assert (found.passed, found.said) == (False, "1.000, at most 0.1")
    assert found.help == "1 of 1 without a stated confidence"


def test_an_open_incident_is_in_the_way_until_it_is_closed(agent: Any, harmless: Any, pia: Any) -> None:
    for action in ("refund_payment", ""):
        incident = autonomy.demote(agent, action, Incident.Kind.REPORTED, "x", SYSTEM)
        assert (gate(agent, "incidents").passed, gate(agent, "incidents").said) == (False, "1 open")
        incidents.close_incident(incident, by=pia, actor=actor_of(pia), reason="seen")
        assert gate(agent, "incidents").passed
    register({**HARMLESS, "name": "other"}, actor=SYSTEM)
    autonomy.demote(agent, "other", Incident.Kind.REPORTED, "x", SYSTEM)
    assert gate(agent, "incidents").passed


def test_the_policy_has_to_be_validated(agent: Any, reviewed: Any, harmless: Any) -> None:
    assert gate(agent, "policy").passed
    type(reviewed).objects.update(score=None)
    assert (gate(agent, "policy").passed, gate(agent, "policy").said) == (False, "not validated")


@pytest.mark.parametrize(
    "hazard",
    [
        {"reversibility": "irreversible"},
        {"data_classes": ["financial"]},
        {"data_classes": ["health"]},
    ],
)
def test_beyond_stage_2_the_policy_names_what_is_hazardous(agent: Any, db: None, hazard: Any) -> None:
    register({**HARMLESS, **hazard}, actor=SYSTEM)
    in_force("version: 1\ndefaults: {verdict: review}")
    assert not gate(agent, "named").passed
    Autonomy.objects.create(agent=agent, action="refund_payment", stage=1)
    assert "named" not in {g.name for g in measured_now(agent, "refund_payment").gates}
    Autonomy.objects.all().delete()
    in_force("version: 1\nmay_pass: [refund_payment]\ndefaults: {verdict: review}")
    assert gate(agent, "named").passed


def test_an_operator_may_ask_for_more_and_of_two_words_the_stricter_counts(
    agent: Any, harmless: Any, pia: Any
) -> None:
    said = {"by": pia, "actor": actor_of(pia), "reason": "money"}
    set_bounds("", Bounds(decisions=100, calibration_error=0.05), **said)
    set_bounds("refund_payment", Bounds(decisions=80, verified_success=1.0), **said)
    assert gate(agent, "decisions").said == "0 of 100 decisions"
    assert gate(agent, "verified_success").said == "0.000 of 1"


def test_only_the_newest_are_looked_at(agent: Any, decided: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(gates, "LOOKED_AT", 3)
    for verdict in ["reject", "reject", "approve", "approve", "approve"]:
        decided(verdict)
    found = record(agent)
    assert found.decisions == 3


def test_many_pairs_cost_no_more_queries_than_one(
    agent: Any, decided: Any, django_assert_max_num_queries: Any
) -> None:
    decided()
    pair = measured_now(agent, "refund_payment").pair
    with django_assert_max_num_queries(5):
        assert len(gates.measure([pair] * 12)) == 12


@pytest.mark.parametrize(("error", "bar"), [(None, 0.0), (0.05, 0.05), (0.21, 0.21), (1.0, 1.0)])
def test_the_bar_of_the_calibration_error_is_the_error(error: float | None, bar: float) -> None:
    record = gates.Record(decisions=9, calibration_error=error)
    found = {one.name: one for one in gates._record_gates(record, DEFAULTS)}
    assert (found["calibration_error"].way, found["calibration_error"].is_error) == (bar, True)
    assert not found["decisions"].is_error
