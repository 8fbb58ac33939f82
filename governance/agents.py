"""Letting agents in, and how far each is trusted."""

from __future__ import annotations

from collections.abc import Sequence

from django.core.exceptions import ValidationError
from django.db import transaction

from audit.actors import Actor
from audit.record import record
from audit.refusals import Refusal
from governance import standing
from governance.keys import issue_key
from governance.models import ActionType, Agent, Autonomy, User


class AgentRefused(Refusal):
    """An agent could not be created or trusted so far; the message says why."""


@transaction.atomic
def create_agent(
    name: str, *, owner: User, allowed_actions: Sequence[str] | None, actor: Actor
) -> tuple[Agent, str]:
    """Create an agent and its first key, which is returned once.

    `allowed_actions` are the names of the action types it may propose; None means every
    one. A name may be allowed before its action type is registered. Raises `AgentRefused`.
    """
    if Agent.objects.filter(name=name).exists():
        raise AgentRefused(f"There is an agent {name} already.")
    agent = Agent(
        name=name,
        owner=owner,
        allowed_actions=None if allowed_actions is None else sorted(set(allowed_actions)),
    )
    try:
        agent.clean_fields()
    except ValidationError as error:
        raise AgentRefused(" ".join(error.messages)) from error
    agent.save(force_insert=True)
    record(
        "agent.created",
        actor=actor,
        data={
            "agent": str(agent.pk),
            "name": name,
            "owner": str(owner.pk),
            "allowed_actions": agent.allowed_actions,
        },
    )
    return agent, issue_key(agent, actor=actor)


@transaction.atomic
def set_stage(agent: Agent, action: str, stage: int, *, actor: Actor) -> bool:
    """Set how far an agent is trusted with an action; False when nothing changed. Raises `AgentRefused`."""
    if stage not in Autonomy.Stage.values:
        raise AgentRefused(f"A stage is one of 1 to 4, not {stage}.")
    if not ActionType.objects.current().filter(name=action).exists():
        raise AgentRefused(f"There is no action type {action}.")
    Agent.objects.select_for_update().get(pk=agent.pk)
    autonomy, _created = Autonomy.objects.get_or_create(agent=agent, action=action)
    before = autonomy.stage
    if before == stage:
        return False
    autonomy.stage = stage
    autonomy.save(update_fields=["stage"])
    record(
        "autonomy.changed",
        actor=actor,
        data={
            "agent": str(agent.pk),
            "agent_name": agent.name,
            "action": action,
            "before": before,
            "stage": stage,
        },
    )
    if stage < before:
        why = f"The agent was put back from stage {before} to {stage} for {action}."
        standing.end_all_of(agent, action, actor=actor, reason=why)
    return True
