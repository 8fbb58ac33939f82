"""Letting agents in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from audit.ground.actors import Actor
from audit.ground.canonical import digest
from audit.ground.refusals import Refusal
from audit.log.record import record
from governance.agents.boundaries import AgentLimits
from governance.door.keys import issue_key
from governance.models import Agent, User
from governance.trust import standing

NEW = "new"


class AgentRefused(Refusal):
    """An agent could not be created; the message says why."""


class ChangedMeanwhile(Refusal):
    detail = "Somebody else has changed these boundaries meanwhile. Look at them again."


@transaction.atomic
def create_agent(
    name: str, *, owner: User, allowed_actions: Sequence[str] | None, actor: Actor
) -> tuple[Agent, str]:
    """Create an agent and its first key, which is returned once.

    `allowed_actions` are the names of the action types it may propose; None means every
    one. A name may be allowed before its action type is registered. Raises `AgentRefused`.
    """
    if name == NEW:
        raise AgentRefused(f"No agent can be called {NEW}: its page has that address.")
    agent = Agent(
        name=name,
        owner=owner,
        allowed_actions=None if allowed_actions is None else sorted(set(allowed_actions)),
    )
    try:
        agent.clean_fields()
    except ValidationError as error:
        raise AgentRefused(" ".join(error.messages)) from error
    try:
        with transaction.atomic():
            agent.save(force_insert=True)
    except IntegrityError as error:
        raise AgentRefused(f"There is an agent {name} already.") from error
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
def set_boundaries(agent: Agent, limits: AgentLimits, *, actor: Actor, seen: str = "") -> bool:
    """Set what an agent may ask for at all, from its next request on; False when nothing changed.

    `seen` is the digest of the limits (`digest_of`) that the operator looked at while deciding;
    raises `ChangedMeanwhile` when they are other ones by now.
    """
    row = Agent.objects.select_for_update().get(pk=agent.pk)
    before = _stated(row)
    if seen and seen != digest(before):
        raise ChangedMeanwhile
    after = {
        "enabled": limits.enabled,
        "action_types": limits.action_types,
        "boundaries": limits.boundaries.as_json(),
    }
    if after == before:
        return False
    row.enabled = limits.enabled
    row.allowed_actions = limits.action_types
    row.boundaries = after["boundaries"]
    row.save(update_fields=["enabled", "allowed_actions", "boundaries"])
    if before["enabled"] and not row.enabled:
        standing.end_all_of(row, actor=actor, reason="The agent was disabled.")
    record(
        "boundaries.changed",
        actor=actor,
        data={"agent": str(row.pk), "agent_name": row.name, "before": before, "after": after},
    )
    return True


def digest_of(agent: Agent) -> str:
    """Names the present limits of an agent."""
    return digest(_stated(agent))


def _stated(agent: Agent) -> dict[str, Any]:
    return {
        "enabled": agent.enabled,
        "action_types": agent.allowed_actions,
        "boundaries": agent.boundaries,
    }
