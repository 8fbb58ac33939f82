"""Executions that were taken away, as pages show them: by whom and why, and what had been tried."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from django.utils.dateparse import parse_datetime

from audit.ground.unseen import Piece, pieces, shown
from execution.models import Attempt, FormerExecution, Step

OPEN, COMPLETED = Attempt.Outcome.OPEN, Step.Status.COMPLETED


def of_proposal(proposal_id: UUID) -> list[dict[str, Any]]:
    """Those of a proposal, the newest first."""
    return [drawn(former) for former in FormerExecution.objects.of(proposal_id)]


def drawn(former: FormerExecution) -> dict[str, Any]:
    """What `execution/board/_former.html` draws; the story was kept as the API tells it."""
    story = former.story
    return {
        "id": former.pk,
        "by": shown(former.by.printed_name),
        "at": former.at,
        "reason": pieces(former.reason),
        "ended": pieces(story["reason"]),
        "steps": [_step(step) for step in story["steps"]],
        "signals": [
            {"name": shown(one["signal"]), "by": shown(one["by"]), "at": _moment(one["at"]), **_data(one)}
            for one in story["signals"]
        ],
        "by_hand": [_by_hand(task) for task in story["by_hand"]],
    }


def _step(step: dict[str, Any]) -> dict[str, Any]:
    status = Step.Status(step["status"])
    return {
        "shown": shown(step["name"]),
        "status": "succeeded" if status == COMPLETED else status.value,
        "status_label": status.label,
        "verdict": step["verdict"],
        "attempts": [_attempt(attempt) for attempt in step["attempts"]],
    }


def _attempt(attempt: dict[str, Any]) -> dict[str, Any]:
    outcome = Attempt.Outcome(attempt["outcome"])
    answered = f"HTTP {attempt['http_status']}." if attempt["http_status"] else ""
    return {
        "number": attempt["number"],
        "route": shown(attempt["route"]),
        "status": outcome.value,
        "status_label": outcome.label,
        "started": _moment(attempt["started_at"]),
        "finished": _moment(attempt["finished_at"]),
        "answered": "" if answered.strip(".") in attempt["detail"] else answered,
        "detail": pieces(attempt["detail"]),
        "response": pieces(attempt["response"]),
    }


def _by_hand(task: dict[str, Any]) -> dict[str, Any]:
    return {
        "step": shown(task["step"]),
        "by": shown(task["by"] or ""),
        "at": _moment(task["at"]),
        "comment": pieces(task["comment"]),
        "answer": _json(task["answer"]) if task["answer"] else [],
    }


def _data(signal: dict[str, Any]) -> dict[str, list[Piece]]:
    return {"data": _json(signal["data"])}


def _json(value: Any) -> list[Piece]:
    return pieces(json.dumps(value, ensure_ascii=False))


def _moment(text: str | None) -> Any:
    return parse_datetime(text) if text else None
