"""Incidents and effects as people see them: none, one, many and hostile ones."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now

from audit.ground.actors import SYSTEM
from execution.incidents import attention
from execution.incidents.incidents import open_incident
from execution.models import Attempt, Execution, Step
from governance.models import Agent, Incident, Team
from governance.trust import incidents
from tests.approvals.deciding.test_decide import approve
from tests.browser.looks import check
from tests.conftest import actor_of, suggestion_body

Visit = Callable[..., Any]
HOSTILE = "<script>alert(1)</script> Sorry\u202e " + "verylongword" * 12
Kind = Incident.Kind


@pytest.fixture
def carried_out(propose: Any, ana: Any) -> list[Execution]:
    """One execution of each verdict, one that failed, one of which nobody knows."""

    def come_to(number: int, status: str, verdict: str) -> Execution:
        arguments = {"order_id": f"#W{number}", "amount": 10 + number, "note": HOSTILE}
        proposal = propose(suggestions=[suggestion_body(arguments=arguments)])
        approve(proposal, ana)
        execution = Execution.objects.select_related("proposal__agent", "proposal__team").get(
            proposal=proposal
        )
        receipt = {"route": "1. POST http://shop/refunds", "http_status": 200}
        Execution.objects.filter(pk=execution.pk).update(
            status=status, verdict=verdict, reason=HOSTILE if status == "needs_attention" else ""
        )
        Step.objects.filter(execution=execution).update(receipt=receipt, verdict=verdict)
        return execution

    ended = [
        come_to(1, "succeeded", "verified"),
        come_to(2, "succeeded", "unverified"),
        come_to(3, "succeeded", "unverifiable"),
        come_to(4, "needs_attention", "mismatch"),
        come_to(5, "failed", ""),
        come_to(6, "needs_attention", ""),
    ]
    Attempt.objects.create(step=ended[5].steps.first(), number=1, route="x", fence=1, outcome="unknown")
    for execution in (ended[3], ended[5]):
        attention.ask_team(execution)
    return ended


@pytest.fixture
def mismatch(carried_out: list[Execution]) -> Incident:
    """What happened three times."""
    for execution in carried_out[2:5]:
        found = open_incident(Kind.MISMATCH, "refund", execution=execution, detail=f"Not there. {HOSTILE}")
    return found


@pytest.fixture
def many(mismatch: Incident, carried_out: list[Execution], ana: Any, ben: Any, pia: Any) -> Incident:
    """Open, taken on, escalated, closed ones, of teams and agents."""
    operations = Team.objects.get(pk="operations")
    Team.objects.get_or_create(slug="finance", defaults={"name": "Finance, accounting and everything else"})
    agent = Agent.objects.create(name=f"agent-{'with-a-long-name-' * 4}x", owner=pia)
    opened = {
        kind: incidents.open_incident(
            kind, HOSTILE, actor=SYSTEM, cause=kind, agent=agent, action="a" * 128, team=operations
        ).incident
        for kind in Kind
        if kind != Kind.MISMATCH
    }
    incidents.acknowledge(opened[Kind.PAST_DEADLINE], by=ana, actor=actor_of(ana))
    closed = opened[Kind.VOLUME_STOPPED]
    incidents.close_incident(closed, by=ben, actor=actor_of(ben), reason=HOSTILE, found_to_be="expected")
    for kind, to in ((Kind.SUCCESS_FELL, "finance"), (Kind.DISPROVED, None)):
        Incident.objects.filter(kind=kind).update(
            escalated_at=Now() - timedelta(hours=1), escalated_to=to, reminders=3
        )
    incidents.note(mismatch, by=ana, actor=actor_of(ana), text=HOSTILE)
    incidents.note(mismatch, by=ben, actor=actor_of(ben), text="Asked the shop.\nThey look into it.")
    return mismatch


def test_no_incident(visit: Visit, ana: Any) -> None:
    check(visit(ana, "/incidents/"), "no incident")


def test_many_incidents(visit: Visit, many: Incident, ana: Any) -> None:
    check(visit(ana, "/incidents/?show="), "incidents")


def test_one_incident(visit: Visit, many: Incident, ana: Any) -> None:
    check(visit(ana, f"/incidents/{many.pk}/"), "incident")


def test_a_closed_incident(visit: Visit, many: Incident, ana: Any) -> None:
    closed = Incident.objects.get(kind=Kind.VOLUME_STOPPED)
    check(visit(ana, f"/incidents/{closed.pk}/"), "closed incident")


def test_it_is_taken_on_noted_and_closed(visit: Visit, mismatch: Incident, ana: Any) -> None:
    page = visit(ana, f"/queue/{mismatch.executions.first().execution.proposal_id}/")
    page.click("text=done, but not as claimed")
    page.click("text=I take it on")
    page.wait_for_selector("text=Nobody is reminded of it any more")
    page.fill("textarea[name=text]", "Asked the shop.")
    page.click("text=Add the note")
    page.wait_for_selector("li >> text=Asked the shop.")
    page.select_option("select[name=found_to_be]", "service")
    page.fill("textarea[name=reason]", "They mended it.")
    page.click("text=Close the incident")
    page.wait_for_selector("text=has to be earned again")
    assert Incident.objects.get().closed_by == ana


def test_no_effects(visit: Visit, ana: Any) -> None:
    check(visit(ana, "/governance/effects/"), "no effects")


def test_effects(visit: Visit, many: Incident, ana: Any) -> None:
    check(visit(ana, "/governance/effects/"), "effects")


def test_the_case_tells_what_was_found(visit: Visit, many: Incident, carried_out: Any, ana: Any) -> None:
    check(visit(ana, f"/queue/{carried_out[3].proposal_id}/"), "case not as claimed")


def test_an_unknown_outcome_is_said_to_be_one(visit: Visit, carried_out: Any, ana: Any, olga: Any) -> None:
    page = visit(olga, "/executions/")
    assert page.locator("text=outcome unknown").count() == 1
    check(page, "executions with verdicts")
