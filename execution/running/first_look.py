"""Before the first attempt: whether it still is as those who decided were shown it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from execution.healing.endings import ask_person, put_off
from execution.holding.lease import Lease
from execution.holding.workflow import Workflow, WorkflowStep
from execution.looking import premise, stale
from execution.models import Execution
from execution.models.work import Work
from execution.running import moves
from governance.expressions.known_facts import NO_LOOK


def is_due(workflow: Workflow | None, work: Work) -> bool:
    """Whether there is something to look at, and nothing was tried yet."""
    return bool(workflow and workflow.look) and not any(one.attempts for one in work.steps)


def look_first(lease: Lease, work: Work, plan: WorkflowStep) -> bool:
    """Look, outside of any transaction. False when the turn is over: what has moved goes back to its
    reviewers, and where there is no answer the execution waits, as the step that is next has it for calls."""
    found = premise.check(work)
    if found is None or found.holds:
        return True
    if found.reason:
        stale.return_to_reviewers(work.execution, found, hold=lease.write)
    elif found.tries < plan.retry.attempts and found.waited < plan.retry.within:
        put_off(lease, work.execution, moves.wait_before(plan, found.tries))
    else:
        why = f"Nothing was sent, for what is there now can't be seen. {found.unanswered}"
        ask_person(lease, work.execution, why)
    return False


def seen(workflow: Workflow | None, execution: Execution) -> Mapping[str, Any]:
    """What was there before it began, as the fact `look` of its steps."""
    return premise.last_look(execution) if workflow and workflow.look else NO_LOOK
