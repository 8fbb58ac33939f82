"""Telling whoever looks or waits that an execution changed."""

from __future__ import annotations

from functools import partial
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F

from audit.ground.announce import announce_executions
from execution.models import Execution
from suggestions.answering import callbacks
from suggestions.models import Proposal


def changed(execution: Execution) -> None:
    """Let open pages draw the proposal again; in the transaction of the change."""
    Proposal.objects.filter(pk=execution.proposal_id).update(version=F("version") + 1)
    hint(execution.proposal_id)


def hint(proposal: UUID) -> None:
    """Tell open pages that what comes of it changed, came or went, once that is committed."""
    transaction.on_commit(partial(announce_executions, proposal), robust=True)


def owe_agent(execution: Execution, status: str, reason: str = "") -> None:
    """Promise the agent the news that this execution came to rest; what is handed back comes with the
    go-ahead: what exactly was approved, and where to begin it."""
    data: dict[str, Any] = {
        "execution": str(execution.pk),
        "status": status,
        "action_digest": execution.action_digest,
        "reason": reason,
    }
    if status == Execution.Status.HANDED_BACK:
        action_type = execution.suggestion.action_type
        data |= {
            "action": action_type.name,
            "version": action_type.version,
            "arguments": execution.proposal.resolution.arguments,
            "begin": f"/api/v1/proposals/{execution.proposal_id}/execution/begin/",
        }
    callbacks.owe(execution.proposal, f"execution.{status}", data)
