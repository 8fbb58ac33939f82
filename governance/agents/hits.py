"""What follows when an agent hits a boundary. Every such refusal comes through here, once."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from audit.log import counted
from audit.log.record import record
from governance.agents.boundaries import BoundaryHit
from governance.models import Agent
from governance.trust import autonomy


def tell(hit: BoundaryHit, *, agent: Agent, data: dict[str, Any]) -> None:
    """Write the refusal into the log, in a transaction of its own; `data` says of which request.

    What the agent was trusted with beyond confirmation, it loses. Of many in a minute only the first
    are written down one by one.
    """
    told = {**data, **facts_of(hit)}
    is_written = counted.writes(agent.as_actor(), told)
    with transaction.atomic(durable=True):
        if is_written:
            record("request.refused", actor=agent.as_actor(), data=told)
        autonomy.boundary_hit(agent, hit.actions, hit.boundary)


def facts_of(hit: BoundaryHit) -> dict[str, Any]:
    """Which boundary, and what was asked for: names alone, nothing that the agent wrote freely."""
    return {"boundary": hit.boundary, "actions": hit.actions[:10]}
