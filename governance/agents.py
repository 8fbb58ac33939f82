"""Letting agents in."""

from __future__ import annotations

from collections.abc import Sequence

from django.core.exceptions import ValidationError
from django.db import transaction

from audit.actors import Actor
from audit.record import record
from audit.refusals import Refusal
from governance.keys import issue_key
from governance.models import Agent, User


class AgentRefused(Refusal):
    """An agent could not be created; the message says why."""


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
