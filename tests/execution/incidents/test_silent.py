"""What fails in silence opens an incident of its team, and waits for people until somebody sees to it."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now

from audit.models import Event
from execution.desk import attend
from execution.handing_back.begin import begin
from execution.handing_back.hand_back import report_result
from execution.incidents import attention, paging
from execution.models import Attention, Execution, IncidentExecution
from execution.running import overdue
from execution.running.run import run
from governance.models import Incident, Team
from insights.trust.gates import measured_now
from suggestions.models import Proposal
from tests.execution.conftest import run_to_rest, step, workflow

pytestmark = pytest.mark.django_db
LONG_AGO = timedelta(days=1)


def checked(shop: Any, *routes: Any, expect: str = "response.status == 200") -> Any:
    """A step whose effect is asked for at `/seen`."""
    verify = {"url": f"{shop.url}/seen", "expect": expect, "within": "1ms"}
    return workflow(step(*(routes or [f"{shop.url}/refunds"]), verify=verify))


def late(execution: Execution, **columns: Any) -> None:
    Execution.objects.filter(pk=execution.pk).update(deadline=Now() - LONG_AGO, **columns)
    overdue.end_what_is_overdue()


def kinds() -> list[tuple[str, int]]:
    return list(Incident.objects.order_by("id").values_list("kind", "count"))


def test_done_but_not_there_is_a_mismatch_of_its_team(approved: Any, shop: Any) -> None:
    shop.will("/seen", 404)
    execution = approved(checked(shop))
    run_to_rest(execution)

    incident = Incident.objects.get()
    assert (incident.kind, incident.team_id, incident.agent) == (
        "mismatch",
        "operations",
        execution.proposal.agent,
    )
    assert incident.detail.startswith("The service answered that step refund is done, but its effect is not")
    assert IncidentExecution.objects.get().execution == execution


def test_what_cannot_be_looked_at_is_no_mismatch(approved: Any, shop: Any) -> None:
    shop.will("/seen", "hang up")
    execution = approved(checked(shop))
    run_to_rest(execution)

    execution.refresh_from_db()
    assert (execution.status, kinds()) == ("needs_attention", [])


def test_a_report_that_the_proof_denies_is_disproved_and_speaks_against_the_agent(
    approved: Any, shop: Any
) -> None:
    shop.will("/seen", 404)
    execution = approved(checked(shop, {"kind": "handback", "within": "1h"}))
    run_to_rest(execution)
    proposal = Proposal.objects.get(pk=execution.proposal_id)
    report_result(proposal, agent=proposal.agent, outcome="succeeded")
    run_to_rest(execution)

    incident = Incident.objects.get()
    assert (incident.kind, incident.agent, incident.action) == ("disproved", proposal.agent, "refund_payment")
    assert incident.detail.startswith(f"The agent {proposal.agent.name} reported that step refund is done")
    [gate] = [one for one in measured_now(proposal.agent, "refund_payment").gates if one.name == "incidents"]
    assert (gate.passed, gate.said) == (False, "1 open")


def test_handed_back_and_never_reported(approved: Any) -> None:
    execution = approved(None)
    late(execution)
    assert kinds() == [("never_reported", 1)]
    assert Incident.objects.get().agent == execution.proposal.agent


def test_begun_by_the_agent_and_never_reported(approved: Any) -> None:
    execution = approved(None)
    proposal = Proposal.objects.get(pk=execution.proposal_id)
    begin(proposal, agent=proposal.agent, key="1", holder="", lease_seconds=60)
    Execution.objects.update(lease_until=Now() - timedelta(seconds=1))
    run(execution.pk)

    assert kinds() == [("never_reported", 1)]


def test_a_hundred_past_their_deadline_are_one_incident_of_nobody(approved: Any, shop: Any) -> None:
    plan = workflow(step(f"{shop.url}/refunds"))
    for _ in range(3):
        late(approved(plan))

    incident = Incident.objects.get()
    assert (incident.kind, incident.count, incident.agent) == ("past_deadline", 3, None)
    assert IncidentExecution.objects.filter(incident=incident).count() == 3
    told = Event.objects.filter(type__startswith="incident.").values_list("type", flat=True)
    assert [*told] == ["incident.opened", "incident.repeated", "incident.repeated"]


def test_another_team_has_its_own(approved: Any, shop: Any) -> None:
    plan = workflow(step(f"{shop.url}/refunds"))
    late(approved(plan))
    execution = approved(plan)
    finance = Team.objects.create(slug="finance", name="Finance")
    Proposal.objects.filter(pk=execution.proposal_id).update(team=finance)
    late(execution)
    assert set(Incident.objects.values_list("team", "count")) == {("operations", 1), ("finance", 1)}


# --- Waiting for people ---------------------------------------------------------------------------


def stuck(approved: Any, shop: Any) -> Execution:
    shop.will("/refunds", 404)
    execution: Execution = approved(workflow(step(f"{shop.url}/refunds")))
    run(execution.pk)
    return execution


def due(**columns: Any) -> None:
    Attention.objects.update(remind_at=Now() - LONG_AGO, **columns)


def test_what_needs_attention_is_given_to_its_team_with_a_deadline(
    approved: Any, shop: Any, settings: Any
) -> None:
    execution = stuck(approved, shop)
    asked = Attention.objects.get()
    assert (asked.execution, asked.team_id) == (execution, "operations")
    assert asked.deadline - asked.since == timedelta(seconds=settings.ATTEND_WITHIN_SECONDS)
    assert asked.remind_at == asked.since + timedelta(minutes=15)


def test_a_workflow_says_who_sees_to_it_and_how_long_they_have(approved: Any, shop: Any, olga: Any) -> None:
    finance = Team.objects.create(slug="finance", name="Finance")
    shop.will("/refunds", 404)
    attend_to = {"team": "Finance", "within": "10m"}
    execution = approved({**workflow(step(f"{shop.url}/refunds")), "attend": attend_to})
    run(execution.pk)

    asked = Attention.objects.get()
    assert (asked.team_id, asked.deadline - asked.since) == ("finance", timedelta(minutes=10))
    assert asked.remind_at == asked.escalate_at == asked.deadline

    attend.retry(execution, by=olga)
    Attention.objects.all().delete()
    finance.delete()
    run(execution.pk)
    assert Attention.objects.get().team_id == "operations"


def test_its_team_is_reminded_and_operators_are_asked_at_the_deadline(approved: Any, shop: Any) -> None:
    execution = stuck(approved, shop)
    assert paging.page_due() == 0
    due()
    assert paging.page_due() == 1
    due(escalate_at=Now() - LONG_AGO)
    assert paging.page_due() == 1

    told = Event.objects.filter(type__startswith="attention.", proposal_id=execution.proposal_id)
    facts = [(one.type, json.loads(one.body)["data"]) for one in told.order_by("id")]
    assert [name for name, _ in facts] == ["attention.reminded", "attention.escalated"]
    assert {data["team"] for _, data in facts} == {"operations"}
    asked = Attention.objects.get()
    assert (asked.reminders, asked.escalate_at) == (1, None)
    assert asked.escalated_at is not None


def test_nobody_is_told_of_what_was_seen_to_and_a_new_round_is_asked_for_anew(
    approved: Any, shop: Any, olga: Any
) -> None:
    execution = stuck(approved, shop)
    due(reminders=7, escalated_at=Now())
    attend.retry(execution, by=olga)
    assert paging.page_due() == 0
    assert Attention.objects.get().remind_at is None

    run(execution.pk)

    asked = Attention.objects.get()
    assert (asked.reminders, asked.escalated_at) == (0, None)
    assert asked.remind_at == asked.since + timedelta(minutes=15)
    assert not attention.page_again(execution.pk)
