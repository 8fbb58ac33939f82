"""From an approval to an execution."""

from __future__ import annotations

import structlog
from django.db import IntegrityError, connection, transaction

from audit.ground.actors import Actor
from audit.log.record import record
from audit.statements.writes import Computed, store
from execution.holding import news
from execution.holding.outbox import tell
from execution.holding.steps import REPORT, REPORT_WITHIN
from execution.holding.workflow import InvalidWorkflow, Workflow, workflow_of
from execution.incidents import attention
from execution.models import Execution, Step
from execution.models.executions import Priority
from governance.models import Autonomy, Halt
from governance.trust import halts
from suggestions.answering.news import changed
from suggestions.answering.resolve import lock
from suggestions.models import Proposal, Resolution, Suggestion

MARGIN = 600  # seconds beyond the time that every route may use up
AT_ONCE = 500
STATUS = Execution.Status
EXECUTION = Actor("system", "execution", "Execution")
_log = structlog.get_logger(__name__)


@transaction.atomic(savepoint=False)
def schedule(resolution: Resolution, *, grace_seconds: float = 0, assisted: bool = False) -> Execution:
    """Let what was approved be carried out, in the transaction that approved it or has locked the proposal.

    Where the action type has no workflow, or the agent is `assisted` in it, being at stage 1, the agent
    carries it out and reports. A workflow that cannot be run is for a person to see, never a reason to refuse
    the approval.
    """
    suggestion = resolution.suggestion
    if resolution.status != Proposal.Status.APPROVED or suggestion is None:
        raise ValueError("Only what was approved can be carried out.")
    if resolution.proposal.is_check:
        raise ValueError("A check is never carried out.")
    try:
        workflow = workflow_of(suggestion.action_type)
    except InvalidWorkflow as error:
        why = f"The workflow cannot be run: {error}"
        return _create(resolution, suggestion, [], STATUS.NEEDS_ATTENTION, reason=why)
    if workflow is None:
        why = "The agent carries it out and reports the result."
        return _hand_back(resolution, suggestion, [REPORT], why, grace=grace_seconds)
    steps = [step.name for step in workflow.steps]
    if assisted:
        why = "At stage 1 the agent or a person carries it out and reports the result."
        looks = workflow.look is not None
        return _hand_back(
            resolution, suggestion, steps, why, grace=grace_seconds, assisted=True, looks_first=looks
        )
    execution = _create(
        resolution,
        suggestion,
        steps,
        STATUS.SCHEDULED,
        lasts=grace_seconds + longest(workflow),
        grace=grace_seconds,
    )
    if grace_seconds <= 0:
        tell(execution)
    return execution


def _hand_back(
    resolution: Resolution,
    suggestion: Suggestion,
    steps: list[str],
    why: str,
    *,
    grace: float,
    assisted: bool = False,
    looks_first: bool = False,
) -> Execution:
    # Asked for it the agent would begin, so it is asked by a worker: once the approval can't be undone
    # any more, the kill switch is lifted, and it still is as it was when it was decided.
    if grace > 0 or looks_first or is_halted(resolution.proposal, suggestion):
        lasts = grace + REPORT_WITHIN + MARGIN
        execution = _create(
            resolution, suggestion, steps, STATUS.SCHEDULED, lasts=lasts, grace=grace, assisted=assisted
        )
        if grace <= 0:
            tell(execution)
        return execution
    return _create(
        resolution,
        suggestion,
        steps,
        STATUS.HANDED_BACK,
        lasts=REPORT_WITHIN,
        reason=why,
        assisted=assisted,
    )


def is_halted(proposal: Proposal, suggestion: Suggestion) -> bool:
    """Whether a kill switch forbids to begin now, and that none is thrown before the commit."""
    halts.keep_out()
    return Halt.objects.on().covering(proposal.agent_id, [suggestion.action_type.name]).exists()


def longest(workflow: Workflow) -> float:
    """The seconds after which a person is asked."""
    return workflow.longest + (0 if workflow.within else MARGIN)


def adopt() -> int:
    """Schedule what was approved without anybody scheduling it: what the policy let pass.

    Looks at approvals since a little before the last look, so that it stays quick however many
    there ever were. Returns how many it found.
    """
    with connection.cursor() as cursor:
        cursor.execute(_ORPHANS, [AT_ONCE])
        found = [row[0] for row in cursor.fetchall()]
    everything = len(found) < AT_ONCE
    for resolution in Resolution.objects.select_related("suggestion__action_type").filter(pk__in=found):
        try:
            with transaction.atomic():
                resolution.proposal = lock(resolution.pk)
                grace = resolution.proposal.verdict.get("grace_seconds", 0)
                schedule(resolution, grace_seconds=grace, assisted=_is_assisted(resolution))
        except IntegrityError:
            _log.info("adopted by another sweeper", proposal=str(resolution.pk))
        except Exception:  # one that cannot be scheduled must not keep the others waiting
            _log.exception("not adopted", proposal=str(resolution.pk))
            everything = False
    if everything:
        with connection.cursor() as cursor:
            cursor.execute(_LOOKED)
    return len(found)


def _is_assisted(resolution: Resolution) -> bool:
    """Whether the system itself does nothing yet for this agent and action, as things stand now."""
    if resolution.by != Resolution.By.HUMAN or resolution.suggestion is None:
        return False  # it passed at stage 3 or 4, whatever was said since
    rows = Autonomy.objects.filter(agent=resolution.proposal.agent_id, stage=Autonomy.Stage.ASSISTED)
    return rows.filter(action=resolution.suggestion.action_type.name).exists()


# A transaction that approves is over within minutes, long before ten have passed.
_ORPHANS = """
SELECT r.proposal_id
  FROM suggestions_resolution r
 WHERE r.status = 'approved'
   AND r.at > coalesce((SELECT at - interval '10 minutes' FROM execution_heartbeat WHERE name = 'adopted'),
                       '-infinity')
   AND NOT EXISTS (SELECT FROM execution_execution e WHERE e.proposal_id = r.proposal_id)
 ORDER BY r.at LIMIT %s
"""
_LOOKED = """
INSERT INTO execution_heartbeat (name, at) VALUES ('adopted', statement_timestamp())
    ON CONFLICT (name) DO UPDATE SET at = excluded.at
"""


_IN = "statement_timestamp() + make_interval(secs => %s)"


def _create(
    resolution: Resolution,
    suggestion: Suggestion,
    steps: list[str],
    status: str,
    *,
    lasts: float = 0,
    grace: float = 0,
    reason: str = "",
    assisted: bool = False,
) -> Execution:
    execution = Execution(
        proposal=resolution.proposal,
        suggestion=suggestion,
        action_digest=resolution.action_digest,
        agent_id=resolution.proposal.agent_id,
        action=suggestion.action_type.name,
        passed=resolution.by == Resolution.By.POLICY,
        priority=Priority.of(resolution.proposal),
        assisted=assisted,
        status=status,
        reason=reason[:500],
    )
    times: dict[str, Computed] = {"due_at": (_IN, [grace]), "deadline": (_IN, [lasts])}
    if grace <= 0:
        times["queued_at"] = ("statement_timestamp()", [])
    store(execution, **times)
    for position, name in enumerate(steps):
        store(Step(execution=execution, position=position, name=name))
    data = {
        "execution": str(execution.pk),
        "action_digest": execution.action_digest,
        "steps": steps,
        "grace_seconds": grace,
        "reason": reason[:500],
    }
    record(f"execution.{status}", actor=EXECUTION, proposal=execution.proposal_id, data=data)
    if status != STATUS.SCHEDULED:
        news.owe_agent(execution, status, reason)
    if status == STATUS.NEEDS_ATTENTION:
        attention.ask_team(execution)
    changed(resolution.proposal)
    news.hint(execution.proposal_id)
    return execution
