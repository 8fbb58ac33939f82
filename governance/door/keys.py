"""Keys of agents and tokens of people: shown once, kept as a hash, revocable."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta
from typing import Any, TypeVar

from django.db import transaction
from django.db.models import BooleanField, Case, ExpressionWrapper, F, Q, QuerySet, Value, When
from django.db.models.functions import Coalesce, Least, Now
from django.db.models.lookups import LessThan

from audit.ground.actors import Actor
from audit.ground.refusals import Refusal
from audit.log.record import record
from governance.models import Agent, AgentKey, ApiToken, User

AGENT_KEY = "rk_"
API_TOKEN = "rt_"  # noqa: S105 - how a token begins, not a token
PREFIX_LENGTH = 9
OVERLAP = timedelta(hours=24)
LONGEST_OVERLAP = timedelta(days=30)
LONGEST = timedelta(days=3_650)
SOON = timedelta(days=14)
FORGOTTEN = timedelta(days=90)
S = TypeVar("S", AgentKey, ApiToken)


class UnknownSecret(Refusal):
    """No key or token begins with these characters."""


class SecretRefused(Refusal):
    """A key or token could not be made; `field` names what is wrong, if it is one field."""

    def __init__(self, field: str, detail: str) -> None:
        self.field = field
        super().__init__(detail)


def hash_of(key: str) -> str:
    """What is stored of a key, and what authentication looks up: hex SHA-256 of all of it."""
    return hashlib.sha256(key.encode()).hexdigest()


@transaction.atomic
def issue_key(agent: Agent, *, actor: Actor, name: str = "", lasts: timedelta | None = None) -> str:
    """A new key for an agent, next to those it has. The only time that it can be read.

    Without `lasts` it ends when it is revoked. Raises `SecretRefused`.
    """
    key, kept = _new(AGENT_KEY, name, lasts)
    row = AgentKey.objects.create(agent=agent, given_by=actor.name, **kept)
    _record("issued", row, actor=actor)
    return key


@transaction.atomic
def issue_token(user: User, *, actor: Actor, name: str = "", lasts: timedelta | None = None) -> str:
    """A new API token for a person; it may do what the person may. The only time that it can be read.

    Without `lasts` it ends when it is revoked. Raises `SecretRefused`.
    """
    token, kept = _new(API_TOKEN, name, lasts)
    row = ApiToken.objects.create(user=user, given_by=actor.name, **kept)
    _record("issued", row, actor=actor)
    return token


@transaction.atomic
def rotate(secret: AgentKey | ApiToken, *, actor: Actor, overlap: timedelta = OVERLAP) -> str:
    """A new key or token in place of this one, which goes on to work for `overlap` and then ends.

    The new one has its name, and lasts as long as the old one was to last. The only time that
    it can be read. Raises `SecretRefused`, also where the old one has ended already: then
    nothing has to overlap, and a new one is issued.
    """
    if not timedelta(0) <= overlap <= LONGEST_OVERLAP:
        raise SecretRefused("overlap", f"An overlap is between 0 and {LONGEST_OVERLAP.days} days.")
    row = _lock(secret)
    if not _opens(row):
        raise SecretRefused("", f"{row.prefix}… has ended already; make a new one.")
    lasts = row.expires_at - row.created_at if row.expires_at else None
    new, kept = _new(AGENT_KEY if isinstance(row, AgentKey) else API_TOKEN, row.name, lasts)
    owner = {"agent": row.agent} if isinstance(row, AgentKey) else {"user": row.user}
    successor = type(row)._default_manager.create(**owner, given_by=actor.name, **kept)
    row.expires_at = Least(F("expires_at"), Now() + overlap)
    row.save(update_fields=["expires_at"])
    _record("issued", successor, actor=actor, replaces=row.pk)
    _record("rotated", row, actor=actor, replaced_by=successor.pk)
    return new


@transaction.atomic
def revoke(secret: AgentKey | ApiToken, *, actor: Actor) -> bool:
    """Let a key or token count no more from now on; False when it already was revoked."""
    row = _lock(secret)
    if row.revoked_at is not None:
        return False
    row.revoked_at = Now()
    row.save(update_fields=["revoked_at"])
    _record("revoked", row, actor=actor)
    return True


def newest_first(rows: QuerySet[S]) -> QuerySet[S]:
    """With what a person should know of each, by the database's clock.

    `state` is `live`, `expired` or `revoked`; of those that are live `ends_soon` says that they
    end within a fortnight, `forgotten` that nobody has used them for ninety days.
    """
    expired = Q(expires_at__lte=Now())
    is_live = Q(revoked_at=None) & ~Q(expires_at__isnull=False, expires_at__lte=Now())
    used = Coalesce("last_used_at", "created_at")
    return rows.annotate(
        state=Case(
            When(revoked_at__isnull=False, then=Value("revoked")),
            When(expired, then=Value("expired")),
            default=Value("live"),
        ),
        ends_soon=ExpressionWrapper(
            is_live & Q(expires_at__isnull=False, expires_at__lte=Now() + SOON), BooleanField()
        ),
        forgotten=ExpressionWrapper(is_live & Q(LessThan(used, Now() - FORGOTTEN)), BooleanField()),
    ).order_by("-pk")


def find(prefix: str) -> AgentKey | ApiToken:
    """The one key or token that begins so. Raises `UnknownSecret` when none or several do."""
    if len(prefix) < PREFIX_LENGTH:
        raise UnknownSecret(f"Give at least {PREFIX_LENGTH} characters of the key.")
    found: list[AgentKey | ApiToken] = [
        *AgentKey.objects.filter(prefix=prefix[:PREFIX_LENGTH]).select_related("agent"),
        *ApiToken.objects.filter(prefix=prefix[:PREFIX_LENGTH]).select_related("user"),
    ]
    if len(found) != 1:
        raise UnknownSecret(
            f"{'Several keys begin' if found else 'No key begins'} with {prefix[:PREFIX_LENGTH]}."
        )
    return found[0]


def _new(kind: str, name: str, lasts: timedelta | None) -> tuple[str, dict[str, Any]]:
    """The secret, and what is kept of it."""
    if len(name) > 100 or not name.isprintable():
        raise SecretRefused("name", "A name has at most 100 visible characters.")
    if lasts is not None and not timedelta(minutes=1) <= lasts <= LONGEST:
        raise SecretRefused("lasts", f"It lasts at least a minute and at most {LONGEST.days} days.")
    key = kind + secrets.token_urlsafe(32)
    expires = None if lasts is None else Now() + lasts
    return key, {
        "prefix": key[:PREFIX_LENGTH],
        "hash": hash_of(key),
        "name": name.strip(),
        "expires_at": expires,
    }


def _opens(row: AgentKey | ApiToken) -> bool:
    """Whether it opens anything now, by the database's clock."""
    rows = type(row)._default_manager.filter(pk=row.pk, revoked_at=None)
    return rows.exclude(expires_at__lte=Now()).exists()


def _lock(secret: AgentKey | ApiToken) -> AgentKey | ApiToken:
    row: AgentKey | ApiToken = type(secret)._default_manager.select_for_update().get(pk=secret.pk)
    return row


def _record(done: str, row: AgentKey | ApiToken, *, actor: Actor, **more: Any) -> None:
    row.refresh_from_db(fields=["expires_at"])
    facts: dict[str, Any] = {"key": row.pk, "prefix": row.prefix, "name": row.name}
    facts["expires_at"] = row.expires_at.isoformat() if row.expires_at else None
    if isinstance(row, AgentKey):
        facts |= {"agent": str(row.agent_id), "agent_name": row.agent.name}
    else:
        facts |= {"user": str(row.user_id), "user_name": row.user.username}
    kind = "agent_key" if isinstance(row, AgentKey) else "api_token"
    record(f"{kind}.{done}", actor=actor, data={**facts, **more})
