"""Silent failures of executions: each kind with what makes it the same thing twice.

The same cause opens one incident for a team, however many executions it befalls. Of an agent's claims and
effects it is the agent's too, and keeps it from promotion; of deadlines and volumes it is nobody's.
"""

from __future__ import annotations

from django.db import transaction

from audit.ground.actors import Actor
from execution.models import Execution, IncidentExecution, Step
from governance.models import Agent, Incident, Team
from governance.trust import incidents

WATCH = Actor("system", "watch", "Watch")
Kind = Incident.Kind
_OF_AN_AGENT = frozenset({Kind.MISMATCH, Kind.DISPROVED, Kind.NEVER_REPORTED})


def open_incident(
    kind: Kind,
    cause: str,
    *,
    detail: str,
    execution: Execution | None = None,
    action: str = "",
    agent: Agent | None = None,
    team: Team | None = None,
) -> Incident:
    """Say that something failed silently, in the transaction that finds it; the same `cause` opens one.

    Of an execution its action and team are known, and `cause` need only name what is special: it counts
    within its kind, and with an execution within its team, action and agent.
    """
    if execution is not None:
        proposal = execution.proposal
        action = action or execution.action
        team = team or proposal.team
        if agent is None and kind in _OF_AN_AGENT:
            agent = proposal.agent
        cause = " ".join(filter(None, [proposal.team_id, action, agent.name if agent else "", cause]))
    opened = incidents.open_incident(
        kind,
        detail,
        actor=WATCH,
        cause=cause_of(kind, cause),
        agent=agent,
        action=action,
        team=team,
        proposal=execution.proposal_id if execution else None,
    )
    if execution is not None:
        IncidentExecution.objects.create(
            incident=opened.incident,
            execution_id=execution.pk,
            detail=detail.strip()[: incidents.LONGEST_REASON],
        )
    return opened.incident


def cause_of(kind: Kind, cause: str) -> str:
    """As it is kept: a cause counts within its kind."""
    return f"{kind} {cause}"


@transaction.atomic(savepoint=False)
def not_as_claimed(execution: Execution, step: Step, why: str) -> Incident:
    """A step was said to be done, and the proof says otherwise: by its agent, or by the service."""
    reporter = (step.receipt or {}).get("reported_by")
    kind = Kind.DISPROVED if reporter else Kind.MISMATCH
    who = f"The agent {reporter} reported" if reporter else "The service answered"
    said = f"{who} that step {step.name} is done, but its effect is not there: {why}."
    return open_incident(kind, step.name, execution=execution, detail=said)


@transaction.atomic(savepoint=False)
def never_reported(execution: Execution, why: str) -> Incident:
    """It was handed back, and no word of it came."""
    return open_incident(Kind.NEVER_REPORTED, "", execution=execution, detail=why)


@transaction.atomic(savepoint=False)
def past_deadline(execution: Execution, why: str) -> Incident:
    """Its time was over before it was finished."""
    return open_incident(Kind.PAST_DEADLINE, "", execution=execution, detail=why)
