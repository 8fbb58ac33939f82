"""Keys of agents and tokens of people: shown once, kept as a hash, revocable."""

from __future__ import annotations

import hashlib
import secrets
from typing import Any

from django.db import transaction
from django.db.models.functions import Now

from audit.actors import Actor
from audit.record import record
from audit.refusals import Refusal
from governance.models import Agent, AgentKey, ApiToken, Secret, User

AGENT_KEY = "rk_"
API_TOKEN = "rt_"  # noqa: S105 - how a token begins, not a token
PREFIX_LENGTH = 9


class UnknownSecret(Refusal):
    """No key or token begins with these characters."""


def hash_of(key: str) -> str:
    """What is stored of a key, and what authentication looks up: hex SHA-256 of all of it."""
    return hashlib.sha256(key.encode()).hexdigest()


@transaction.atomic
def issue_key(agent: Agent, *, actor: Actor) -> str:
    """A new key for an agent, next to those it has. The only time that it can be read."""
    key = _new(AGENT_KEY)
    row = AgentKey.objects.create(agent=agent, **_kept(key))
    record("agent_key.issued", actor=actor, data=_facts(row))
    return key


@transaction.atomic
def issue_token(user: User, *, actor: Actor) -> str:
    """A new API token for a person; it may do what the person may. The only time that it can be read."""
    token = _new(API_TOKEN)
    row = ApiToken.objects.create(user=user, **_kept(token))
    record("api_token.issued", actor=actor, data=_facts(row))
    return token


@transaction.atomic
def revoke(secret: AgentKey | ApiToken, *, actor: Actor) -> bool:
    """Let a key or token count no more from now on; False when it already was revoked."""
    row = type(secret)._default_manager.select_for_update().get(pk=secret.pk)
    if row.revoked_at is not None:
        return False
    row.revoked_at = Now()
    row.save(update_fields=["revoked_at"])
    record(
        "agent_key.revoked" if isinstance(row, AgentKey) else "api_token.revoked",
        actor=actor,
        data=_facts(row),
    )
    return True


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


def _new(kind: str) -> str:
    return kind + secrets.token_urlsafe(32)


def _kept(key: str) -> dict[str, str]:
    return {"prefix": key[:PREFIX_LENGTH], "hash": hash_of(key)}


def _facts(row: Secret) -> dict[str, Any]:
    facts: dict[str, Any] = {"key": row.pk, "prefix": row.prefix}
    if isinstance(row, AgentKey):
        facts |= {"agent": str(row.agent_id), "agent_name": row.agent.name}
    elif isinstance(row, ApiToken):
        facts |= {"user": str(row.user_id), "user_name": row.user.username}
    return facts
