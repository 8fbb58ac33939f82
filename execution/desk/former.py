"""Executions that were taken away since somebody suggests other arguments, as the API tells of them."""

from __future__ import annotations

from uuid import UUID

from execution.desk.answers import ByHandAnswer, FormerAnswer, OutsideEventAnswer
from execution.models import FormerExecution, ManualTask, Signal


def told(proposal_id: UUID) -> list[FormerAnswer]:
    """Those of a proposal, the newest first."""
    return [told_one(former) for former in FormerExecution.objects.of(proposal_id)]


def told_one(former: FormerExecution) -> FormerAnswer:
    return FormerAnswer(
        id=former.pk,
        by=former.by.printed_name,
        reason=former.reason,
        at=former.at,
        action_digest=former.action_digest,
        arguments=former.approved,
        suggestion=former.suggestion_id,
        edited_digest=former.edited_digest,
        edited=former.arguments,
        story=former.story,
    )


def told_event(signal: Signal) -> OutsideEventAnswer:
    return OutsideEventAnswer(signal=signal.name, data=signal.data, by=signal.by, at=signal.at)


def told_task(task: ManualTask) -> ByHandAnswer:
    return ByHandAnswer(
        step=task.step.name,
        team=task.team_id,
        status=task.status,
        by=task.ended_by.printed_name if task.ended_by else None,
        at=task.ended_at,
        answer=task.answer,
        comment=task.comment,
    )
