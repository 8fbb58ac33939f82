"""Figures of effects: what was proved, what nobody looked for, what nobody knows."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now

from execution.models import Attempt, Execution, Step
from insights.effects import figures
from insights.effects.figures import Filters, page
from reviewapp.processes import metrics
from tests.approvals.deciding.test_decide import approve
from tests.approvals.desk.test_views import browser
from tests.queries import same_queries_at

pytestmark = pytest.mark.django_db
URL = "/governance/effects/"


@pytest.fixture
def ended(propose: Any, ana: Any) -> Any:
    """`ended(status, verdict, receipt)` is an execution that came to that."""

    def make(status: str = "succeeded", verdict: str = "", receipt: Any = None, **columns: Any) -> Execution:
        proposal = propose()
        approve(proposal, ana)
        execution = Execution.objects.get(proposal=proposal)
        Execution.objects.filter(pk=execution.pk).update(status=status, verdict=verdict, **columns)
        if receipt is not None:
            Step.objects.filter(execution=execution).update(receipt=receipt, status="completed")
        return execution

    return make


def in_doubt(execution: Execution) -> None:
    step = execution.steps.first()
    Attempt.objects.create(step=step, number=1, route="x", fence=1, outcome="unknown")


def test_a_claim_is_no_proof_and_what_nobody_knows_is_no_failure(ended: Any) -> None:
    for verdict in ("verified", "verified", "unverified", "unverifiable"):
        ended(verdict=verdict)
    ended("needs_attention", "mismatch")
    ended("failed")
    in_doubt(ended("needs_attention"))
    ended("needs_attention")
    ended("cancelled")

    [row] = page(Filters()).rows

    assert (row.ended, row.verified, row.unverified, row.unverifiable, row.mismatch) == (8, 2, 1, 1, 1)
    assert (row.failed, row.unknown, row.waiting, row.judged) == (1, 1, 1, 5)


def test_what_ended_before_verdicts_were_kept_is_judged_by_its_receipts(ended: Any) -> None:
    ended(receipt={"verified": True})
    ended(receipt={"verified": None, "reported_by": "support-bot"})
    [row] = page(Filters()).rows
    assert (row.verified, row.unverified) == (1, 1)


def test_only_the_span_and_what_is_asked_for_count(ended: Any) -> None:
    ended(verdict="verified")
    ended(verdict="mismatch", created_at=Now() - timedelta(days=20))
    assert [page(Filters(days=days)).rows[0].mismatch for days in (7, 30)] == [0, 1]
    assert page(Filters(agent="support-bot", action="refund_payment")).rows
    assert not page(Filters(agent="other-bot")).rows
    assert not page(Filters(action="other")).rows


def test_the_newest_count_where_there_are_many(ended: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(figures, "MOST", 2)
    ended(verdict="mismatch")
    ended(verdict="verified")
    ended(verdict="verified")
    [row] = page(Filters()).rows
    assert (row.ended, row.verified, row.mismatch) == (2, 2, 0)


def test_pages_hold_each_pair_once(ended: Any, monkeypatch: Any, ana: Any, api_as: Any) -> None:
    monkeypatch.setattr(figures, "PAGE", 2)
    for action in "cab":
        ended(verdict="verified", action=action)
    first = page(Filters())
    assert ([row.action for row in first.rows], first.next) == (["a", "b"], ("support-bot", "b"))
    assert [row.action for row in page(Filters(), after=("support-bot", "b")).rows] == ["c"]

    api = api_as(ana).get("effects/").json()
    rest = api_as(ana).get(f"effects/?cursor={api['next']}").json()
    assert [one["action"] for one in [*api["pairs"], *rest["pairs"]]] == ["a", "b", "c"]
    assert rest["pairs"][0]["verified"]["count"] == 1
    html = browser(ana).get(URL).content.decode()
    assert "after_action=b" in html


def test_the_page_says_each_verdict_in_words(ended: Any, ana: Any) -> None:
    assert "Nothing came to an end in 30 days" in browser(ana).get(URL).content.decode()
    for verdict in ("verified", "unverified", "unverifiable", "mismatch"):
        ended(verdict=verdict)
    in_doubt(ended("needs_attention"))
    html = browser(ana).get(f"{URL}?days=7").content.decode()
    for word in ("verified", "not verified", "could not be verified", "not as claimed", "outcome unknown"):
        assert word in html
    assert 'class="proof proof-mismatch"' in html


def test_it_asks_as_often_for_twelve_as_for_one(ended: Any, ana: Any) -> None:
    client = browser(ana)

    def add(n: int) -> None:
        ended(verdict="verified", action=f"action-{n}")

    def ask() -> int:
        return client.get(URL).content.decode().count("<code>action-")

    same_queries_at(1, 12, add, ask)


def test_metrics_tell_verdicts_unknown_outcomes_and_open_incidents_apart(ended: Any, agent: Any) -> None:
    from governance.models import Incident

    ended(verdict="verified")
    ended("needs_attention", "mismatch")
    in_doubt(ended("needs_attention"))
    Incident.objects.create(kind="mismatch", detail="x")
    text = metrics.page().decode()
    for line in (
        'reviewapp_executions_by_verdict{verdict="verified"} 1.0',
        'reviewapp_executions_by_verdict{verdict="unverified"} 0.0',
        'reviewapp_executions_by_verdict{verdict="mismatch"} 1.0',
        "reviewapp_unknown_executions 1.0",
        'reviewapp_open_executions{status="needs_attention"} 2.0',
        'reviewapp_open_incidents{kind="mismatch"} 1.0',
        "reviewapp_untaken_incidents 0.0",
    ):
        assert line in text
