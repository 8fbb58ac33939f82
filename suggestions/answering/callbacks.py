"""What an agent is told without asking: the resolution of its proposal, and what came of it.

A callback is a row, written in the transaction of the change it tells of, and sent until it arrives
(`suggestions.telling_agents`).
"""

from __future__ import annotations

from typing import Any

from django.db.models.functions import Now

from audit.ground import egress
from audit.outbox.outbox import Sending
from suggestions.models import Callback, Proposal
from suggestions.models.callbacks import LONGEST_ORIGIN

# Of a message: its address is paused, and it is not the one that is to try it.
HELD = """
EXISTS (SELECT FROM suggestions_callbackendpoint e
         WHERE e.agent_id = suggestions_callback.agent_id AND e.origin = suggestions_callback.origin
           AND e.paused_at IS NOT NULL AND e.probe IS DISTINCT FROM suggestions_callback.id)
"""
CALLBACKS = Sending(
    table=Callback._meta.db_table,
    task="suggestions.tasks.send_callback",
    claimed_seconds=20,
    may=f"NOT {HELD}",
    pauses=(5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400),  # ten attempts in about 75 hours
)


def is_owed(proposal: Proposal) -> bool:
    """Whether its agent wants to be told of anything."""
    return bool(proposal.callback_url) and not proposal.is_check


def owe(proposal: Proposal, type: str, data: dict[str, Any]) -> Callback | None:
    """Promise the agent this message, in the transaction of the change it tells of.

    The message says of its own which proposal it is about. Nothing is owed to an agent that
    named no address, and of a check no agent knows.
    """
    if not is_owed(proposal):
        return None
    callback = Callback.objects.create(
        proposal=proposal,
        agent_id=proposal.agent_id,
        origin=_origin(proposal.callback_url),
        type=type,
        data={"proposal": str(proposal.pk), **data},
        queued_at=Now(),
    )
    CALLBACKS.tell(callback.pk)
    return callback


def _origin(url: str) -> str:
    try:
        return egress.origin_of(url)[:LONGEST_ORIGIN]
    except egress.Refused:  # taken before such addresses were refused; sending it will say so
        return ""
