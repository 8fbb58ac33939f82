"""What carrying it out came to: steps, attempts, and a kill switch that holds it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from django.urls import reverse

from approvals.showing.arguments import as_text
from audit.ground.unseen import pieces, shown
from execution.board.edit import edit_url
from execution.board.offers import offer_for
from execution.board.one import incidents_of
from execution.desk.asked import receipt_for
from execution.desk.attend import CAN_BE_CANCELLED
from execution.desk.doubt import in_doubt, settling
from execution.desk.read import attention_of
from execution.models import Execution, Step
from governance.models import Halt, User
from suggestions.answering.present import halt_of
from suggestions.models import Proposal, Suggestion


class Evidence(NamedTuple):
    """What somebody wrote as evidence, and of which event that was."""

    type: str
    step: str
    at: datetime
    text: str


def evidence_of(steps: Iterable[Step]) -> Iterator[Evidence]:
    """What people wrote about steps that they settled, skipped or called done."""
    for step in steps:
        for attempt in step.attempts.all():
            if found := attempt.found:
                at = datetime.fromisoformat(found["at"])
                yield Evidence("step.settled", step.name, at, found["evidence"])
        receipt = step.receipt if isinstance(step.receipt, dict) else {}
        if step.completed_at and "skipped_by" in receipt:
            yield Evidence("step.skipped", step.name, step.completed_at, receipt["evidence"])
        if step.completed_at and "marked_done_by" in receipt:
            yield Evidence("execution.marked_done", "", step.completed_at, receipt["evidence"])


def execution_of(proposal: Proposal, reader: User) -> dict[str, Any] | None:
    if proposal.status != Proposal.Status.APPROVED:
        return None
    found = Execution.objects.filter(proposal=proposal).select_related("suggestion__action_type")
    execution = found.with_doubt().prefetch_related("steps__attempts").first()
    if execution is None or not reader.has_perm("execution.view_execution"):
        return None
    can_retry = (
        reader.has_perm("execution.attend_execution") and execution.status == Execution.Status.NEEDS_ATTENTION
    )
    return {
        "id": str(execution.pk),
        "url": reverse("execution:one", args=[execution.pk]),
        **_status(execution),
        "verdict": execution.verdict,
        "waits_for": attention_of(execution),
        "incidents": incidents_of(execution, reader),
        "reason": pieces(execution.reason),
        "offer": offer_for(execution, reader),
        "can_retry": can_retry,
        "round": execution.round,
        "in_doubt": in_doubt(execution),
        **settling(execution, attends=reader.has_perm("execution.attend_execution")),
        "done_url": reverse("execution:mark-done", args=[execution.pk])
        if reader.has_perm("execution.attend_execution")
        and execution.status in (Execution.Status.NEEDS_ATTENTION, Execution.Status.HANDED_BACK)
        else "",
        "edit_url": edit_url(execution, reader),
        "retry_url": reverse("execution:retry", args=[execution.pk]) if can_retry else "",
        "cancel_url": reverse("execution:cancel", args=[execution.pk])
        if reader.has_perm("execution.attend_execution") and execution.status in CAN_BE_CANCELLED
        else "",
        "steps": [_step(step) for step in execution.steps.all()],
        "evidence": list(evidence_of(execution.steps.all())),
    }


def _status(execution: Execution) -> dict[str, str]:
    """That nobody knows what came of it is no failure, and is said in its own words."""
    if execution.status == Execution.Status.NEEDS_ATTENTION and execution.doubtful_step:
        return {"status": "unknown", "status_label": "outcome unknown"}
    return {"status": execution.status, "status_label": execution.get_status_display()}


def held(proposal: Proposal, suggestions: Sequence[Suggestion], *, on: Sequence[Halt]) -> str:
    """Which of these kill switches holds it, by whom and since when; empty where none does."""
    halt = halt_of(proposal, suggestions, on=on)
    if halt is None:
        return ""
    thrown = f"Thrown by {shown(halt.by_name)}, {halt.at:%-d %b %H:%M} UTC."
    then = "It can be decided; what" if proposal.status == Proposal.Status.PENDING else "What"
    return f"{shown(halt.sentence)} {thrown} {then} was approved is carried out once that is lifted."


def _step(step: Any) -> dict[str, Any]:
    return {
        "name": shown(step.name),
        "status": "succeeded" if step.status == step.Status.COMPLETED else step.status,
        "status_label": step.get_status_display(),
        "verdict": step.verdict,
        "receipt": pieces(_line(receipt_for(step.receipt, None))) if step.receipt else [],
        "attempts": [_attempt(attempt) for attempt in step.attempts.all()],
    }


def _attempt(attempt: Any) -> dict[str, Any]:
    answered = f"HTTP {attempt.http_status}" if attempt.http_status else ""
    told = attempt.detail if answered in attempt.detail else f"{answered} {attempt.detail}".strip()
    return {
        "number": attempt.number,
        "route": shown(attempt.route),
        "status": "running" if attempt.outcome == attempt.Outcome.OPEN else attempt.outcome,
        "status_label": "running"
        if attempt.outcome == attempt.Outcome.OPEN
        else attempt.get_outcome_display(),
        "at": attempt.started_at,
        "detail": pieces(told),
    }


def _line(receipt: Any) -> str:
    """A receipt in one line: names and values."""
    if not isinstance(receipt, dict):
        return as_text(receipt)
    told = ((name, value) for name, value in receipt.items() if value is not None)
    return ", ".join(f"{name.replace('_', ' ')} {_short(value)}" for name, value in told)


def _short(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
