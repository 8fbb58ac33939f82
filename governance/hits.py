"""What follows when an agent hits a boundary. Every such refusal comes through here, once."""

from __future__ import annotations

from typing import Any

from audit.record import record_alone
from governance.boundaries import BoundaryHit
from governance.models import Agent


def tell(hit: BoundaryHit, *, agent: Agent, data: dict[str, Any]) -> None:
    """Write the refusal into the log, in a transaction of its own; `data` says of which request."""
    record_alone("request.refused", actor=agent.as_actor(), data={**data, **facts_of(hit)})


def facts_of(hit: BoundaryHit) -> dict[str, Any]:
    """Which boundary, and what was asked for: names alone, nothing that the agent wrote freely."""
    return {"boundary": hit.boundary, "actions": hit.actions[:10]}
