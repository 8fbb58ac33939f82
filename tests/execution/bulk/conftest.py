"""What an outage leaves behind: executions that need attention, most of which could be tried again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F
from django.db.models.functions import Now

from execution.bulk.choosing import Chosen
from execution.bulk.start import start
from execution.models import Attempt, Attention, BulkRetry, Execution
from tests.execution.conftest import step, workflow


@pytest.fixture
def failed(approved: Callable[..., Any], shop: Any) -> Callable[..., Execution]:
    """`failed(path, outcome)` is one whose last attempt over that path ended so; people are asked."""

    def fail(path: str = "/refunds", outcome: str = "failed", **changes: Any) -> Execution:
        execution: Execution = approved(workflow(step(f"{shop.url}{path}")), **changes)
        reason = f"Step refund: every route is spent. The last answer: 503 of {path}"
        Execution.objects.filter(pk=execution.pk).update(
            status="needs_attention", reason=reason, started_at=Now()
        )
        route = f"1. POST {shop.url}{path}"
        Attempt.objects.create(
            step=execution.steps.get(), number=1, route=route, fence=1, outcome=outcome, detail="503"
        )
        Attention.objects.create(execution=execution, team_id="operations", deadline=Now())
        return execution

    return fail


def asked_by(person: Any, chosen: Chosen | None = None, **how: Any) -> BulkRetry:
    asked = {"reason": "The shop is up again.", "rate": 60, **how}
    return start(chosen or Chosen(), by=person, actor=person.as_actor(), **asked)


def later(bulk: BulkRetry, seconds: float) -> None:
    """So many seconds pass, as far as the rate is concerned."""
    BulkRetry.objects.filter(pk=bulk.pk).update(due_at=F("due_at") - timedelta(seconds=seconds))


def retried() -> int:
    return Execution.objects.filter(round=2).count()
