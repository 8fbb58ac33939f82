"""Stage 1: what was approved is carried out by the agent or a person; the system only proves it."""

from __future__ import annotations

from typing import Any

import pytest

from execution.desk import attend
from execution.models import Attempt, Execution
from execution.running import overdue
from governance.models import Autonomy
from tests.conftest import actor_of
from tests.execution.conftest import run_to_rest, step, tamper, tried, workflow

pytestmark = pytest.mark.django_db


@pytest.fixture
def assisted(agent: Any) -> Any:
    return Autonomy.objects.create(agent=agent, action="refund_payment", stage=1)


def plan(shop: Any) -> Any:
    expect = "response.json.refunded >= args.amount"
    verify = {"method": "GET", "url": f"{shop.url}/order", "expect": expect, "within": "1ms"}
    return workflow(step(f"{shop.url}/refunds", verify=verify), step(f"{shop.url}/mail", name="mail"))


def test_nothing_is_called_at_stage_1_and_the_report_is_proved(
    approved: Any, shop: Any, api: Any, assisted: Any
) -> None:
    execution = approved(plan(shop))
    assert (execution.status, execution.assisted) == ("handed_back", True)

    shop.will("/order", (200, {"refunded": 54.04}, {}))
    answer = api.post(f"proposals/{execution.proposal_id}/result/", {"outcome": "succeeded"})
    assert answer.json()["status"] == "scheduled"
    execution = run_to_rest(execution)

    assert execution.status == "succeeded"
    assert (shop.asked("/refunds"), shop.asked("/mail")) == ([], [])
    receipts = [s.receipt for s in execution.steps.all()]
    assert [r["verified"] for r in receipts] == [True, None]
    assert {r["reported_by"] for r in receipts} == {"support-bot"}


def test_a_report_that_is_not_true_goes_to_a_person_and_a_retry_back_to_the_agent(
    approved: Any, shop: Any, api: Any, assisted: Any, olga: Any
) -> None:
    execution = approved(plan(shop))
    shop.will("/order", (200, {"refunded": 0}, {}))
    api.post(f"proposals/{execution.proposal_id}/result/", {"outcome": "succeeded"})
    execution = run_to_rest(execution)
    assert execution.status == "needs_attention"

    attend.retry(execution, by=olga)
    execution = run_to_rest(execution)

    assert execution.status == "handed_back"
    assert (shop.asked("/refunds"), shop.asked("/mail")) == ([], [])
    assert [outcome for _, outcome in tried(execution)] == ["succeeded", "succeeded"]


def test_a_person_may_carry_it_out_and_say_how_they_know(
    approved: Any, shop: Any, assisted: Any, olga: Any
) -> None:
    execution = approved(plan(shop))
    attend.mark_done(execution, by=olga, evidence="seen in the books", actor=actor_of(olga))
    execution.refresh_from_db()
    assert (execution.status, Attempt.objects.count()) == ("succeeded", 0)


def test_silence_ends_with_a_person(approved: Any, shop: Any, assisted: Any) -> None:
    execution = approved(plan(shop))
    tamper("UPDATE execution_execution SET deadline = now() - interval '1 second'")
    assert overdue.end_what_is_overdue() == 1
    assert Execution.objects.get(pk=execution.pk).status == "needs_attention"


def test_the_stage_counts_as_it_is_when_somebody_approves(approved: Any, shop: Any, assisted: Any) -> None:
    Autonomy.objects.update(stage=2)
    execution = approved(plan(shop))
    Autonomy.objects.update(stage=1)
    shop.will("/order", (200, {"refunded": 60}, {}))
    assert run_to_rest(execution).status == "succeeded"
    assert len(shop.asked("/refunds")) == 1


def test_nobody_is_asked_to_carry_it_out_while_a_kill_switch_is_on(
    approved: Any, shop: Any, assisted: Any, olga: Any
) -> None:
    from execution.halting import release
    from governance.trust import halts

    halt = halts.throw("everything", reason="look first", by=olga, actor=actor_of(olga))
    execution = approved(plan(shop))
    assert (execution.status, execution.assisted) == ("scheduled", True)
    release.lift(halt, reason="seen", by=olga, actor=actor_of(olga))
    release.settle()
    assert run_to_rest(execution).status == "handed_back"
    assert shop.asked("/refunds") == []
