"""Nothing has begun yet: an execution in its grace period is taken away again."""

from __future__ import annotations

from typing import Any

from audit.ground.actors import Actor
from audit.ground.refusals import Refusal
from audit.log.record import record
from audit.statements.prepared import execute
from execution.holding import news
from execution.models import Execution
from suggestions.models import Proposal

# A worker that takes it meanwhile waits for this lock, and then finds nothing to take.
_TAKE_AWAY = """
SELECT id FROM execution_execution
 WHERE proposal_id = %s AND status = 'scheduled' AND fence = 0 AND due_at > statement_timestamp()
   FOR UPDATE
"""


class TooLateToUndo(Refusal):
    detail = "Its grace period is over: it is being carried out, or was."


def take_away(proposal: Proposal, *, actor: Actor) -> None:
    """Delete the execution of a locked proposal before its grace period ends; raises `TooLateToUndo`."""
    found: list[tuple[Any, ...]] = execute(_TAKE_AWAY, [proposal.pk])
    if not found:
        raise TooLateToUndo
    Execution.objects.filter(pk=found[0][0]).delete()
    record("execution.undone", actor=actor, proposal=proposal.pk, data={"execution": str(found[0][0])})
    news.hint(proposal.pk)
