"""Sending anew what was given up, was paused, or arrived before: with ten attempts, one after another."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection, transaction
from django.db.models.functions import Now

from audit.ground.actors import Actor
from audit.ground.refusals import Refusal
from audit.log.record import record, record_many
from governance.models import Agent
from suggestions.answering.callbacks import CALLBACKS
from suggestions.models import Callback, CallbackEndpoint

PER_SECOND = 10  # to one endpoint
MOST = 1_000  # of one request

# Which of an endpoint's messages, as SQL.
GIVEN_UP = "status = 'given_up' AND id <= %(until)s"
# Paused, or put off by longer than an attempt lasts: none that is on its way just now.
HELD_UP = f"""(status = 'paused' OR (status = 'waiting'
               AND due_at > statement_timestamp() + make_interval(secs => {CALLBACKS.claimed_seconds})))"""


class WaitsAlready(Refusal):
    detail = "This message has not been given up: it is sent by itself."


class NoneFailed(Refusal):
    detail = "No message of this agent was given up."


class Moved(NamedTuple):
    """A message that is sent anew."""

    id: UUID
    proposal: UUID
    type: str
    due_at: datetime


_SPREAD = """
WITH chosen AS (
    SELECT id, row_number() OVER (ORDER BY id) - 1 AS place FROM suggestions_callback
     WHERE agent_id = %(agent)s AND origin = %(origin)s AND {which}
)
UPDATE suggestions_callback c
   SET status = 'waiting', attempts_before = attempts, queued_at = NULL,
       due_at = greatest(statement_timestamp(), e.busy_until)
              + make_interval(secs => place::float8 / %(rate)s)
  FROM chosen, suggestions_callbackendpoint e
 WHERE c.id = chosen.id AND e.agent_id = %(agent)s AND e.origin = %(origin)s
RETURNING c.id, c.proposal_id, c.type, c.due_at
"""


def spread(which: str, *, agent: UUID, origin: str, until: UUID | None = None) -> list[Moved]:
    """Have these messages of an endpoint sent, oldest first, no more than `PER_SECOND` of them in a second,
    and after those that are to be sent so already. Its row is locked."""
    values: dict[str, Any] = {"agent": agent, "origin": origin, "until": until, "rate": PER_SECOND}
    with connection.cursor() as cursor:
        cursor.execute(_SPREAD.format(which=which), values)
        moved = [Moved(*row) for row in cursor.fetchall()]
    if moved:
        last = max(one.due_at for one in moved)
        CallbackEndpoint.objects.filter(agent=agent, origin=origin).update(busy_until=last)
    return moved


# --- One ------------------------------------------------------------------------------------------


@transaction.atomic
def send_again(callback_id: UUID, *, actor: Actor) -> Callback:
    """Send a message once more, with its `webhook-id`, whether it was given up or had arrived.

    Raises `WaitsAlready`, `Callback.DoesNotExist`.
    """
    callback = Callback.objects.select_for_update().get(pk=callback_id)
    if callback.status in (Callback.Status.WAITING, Callback.Status.PAUSED):
        raise WaitsAlready
    before = callback.status
    callback.status, callback.last_error = Callback.Status.WAITING, ""
    callback.attempts_before = callback.attempts
    callback.due_at = callback.queued_at = Now()
    callback.save(update_fields=["status", "last_error", "attempts_before", "due_at", "queued_at"])
    facts = {"callback": str(callback.pk), "type": callback.type, "was": before}
    record("callback.sent_again", actor=actor, proposal=callback.proposal_id, data=facts)
    CALLBACKS.tell(callback.pk)
    callback.refresh_from_db()
    return callback


# --- All that failed ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Failed:
    """What of the messages that were given up would be sent again, to where, and how long that takes."""

    origins: Counter[str]
    until: UUID | None  # the newest of them
    more: bool  # were given up besides

    @property
    def count(self) -> int:
        return self.origins.total()

    @property
    def seconds(self) -> int:
        """About how long sending them takes."""
        return -(-max(self.origins.values(), default=0) // PER_SECOND)


def failed(agent: Agent) -> Failed:
    """What `send_failed_again` would send now: the oldest of what was given up, at most `MOST`."""
    given_up = Callback.objects.filter(agent=agent, status=Callback.Status.GIVEN_UP).order_by("pk")
    rows = list(given_up.values_list("pk", "origin")[: MOST + 1])
    sent = rows[:MOST]
    return Failed(
        origins=Counter(origin for _, origin in sent),
        until=sent[-1][0] if sent else None,
        more=len(rows) > MOST,
    )


@transaction.atomic
def send_failed_again(agent: Agent, *, actor: Actor, until: UUID | None = None) -> int:
    """Send again what was given up, the oldest first and at most `MOST`; returns how many that are.

    `until` is the newest that whoever asks has been told of. Raises `NoneFailed`.
    """
    preview = failed(agent)
    upper = min(filter(None, (until, preview.until)), default=None)
    moved = [
        one
        for endpoint in _endpoints(agent, preview.origins)
        for one in spread(GIVEN_UP, agent=agent.pk, origin=endpoint.origin, until=upper)
    ]
    if not moved:
        raise NoneFailed
    about = [(one.proposal, {"callback": str(one.id), "type": one.type, "was": "given_up"}) for one in moved]
    record_many("callback.sent_again", actor=actor, about=about)
    facts = {"agent": str(agent.pk), "agent_name": agent.name, "callbacks": len(moved)}
    record("callbacks.sent_again", actor=actor, data=facts)
    return len(moved)


def _endpoints(agent: Agent, origins: Iterable[str]) -> list[CallbackEndpoint]:
    """Locked, in one order; they have none yet where all that failed is from before there were any."""
    names = list(origins)
    made = [CallbackEndpoint(agent=agent, origin=origin) for origin in names]
    CallbackEndpoint.objects.bulk_create(made, ignore_conflicts=True)
    rows = CallbackEndpoint.objects.select_for_update().filter(agent=agent, origin__in=names)
    return list(rows.order_by("pk"))
