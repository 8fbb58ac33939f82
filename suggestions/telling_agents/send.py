"""One attempt to bring a message to its agent. Messages follow Standard Webhooks."""

from __future__ import annotations

import json
import math
import random
import time
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import transaction
from standardwebhooks import Webhook

from audit.ground import egress, stopping
from audit.ground.actors import WORKER
from audit.log.record import record
from audit.outbox.insist import insist
from audit.outbox.outbox import Attempt
from audit.statements.prepared import Rows
from audit.statements.writes import as_one, store
from governance.agents.callback_secret import signing_secrets
from governance.agents.sealing import Unreadable
from suggestions.answering.callbacks import CALLBACKS
from suggestions.models import Callback, CallbackAttempt
from suggestions.telling_agents import endpoints, masking

_KNOWN = Rows(Callback, "proposal", "agent", where="t.id = %s")
JITTER = 0.1
SECONDS = 0.2  # of going on, after which what waits in other queues has its turn
TIMEOUT = 15.0  # seconds for one attempt
ERROR_LENGTH = 300


@dataclass(frozen=True)
class Heard:
    """What came of an attempt: it arrived where `error` is empty."""

    error: str = ""
    status: int | None = None
    answer: str = ""
    final: bool = False  # another attempt would not arrive either
    of_ours: bool = False  # it says nothing about the endpoint
    retry_after: float = 0
    took_ms: int = 0

    @property
    def is_gone(self) -> bool:
        return self.status == 410


def send(callback_id: UUID) -> None:
    """Make one attempt, if one is due and its address is not paused. Safe to call twice: the second call
    finds nothing due.

    A worker that is killed in between leaves a row that is due again; the agent may then hear
    a message twice, with the same `webhook-id`.
    """
    attempt = CALLBACKS.take(callback_id)
    if attempt is None:
        endpoints.hold(callback_id)
        return
    _bring(callback_id, attempt)


def send_what_is_due(callback_id: UUID) -> None:
    """`send`, and go on with what has been due longest, until nothing is or others have waited long enough.

    So nobody waits for a message to a worker that was lost, as long as another one comes.
    """
    until = time.monotonic() + SECONDS
    send(callback_id)
    while time.monotonic() < until and not stopping.is_asked():
        taken = CALLBACKS.take_next()
        if taken is None:
            return
        _bring(*taken)
    CALLBACKS.tell(callback_id)


def _bring(callback_id: UUID, attempt: Attempt) -> None:
    [callback] = _KNOWN([callback_id])
    heard = _attempt(callback, attempt)
    insist(lambda: _note(callback, attempt, heard))


def wait_after(attempt: int) -> float:
    """The seconds to wait after this attempt failed, with jitter so that agents are not hit in step."""
    return CALLBACKS.pauses[attempt - 1] * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - no secret


# --- The call -------------------------------------------------------------------------------------


def _attempt(callback: Callback, attempt: Attempt) -> Heard:
    try:
        secrets = signing_secrets(callback.agent)
    except Unreadable as error:
        return Heard(str(error), of_ours=True)
    body = json.dumps(message_of(callback, callback.data), ensure_ascii=False)
    began = time.monotonic()
    try:
        answer = egress.request(
            "POST",
            callback.proposal.callback_url,
            door=egress.Door.CALLBACKS,
            headers=_headers(callback, attempt, body, secrets),
            content=body.encode(),
            timeout=TIMEOUT,
        )
    except egress.Refused as refused:
        return Heard(f"Refused: {refused}", final=True)
    except (egress.NotSent, egress.Lost) as error:
        return Heard(str(error), took_ms=_since(began))
    return Heard(
        "" if 200 <= answer.status < 300 else f"HTTP {answer.status}",
        status=answer.status,
        answer=masking.kept(answer.text, callback, secrets),
        retry_after=answer.retry_after,
        took_ms=_since(began),
    )


def message_of(callback: Callback, data: dict[str, Any]) -> dict[str, Any]:
    """The whole message with this in it."""
    return {"type": callback.type, "timestamp": callback.created_at.isoformat(), "data": data}


def _headers(callback: Callback, attempt: Attempt, body: str, secrets: list[str]) -> dict[str, str]:
    signed = [Webhook(secret).sign(str(callback.pk), attempt.at, body) for secret in secrets]
    headers = {
        "content-type": "application/json",
        "webhook-id": str(callback.pk),
        "webhook-timestamp": str(math.floor(attempt.at.timestamp())),
        "webhook-signature": " ".join(signed),
    }
    if callback.proposal.traceparent:
        headers["traceparent"] = callback.proposal.traceparent
    return headers


def _since(began: float) -> int:
    return round((time.monotonic() - began) * 1_000)


# --- What came of it ------------------------------------------------------------------------------


@transaction.atomic
def _note(callback: Callback, attempt: Attempt, heard: Heard) -> None:
    """Write down what was heard, unless another worker took over meanwhile.

    An endpoint's row is locked before its messages, here and wherever both are changed.
    """
    if heard.error:
        _note_failure(callback, attempt, heard)
        return
    endpoint = endpoints.locked(callback)
    if _end(callback, attempt, Callback.Status.SENT, heard) and endpoint is not None:
        endpoints.heard_of(endpoint)


def _note_failure(callback: Callback, attempt: Attempt, heard: Heard) -> None:
    if callback.tries.filter(number=attempt.number).exists():
        return  # it is written down already, and the commit went unheard
    if heard.of_ours:
        _put_off(callback, attempt, heard)
        return
    endpoint = endpoints.locked_or_made(callback)
    if endpoint.paused_at or endpoints.is_enough(endpoint, gone=heard.is_gone, at=attempt.at):
        # Whatever is wrong is wrong with the address: nothing is given up for it.
        mine = _leave(callback, attempt, heard)
    elif heard.final or _tried(callback, attempt) >= CALLBACKS.attempts:
        mine = _end(callback, attempt, Callback.Status.GIVEN_UP, heard)
    else:
        mine = _put_off(callback, attempt, heard)
    if mine:
        endpoints.failed(endpoint, error=heard.error[:ERROR_LENGTH], gone=heard.is_gone, at=attempt.at)


def _leave(callback: Callback, attempt: Attempt, heard: Heard) -> bool:
    error = heard.error[:ERROR_LENGTH]
    mine = CALLBACKS.end(callback.pk, attempt.number, Callback.Status.PAUSED, error=error)
    if mine:
        _keep(callback, attempt, heard)
    return mine


def _put_off(callback: Callback, attempt: Attempt, heard: Heard) -> bool:
    number = min(max(_tried(callback, attempt), 1), len(CALLBACKS.pauses))
    wait = max(wait_after(number), heard.retry_after)
    mine = CALLBACKS.put_off(callback.pk, attempt.number, wait, error=heard.error[:ERROR_LENGTH])
    if mine:
        _keep(callback, attempt, heard)
    return mine


def _end(callback: Callback, attempt: Attempt, status: str, heard: Heard) -> bool:
    error = heard.error[:ERROR_LENGTH]
    if not CALLBACKS.end(callback.pk, attempt.number, status, error=error):
        return False
    facts = {"callback": str(callback.pk), "type": callback.type, "attempts": attempt.number}
    if error:
        facts["error"] = error
    with as_one():
        _keep(callback, attempt, heard)
        record(f"callback.{status}", actor=WORKER, proposal=callback.proposal_id, data=facts)
    return True


def _tried(callback: Callback, attempt: Attempt) -> int:
    """How many attempts count, this one included: those since it was last sent anew."""
    callback.refresh_from_db(fields=["attempts_before"])
    return attempt.number - callback.attempts_before


def _keep(callback: Callback, attempt: Attempt, heard: Heard) -> None:
    tried = CallbackAttempt(
        callback=callback,
        number=attempt.number,
        at=attempt.at,
        took_ms=heard.took_ms,
        http_status=heard.status,
        answer=heard.answer,
        error=heard.error[:ERROR_LENGTH],
    )
    store(tried)
