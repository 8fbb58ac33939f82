"""Where agents are called: paused where nothing arrives, tried by one probe now and then, resumed.

The row of an endpoint is locked before the rows of its messages, wherever both are changed.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models.functions import Now

from audit.ground.actors import WORKER, Actor
from audit.ground.refusals import Refusal
from audit.log.record import record
from audit.statements.prepared import Rows, execute
from suggestions.answering.callbacks import HELD
from suggestions.models import Callback, CallbackEndpoint
from suggestions.telling_agents import anew

_IS_HELD = f"SELECT id FROM suggestions_callback WHERE id = %s AND status = 'waiting' AND {HELD}"
_LOCKED = Rows(CallbackEndpoint, where="t.agent_id = %s AND t.origin = %s FOR UPDATE")
FIRST_PROBE, LONGEST_PAUSE = 900.0, 21_600.0  # seconds between probes: twice as long each time, up to that


class NotPaused(Refusal):
    detail = "This address is not paused."


# --- Before an attempt ----------------------------------------------------------------------------


@transaction.atomic
def hold(callback_id: UUID) -> None:
    """Let this message wait until its address is resumed, where that is paused and it is not the probe."""
    if not execute(_IS_HELD, [callback_id]):
        return
    endpoint = locked(Callback.objects.get(pk=callback_id))
    if endpoint is None or not endpoint.paused_at or endpoint.probe == callback_id:
        return
    waiting = Callback.objects.filter(pk=callback_id, status=Callback.Status.WAITING, due_at__lte=Now())
    waiting.update(status=Callback.Status.PAUSED)


def locked(callback: Callback) -> CallbackEndpoint | None:
    """The endpoint of this message, for the rest of the transaction; None where it never failed."""
    return next(iter(_LOCKED([callback.agent_id, callback.origin])), None)


def locked_or_made(callback: Callback) -> CallbackEndpoint:
    made = CallbackEndpoint(agent_id=callback.agent_id, origin=callback.origin)
    CallbackEndpoint.objects.bulk_create([made], ignore_conflicts=True)
    rows = CallbackEndpoint.objects.select_for_update()
    return rows.get(agent=callback.agent_id, origin=callback.origin)


# --- After an attempt -----------------------------------------------------------------------------


def is_enough(endpoint: CallbackEndpoint, *, gone: bool, at: datetime) -> bool:
    """Whether one more failure at this moment pauses it."""
    if gone:
        return True
    lasts = timedelta(seconds=settings.CALLBACK_PAUSE_SECONDS)
    so_often = endpoint.failures + 1 >= settings.CALLBACK_PAUSE_ATTEMPTS
    return so_often and at - (endpoint.failing_since or at) >= lasts


def failed(endpoint: CallbackEndpoint, *, error: str, gone: bool, at: datetime) -> None:
    """Count a failure; pause the endpoint where it is enough."""
    pauses = not endpoint.paused_at and is_enough(endpoint, gone=gone, at=at)
    endpoint.failures += 1
    endpoint.failing_since = endpoint.failing_since or at
    endpoint.last_error = error
    if gone:  # said by a probe, too
        endpoint.probe_due_at = None
        endpoint.paused_because = CallbackEndpoint.Because.GONE
    elif pauses:
        endpoint.paused_because = CallbackEndpoint.Because.FAILING
        endpoint.probe_due_at = at + timedelta(seconds=FIRST_PROBE)
    if pauses:
        endpoint.paused_at = at
        endpoint.probes = 0
    endpoint.save()
    if pauses:
        facts = {"failures": endpoint.failures, "why": endpoint.get_paused_because_display(), "error": error}
        _record("paused", endpoint, WORKER, **facts)


def heard_of(endpoint: CallbackEndpoint) -> None:
    """Something arrived: it works. What was paused because nothing did goes on by itself."""
    if endpoint.paused_because == CallbackEndpoint.Because.FAILING:
        _go_on(endpoint, WORKER)
    elif endpoint.failures and not endpoint.paused_at:
        endpoint.failures, endpoint.failing_since, endpoint.last_error = 0, None, ""
        endpoint.save()


@transaction.atomic
def resume(endpoint_id: UUID, *, actor: Actor) -> int:
    """Try it again, beginning now, with all that is owed; returns how many messages that are.

    Raises `NotPaused`, `CallbackEndpoint.DoesNotExist`.
    """
    endpoint = CallbackEndpoint.objects.select_for_update().get(pk=endpoint_id)
    if not endpoint.paused_at:
        raise NotPaused
    return _go_on(endpoint, actor)


def _go_on(endpoint: CallbackEndpoint, actor: Actor) -> int:
    endpoint.failures, endpoint.failing_since, endpoint.last_error = 0, None, ""
    endpoint.paused_at, endpoint.paused_because = None, ""
    endpoint.probe, endpoint.probes, endpoint.probe_due_at = None, 0, None
    endpoint.save()
    owed = len(anew.spread(anew.HELD_UP, agent=endpoint.agent_id, origin=endpoint.origin))
    _record("resumed", endpoint, actor, callbacks=owed)
    return owed


def _record(done: str, endpoint: CallbackEndpoint, actor: Actor, **facts: object) -> None:
    agent = {"agent": str(endpoint.agent_id), "agent_name": endpoint.agent.name}
    record(f"callback_endpoint.{done}", actor=actor, data={**agent, "origin": endpoint.origin, **facts})


# --- Probes ---------------------------------------------------------------------------------------

# Of each endpoint whose next probe is due the message that was tried longest ago, so that one which the
# agent can't take does not stand before the others.
_NEXT_PROBES = """
SELECT e.id, c.id FROM suggestions_callbackendpoint e
  JOIN LATERAL (SELECT id FROM suggestions_callback
                 WHERE agent_id = e.agent_id AND origin = e.origin AND status = 'paused'
                 ORDER BY due_at LIMIT 1) c ON true
 WHERE e.probe_due_at <= statement_timestamp()
   FOR UPDATE OF e SKIP LOCKED
"""


@transaction.atomic
def send_probes() -> None:
    """Let one message go to each paused endpoint that it is time for, and name it: no other one may."""
    with connection.cursor() as cursor:
        cursor.execute(_NEXT_PROBES)
        found = cursor.fetchall()
    for endpoint_id, callback_id in found:
        endpoint = CallbackEndpoint.objects.get(pk=endpoint_id)
        wait = min(FIRST_PROBE * 2 ** (endpoint.probes + 1), LONGEST_PAUSE)
        CallbackEndpoint.objects.filter(pk=endpoint_id).update(
            probe=callback_id,
            probes=min(endpoint.probes + 1, 30),
            probe_due_at=Now() + timedelta(seconds=wait),
        )
        paused = Callback.objects.filter(pk=callback_id, status=Callback.Status.PAUSED)
        paused.update(status=Callback.Status.WAITING, due_at=Now(), queued_at=None)
