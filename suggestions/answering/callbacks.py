"""What an agent is told without asking: the resolution of its proposal, and what came of it.

A callback is a row, written in the transaction of the change it tells of, and sent until it
arrives. Messages follow Standard Webhooks.
"""

from __future__ import annotations

import json
import math
import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models.functions import Now
from standardwebhooks import Webhook

from audit.ground import egress
from audit.ground.actors import WORKER
from audit.log.record import record
from audit.outbox.insist import insist
from audit.outbox.tell_worker import lost_after
from governance.agents.callback_secret import callback_secret
from suggestions.models import Callback, Proposal

# Seconds after each attempt that failed: ten attempts in about 75 hours.
WAITS = [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400]
ATTEMPTS = len(WAITS) + 1
JITTER = 0.1
TIMEOUT = 15.0  # seconds for one attempt
CLAIMED_SECONDS = 20  # by then an attempt is over, or the worker that made it is gone


@dataclass(frozen=True)
class _Failed:
    """An attempt that did not arrive; `final` when another would not either."""

    said: str
    final: bool = False
    retry_after: float = 0


def owe(proposal: Proposal, type: str, data: dict[str, Any]) -> Callback | None:
    """Promise the agent this message, in the transaction of the change it tells of.

    The message says of its own which proposal it is about. Nothing is owed to an agent that
    named no address, and of a check no agent knows.
    """
    if not proposal.callback_url or proposal.is_check:
        return None
    from audit.outbox.tell_worker import tell_worker
    from suggestions.tasks import send_callback

    data = {"proposal": str(proposal.pk), **data}
    callback = Callback.objects.create(proposal=proposal, type=type, data=data, queued_at=Now())
    tell_worker(send_callback, callback.pk)
    return callback


def send(callback_id: UUID) -> None:
    """Make one attempt, if one is due. Safe to call twice: the second call finds nothing due.

    A worker that is killed in between leaves a row that is due again; the agent may then hear
    a message twice, with the same `webhook-id`.
    """
    taken = _take(callback_id)
    if taken is None:
        return
    attempt, now = taken
    callback = insist(lambda: Callback.objects.select_related("proposal__agent").get(pk=callback_id))
    failed = _attempt(callback, now)
    insist(lambda: _note(callback, attempt, failed))


def _note(callback: Callback, attempt: int, failed: _Failed | None) -> None:
    if failed is None:
        _close(callback, attempt, Callback.Status.SENT, "callback.sent")
    elif failed.final or attempt >= ATTEMPTS:
        _close(callback, attempt, Callback.Status.GIVEN_UP, "callback.given_up", error=failed.said)
    else:
        _put_off(callback, attempt, failed)


def due() -> list[UUID]:
    """Callbacks that wait for a worker and were not mentioned to the broker lately."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE suggestions_callback SET queued_at = statement_timestamp()
             WHERE id IN (SELECT id FROM suggestions_callback
                           WHERE status = 'waiting' AND due_at <= statement_timestamp()
                             AND (queued_at IS NULL OR queued_at < due_at
                                  OR queued_at < statement_timestamp() - %(lost_after)s * interval '1 second')
                           ORDER BY due_at LIMIT 500 FOR UPDATE SKIP LOCKED)
         RETURNING id
            """,
            {"lost_after": lost_after()},
        )
        return [row[0] for row in cursor.fetchall()]


def _take(callback_id: UUID) -> tuple[int, datetime] | None:
    """Make this the one sender of the next attempt; returns its number and the time, or None."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE suggestions_callback
               SET attempts = attempts + 1, due_at = statement_timestamp() + make_interval(secs => %s)
             WHERE id = %s AND status = 'waiting' AND due_at <= statement_timestamp()
         RETURNING attempts, statement_timestamp()
            """,
            [CLAIMED_SECONDS, callback_id],
        )
        row = cursor.fetchone()
    return (row[0], row[1]) if row else None


def _attempt(callback: Callback, now: datetime) -> _Failed | None:
    proposal = callback.proposal
    body = json.dumps(
        {"type": callback.type, "timestamp": callback.created_at.isoformat(), "data": callback.data},
        ensure_ascii=False,
    )
    headers = {
        "content-type": "application/json",
        "webhook-id": str(callback.pk),
        "webhook-timestamp": str(math.floor(now.timestamp())),
        "webhook-signature": Webhook(callback_secret(proposal.agent)).sign(str(callback.pk), now, body),
    }
    if proposal.traceparent:
        headers["traceparent"] = proposal.traceparent
    try:
        answer = egress.request(
            "POST",
            proposal.callback_url,
            door=egress.Door.CALLBACKS,
            headers=headers,
            content=body.encode(),
            timeout=TIMEOUT,
        )
    except egress.Refused as refused:
        return _Failed(f"Refused: {refused}", final=True)
    except (egress.NotSent, egress.Lost) as error:
        return _Failed(str(error))
    if 200 <= answer.status < 300:
        return None
    said = f"HTTP {answer.status}"
    return _Failed(said, final=answer.status == 410, retry_after=answer.retry_after)


def wait_after(attempt: int) -> float:
    """The seconds to wait after this attempt failed, with jitter so that agents are not hit in step."""
    return WAITS[attempt - 1] * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - no secret


@transaction.atomic
def _close(callback: Callback, attempt: int, status: str, event: str, *, error: str = "") -> None:
    mine = Callback.objects.filter(pk=callback.pk, attempts=attempt, status=Callback.Status.WAITING)
    if not mine.update(status=status, last_error=error[:300]):
        return  # another worker took over meanwhile
    facts = {"callback": str(callback.pk), "type": callback.type, "attempts": attempt}
    if error:
        facts["error"] = error[:300]
    record(event, actor=WORKER, proposal=callback.proposal_id, data=facts)


def _put_off(callback: Callback, attempt: int, failed: _Failed) -> None:
    wait = timedelta(seconds=max(wait_after(attempt), failed.retry_after))
    mine = Callback.objects.filter(pk=callback.pk, attempts=attempt, status=Callback.Status.WAITING)
    mine.update(due_at=Now() + wait, last_error=failed.said[:300])
