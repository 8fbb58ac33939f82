"""What passed by itself and fails too often costs the trust that let it pass."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connections

from audit.ground.actors import SYSTEM
from execution.models import Execution
from execution.running.run import run
from execution.running.schedule import adopt
from governance.actions.action_types import register
from governance.models import Autonomy, Incident
from governance.trust.gate_bounds import Bounds, set_bounds
from tests.conftest import DEPLOYED, REFUND, actor_of, in_force
from tests.execution.conftest import step, workflow

pytestmark = pytest.mark.django_db


@pytest.fixture
def passed(propose: Any, trusted: Any, shop: Any) -> Any:
    """`passed(n)` lets n proposals pass by the policy and returns their executions, ready to run."""
    register({**REFUND, "workflow": workflow(step(f"{shop.url}/refunds"))}, actor=SYSTEM)
    in_force("version: 1\ndefaults: {verdict: auto_approve, sample: 0}")

    def let(n: int) -> list[Any]:
        ids = [propose(provenance=DEPLOYED).pk for _ in range(n)]
        adopt()
        found = Execution.objects.filter(proposal__in=ids)
        assert [e.passed for e in found] == [True] * n
        return list(found)

    return let


def stage() -> int:
    return Autonomy.objects.get().stage


def test_two_failures_are_chance_and_three_are_not(passed: Any, shop: Any) -> None:
    shop.will("/refunds", 404)
    executions = passed(4)
    for execution in executions[:2]:
        run(execution.pk)
    assert (stage(), Incident.objects.count()) == (4, 0)

    run(executions[2].pk)

    assert stage() == 2
    incident = Incident.objects.get()
    assert (incident.kind, incident.proposal) == ("failures", executions[2].proposal_id)
    assert incident.detail == "3 of the last 3 that passed by themselves failed or needed a person."
    run(executions[3].pk)
    assert Incident.objects.count() == 1


def test_what_fell_out_of_sight_and_what_was_before_the_stage_does_not_count(
    passed: Any, shop: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr("execution.incidents.failures.LOOKED_AT", 3)
    shop.will("/refunds", 404, 404, 201, 404, 404)
    for execution in passed(5):
        run(execution.pk)
    assert stage() == 4  # of the last three two failed
    Autonomy.objects.update(since=Execution.objects.latest("created_at").created_at)
    shop.will("/refunds", 404)
    for execution in passed(2):
        run(execution.pk)
    assert stage() == 2  # with the one at whose moment the stage began


def test_what_people_approved_does_not_count(approved: Any, trusted: Any, shop: Any) -> None:
    shop.will("/refunds", 404)
    for _ in range(4):
        run(approved(workflow(step(f"{shop.url}/refunds"))).pk)
    assert Execution.objects.filter(status="needs_attention", passed=False).count() == 4
    assert stage() == 4


def test_an_operator_may_ask_for_fewer(passed: Any, shop: Any, pia: Any) -> None:
    set_bounds("refund_payment", Bounds(failures=0), by=pia, actor=actor_of(pia), reason="money")
    shop.will("/refunds", 404)
    [execution] = passed(1)
    run(execution.pk)
    assert stage() == 2


@pytest.mark.django_db(transaction=True)
def test_of_failures_at_one_moment_none_is_overlooked(passed: Any, shop: Any) -> None:
    shop.will("/refunds", 404)
    executions = passed(3)

    def go(execution: Any) -> None:
        run(execution.pk)
        connections.close_all()

    with ThreadPoolExecutor(3) as threads:
        list(threads.map(go, executions))
    assert (stage(), Incident.objects.count()) == (2, 1)
