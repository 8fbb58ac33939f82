"""What an agent is told without asking: the resolution of its proposal, and what came of it.

A callback is a row, written in the transaction of the change it tells of, and sent until it
arrives. Messages follow Standard Webhooks.
"""

from __future__ import annotations

import json
import math
import random
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models.functions import Now
from standardwebhooks import Webhook

from audit.ground import egress
from audit.ground.actors import WORKER
from audit.log.record import record
from audit.outbox.insist import insist
from audit.outbox.outbox import Attempt, Sending
from governance.agents.callback_secret import signing_secrets
from governance.agents.sealing import Unreadable
from suggestions.models import Callback, Proposal

CALLBACKS = Sending(
    table=Callback._meta.db_table,
    task="suggestions.tasks.send_callback",
    claimed_seconds=20,
    pauses=(5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400),  # ten attempts in about 75 hours
)
JITTER = 0.1
TIMEOUT = 15.0  # seconds for one attempt


@dataclass(frozen=True)
class _Failed:
    """An attempt that did not arrive; `final` when another would not either."""

    said: str
    final: bool = False
    retry_after: float = 0


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
    data = {"proposal": str(proposal.pk), **data}
    callback = Callback.objects.create(proposal=proposal, type=type, data=data, queued_at=Now())
    CALLBACKS.tell(callback.pk)
    return callback


def send(callback_id: UUID) -> None:
    """Make one attempt, if one is due. Safe to call twice: the second call finds nothing due.

    A worker that is killed in between leaves a row that is due again; the agent may then hear
    a message twice, with the same `webhook-id`.
    """
    attempt = CALLBACKS.take(callback_id)
    if attempt is None:
        return
    callback = insist(lambda: Callback.objects.select_related("proposal__agent").get(pk=callback_id))
    failed = _attempt(callback, attempt)
    insist(lambda: _note(callback, attempt.number, failed))


def _note(callback: Callback, attempt: int, failed: _Failed | None) -> None:
    if failed is None:
        _close(callback, attempt, Callback.Status.SENT, "callback.sent")
    elif failed.final or attempt >= CALLBACKS.attempts:
        _close(callback, attempt, Callback.Status.GIVEN_UP, "callback.given_up", error=failed.said)
    else:
        wait = max(wait_after(attempt), failed.retry_after)
        CALLBACKS.put_off(callback.pk, attempt, wait, error=failed.said[:300])


def _attempt(callback: Callback, attempt: Attempt) -> _Failed | None:
    proposal = callback.proposal
    body = json.dumps(
        {"type": callback.type, "timestamp": callback.created_at.isoformat(), "data": callback.data},
        ensure_ascii=False,
    )
    try:
        secrets = signing_secrets(proposal.agent)
    except Unreadable as error:
        return _Failed(str(error))
    signed = [Webhook(secret).sign(str(callback.pk), attempt.at, body) for secret in secrets]
    headers = {
        "content-type": "application/json",
        "webhook-id": str(callback.pk),
        "webhook-timestamp": str(math.floor(attempt.at.timestamp())),
        "webhook-signature": " ".join(signed),
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
    return CALLBACKS.pauses[attempt - 1] * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - no secret


@transaction.atomic
def _close(callback: Callback, attempt: int, status: str, event: str, *, error: str = "") -> None:
    if not CALLBACKS.end(callback.pk, attempt, status, error=error[:300]):
        return
    facts = {"callback": str(callback.pk), "type": callback.type, "attempts": attempt}
    if error:
        facts["error"] = error[:300]
    record(event, actor=WORKER, proposal=callback.proposal_id, data=facts)
