"""What passed by itself and went wrong counts against the trust that let it pass."""

from __future__ import annotations

from audit.statements.prepared import execute
from execution.models import Execution
from governance.models import Agent, Autonomy, Incident
from governance.trust import autonomy
from governance.trust.gate_bounds import bounds_for

LOOKED_AT = 50  # of the newest that passed at this stage and came to an end


def count_against(execution: Execution) -> Incident | None:
    """An execution failed or needs a person: demote where too many did that passed by the policy.

    In the transaction that ends it. Of the last 50 executions that passed at the present stage
    two may fail, or fewer where an operator says so: one or two happen to everybody, and of few
    executions they say little. Returns the incident of a demotion.
    """
    if not execution.passed:
        return None
    agent = Agent.objects.get(proposals=execution.proposal_id)
    # Locked first: of two that fail at the same moment the second counts the first.
    pair = autonomy.lock(agent, execution.action)
    if pair.stage < Autonomy.Stage.CONTROLLED:
        return None
    [(failed, ended)] = execute(_ENDED, [agent.pk, execution.action, pair.since, LOOKED_AT])
    most = bounds_for([execution.action])[execution.action].failures
    if failed <= most:
        return None
    told = f"{failed} of the last {ended} that passed by themselves failed or needed a person."
    return autonomy.demote(
        agent,
        execution.action,
        Incident.Kind.FAILURES,
        told,
        autonomy.GUARD,
        proposal=execution.proposal_id,
        measures={"failed": failed, "of": ended, "most": most},
    )


def open_incident(execution: Execution, reason: str) -> Incident | None:
    """An approval that can't be proved: nothing of this agent and action passes by itself until somebody
    has looked. In the transaction that refuses it; None while such an incident is open."""
    told = Incident.objects.filter(
        kind=Incident.Kind.UNPROVED, proposal=execution.proposal_id, closed_at=None
    )
    if told.exists():
        return None
    agent = execution.proposal.agent
    action = execution.suggestion.action_type.name
    return autonomy.demote(
        agent, action, Incident.Kind.UNPROVED, reason, autonomy.GUARD, proposal=execution.proposal_id
    )


_ENDED = """
SELECT count(*) FILTER (WHERE status <> 'succeeded'), count(*)
  FROM (SELECT status FROM execution_execution
         WHERE agent_id = %s AND action = %s AND passed AND created_at >= %s
           AND status IN ('succeeded', 'failed', 'needs_attention')
         ORDER BY id DESC LIMIT %s) newest
"""
