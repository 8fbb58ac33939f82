"""The secrets that sign what we send to an agent (Standard Webhooks): one, or several while one takes over.

The first of an agent is computed from SECRET_KEY and never stored. One that took its place was drawn by
chance, shown once, and lies in the database sealed.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now

from audit.ground.actors import Actor
from audit.ground.refusals import Refusal
from audit.log.record import record
from audit.statements.prepared import Rows
from governance.agents.sealing import Unreadable, opened, sealed
from governance.door.keys import LONGEST_OVERLAP, OVERLAP, SecretRefused
from governance.models import Agent, CallbackSecret

_SIGNS = "t.ends_at IS NULL OR t.ends_at > statement_timestamp()"  # as `CallbackSecret.objects.in_force`
_IN_FORCE = Rows(CallbackSecret, where=f"t.agent_id = %s AND ({_SIGNS}) ORDER BY t.id DESC")
MOST = 4  # that sign at the same time


class NothingOverlaps(Refusal):
    detail = "No earlier secret signs any more."


class TooManySecrets(Refusal):
    detail = f"{MOST} secrets sign already. End the earlier ones first."


@dataclass(frozen=True)
class SecretInForce:
    """What may be told of a secret that signs."""

    fingerprint: str
    created_at: datetime
    ends_at: datetime | None  # None: it is the newest


def callback_secret(agent: Agent) -> str:
    """The first one of an agent, `whsec_` and 32 bytes in base64: another version makes another one."""
    message = f"callback:{agent.pk}:{agent.callback_secret_version}"
    return _written(hmac.digest(settings.SECRET_KEY.encode(), message.encode(), hashlib.sha256))


def signing_secrets(agent: Agent) -> list[str]:
    """All that sign a message now, the newest first. Raises `Unreadable` where the newest can't be read."""
    rows = _IN_FORCE([agent.pk])
    if not rows:
        return [callback_secret(agent)]
    found = [_of(rows[0], agent)]
    for row in rows[1:]:
        with suppress(Unreadable):
            found.append(_of(row, agent))
    return found


def in_force(agent: Agent) -> list[SecretInForce]:
    """The same, as pages and the API tell of them."""
    rows = [
        SecretInForce(row.fingerprint, row.created_at, row.ends_at)
        for row in CallbackSecret.objects.in_force().filter(agent=agent)
    ]
    return rows or [SecretInForce(fingerprint(callback_secret(agent)), agent.created_at, None)]


@transaction.atomic
def rotate(agent: Agent, *, actor: Actor, overlap: timedelta = OVERLAP) -> str:
    """A new secret in place of the newest one, which signs beside it for `overlap`.

    The only time that it can be read. Raises `SecretRefused` and `TooManySecrets`.
    """
    if not timedelta(0) <= overlap <= LONGEST_OVERLAP:
        raise SecretRefused("overlap", f"An overlap is between 0 and {LONGEST_OVERLAP.days} days.")
    locked = Agent.objects.select_for_update().get(pk=agent.pk)
    before = _newest(locked)
    if overlap and CallbackSecret.objects.in_force().filter(agent=locked).count() >= MOST:
        raise TooManySecrets
    CallbackSecret.objects.filter(pk=before.pk).update(ends_at=Now() + overlap)
    secret = _written(secrets.token_bytes(32))
    row = CallbackSecret.objects.create(agent=locked, sealed=sealed(secret), fingerprint=fingerprint(secret))
    facts = {"secret": row.fingerprint, "replaces": before.fingerprint}
    _record("rotated", locked, actor, **facts, overlap_seconds=int(overlap.total_seconds()))
    return secret


@transaction.atomic
def end_earlier(agent: Agent, *, actor: Actor) -> int:
    """From now on the newest secret alone signs; returns how many ended. Raises `NothingOverlaps`."""
    locked = Agent.objects.select_for_update().get(pk=agent.pk)
    earlier = CallbackSecret.objects.in_force().filter(agent=locked, ends_at__isnull=False)
    ended = list(earlier.values_list("fingerprint", flat=True))
    if not ended:
        raise NothingOverlaps
    earlier.order_by().update(ends_at=Now())
    _record("ended", locked, actor, secrets=ended)
    return len(ended)


def fingerprint(secret: str) -> str:
    """The first eight digits of its SHA-256: by them who has it sees which one it is."""
    return hashlib.sha256(secret.encode()).hexdigest()[:8]


def _newest(agent: Agent) -> CallbackSecret:
    """The row of the secret that is to be replaced; the first one gets its row now."""
    row = CallbackSecret.objects.filter(agent=agent, ends_at=None).first()
    if row is not None:
        return row
    first = fingerprint(callback_secret(agent))
    return CallbackSecret.objects.create(agent=agent, fingerprint=first, created_at=agent.created_at)


def _of(row: CallbackSecret, agent: Agent) -> str:
    return opened(bytes(row.sealed)) if row.sealed else callback_secret(agent)


def _written(key: bytes) -> str:
    return "whsec_" + base64.b64encode(key).decode()


def _record(done: str, agent: Agent, actor: Actor, **facts: object) -> None:
    data = {"agent": str(agent.pk), "agent_name": agent.name, **facts}
    record(f"callback_secret.{done}", actor=actor, data=data)
