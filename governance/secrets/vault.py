"""Handing secrets out: to routes of the action types that they are granted to, each use an event."""

from __future__ import annotations

import time
from dataclasses import dataclass

from django.db import InterfaceError, OperationalError, transaction

from audit.ground.actors import WORKER
from audit.log.record import record
from audit.statements.prepared import execute
from governance.secrets import box, masking

REMEMBERED = 5.0  # seconds, in this process: so long a grant that was withdrawn may still count
_MOST = 256
# Locked against being deleted; the use is written at most once a minute for each place.
_TAKE = """
WITH secret AS (
    SELECT id, ciphertext, %(action)s = ANY (granted_to) AS granted
      FROM governance_secret WHERE name = %(name)s FOR KEY SHARE
), used AS (
    INSERT INTO governance_secretuse AS use (secret_id, place, at)
    SELECT id, %(place)s, statement_timestamp() FROM secret WHERE granted
    ON CONFLICT (secret_id, place) DO UPDATE SET at = excluded.at
     WHERE use.at <= excluded.at - interval '1 minute'
 RETURNING id
)
SELECT ciphertext, granted, EXISTS (SELECT FROM used) FROM secret
"""


class NotRevealed(Exception):
    """The value is not handed out, so nothing may be sent. The message is the middle of a sentence."""


class NoSecret(NotRevealed):
    """There is none of this name."""


class NotGranted(NotRevealed):
    """Its action type may not use it."""


class Damaged(NotRevealed):
    """It is there, and can't be decrypted."""


class NotNow(NotRevealed):
    """The database did not answer. It may later."""


@dataclass(frozen=True)
class _Known:
    value: str
    until: float


_known: dict[tuple[str, str], _Known] = {}


def reveal(name: str, *, user: str) -> str:
    """The value of a secret, for a route of an action type that it is granted to.

    `user` is the place that uses it, such as `refund_payment@3 refund 1`; before `@` stands the action type.
    It is written down with the event. Whatever `masking.listening` covers is covered from then on. Raises
    `NotRevealed`. Asked again within seconds it costs nothing.
    """
    known = _known.get((name, user))
    if known is None or known.until <= time.monotonic():
        known = _remembered(name, user)
    masking.note(known.value)
    return known.value


def forget() -> None:
    """Let nothing that this process remembers count any more."""
    _known.clear()


def _remembered(name: str, user: str) -> _Known:
    began = time.monotonic()  # before it is read: what is withdrawn meanwhile counts as soon
    try:
        value = _taken(name, user)
    except (OperationalError, InterfaceError):
        raise NotNow(f"the secret {name} could not be read now") from None
    _let_go()
    known = _known[name, user] = _Known(value, began + REMEMBERED)
    return known


def _let_go() -> None:
    """Of what counts no more no value stays in memory."""
    now = time.monotonic()
    for key, known in list(_known.items()):
        if known.until <= now or len(_known) >= _MOST:
            _known.pop(key, None)


@transaction.atomic
def _taken(name: str, user: str) -> str:
    """The value, with its use written down."""
    action = user.partition("@")[0]
    found = execute(_TAKE, {"name": name, "action": action, "place": user})
    if not found:
        raise NoSecret(f"there is no secret {name}")
    [(sealed, is_granted, is_news)] = found
    if not is_granted:
        raise NotGranted(f"the secret {name} is not granted to {action}")
    try:
        value = box.opened(name, sealed)
    except box.Unreadable as error:
        raise Damaged(f"the secret {name} can't be read: {error}") from None
    if is_news:
        record("secret.used", actor=WORKER, data={"secret": name, "action": action, "place": user})
    return value
