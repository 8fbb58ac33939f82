"""Who is asking the API: an agent by its key, or a person's program by its token."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import Q
from django.db.models.functions import Now
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from audit.ground.actors import Actor
from audit.statements.prepared import execute, unsaved
from governance.door import strangers
from governance.door.keys import API_TOKEN, PREFIX_LENGTH, hash_of
from governance.door.teams import remember_teams, teams_sql
from governance.models import Agent, AgentKey, ApiToken, User
from governance.trust.passing import NOTHING_KNOWN, Circumstances

# What every submission has to know, in one statement: who, which policies and deployment are in
# force, which kill switches are on, and whether the action types that this process keeps ready are
# still the newest.
_STANDS = """
       a.id, a.name, a.owner_id, a.enabled, a.allowed_actions, a.boundaries, a.callback_secret_version,
       (SELECT digest FROM governance_policyversion WHERE status = 'active'),
       (SELECT max(id) FROM governance_actiontype),
       (SELECT digest FROM governance_policyversion WHERE shadow AND status IN ('approved', 'retired')),
       (SELECT label FROM governance_deployment d WHERE d.agent_id = a.id AND d.status = 'active'),
       ARRAY(SELECT CASE scope WHEN 'action' THEN 'action:' || action ELSE scope END
               FROM governance_halt WHERE lifted_at IS NULL AND (agent_id IS NULL OR agent_id = a.id)),
       ARRAY(SELECT id FROM governance_standingapproval s
              WHERE s.agent_id = a.id AND s.status = 'active' AND s.expires_at > statement_timestamp()
              ORDER BY id)
"""
_OF_KEY = f"""
  FROM governance_agentkey k JOIN governance_agent a ON a.id = k.agent_id,
       LATERAL (SELECT {_STANDS} OFFSET 0) stands
 WHERE k.hash = %(key_hash)s AND k.revoked_at IS NULL
   AND (k.expires_at IS NULL OR k.expires_at > statement_timestamp())
"""
_BY_KEY = f"""
SELECT k.id, k.last_used_at IS NULL OR k.last_used_at < now() - interval '1 minute', stands::text,
       stands.*, statement_timestamp()
{_OF_KEY}
"""
_BY_ID = f"SELECT {_STANDS}, statement_timestamp() FROM governance_agent a WHERE a.id = %s"
# How the agent of a key stands, as one text; no row where `key_hash` opens nothing.
STANDS_SQL = f"SELECT stands::text {_OF_KEY}"
_AGENT_COLUMNS = (
    "id",
    "name",
    "owner_id",
    "enabled",
    "allowed_actions",
    "boundaries",
    "callback_secret_version",
)

# Of a person `u`, as `user.has_perm` is asked for them.
PERMISSIONS = """
       ARRAY(SELECT c.app_label || '.' || p.codename
               FROM auth_permission p JOIN django_content_type c ON c.id = p.content_type_id
              WHERE p.id IN (SELECT permission_id FROM governance_user_user_permissions WHERE user_id = u.id
                              UNION ALL
                             SELECT g.permission_id
                               FROM auth_group_permissions g JOIN governance_user_groups m USING (group_id)
                              WHERE m.user_id = u.id))
"""
_FIELDS = [field.attname for field in User._meta.concrete_fields]
_PERSON = f"""
SELECT {", ".join(f'u."{name}"' for name in _FIELDS)}, t.id,
       t.last_used_at IS NULL OR t.last_used_at < now() - interval '1 minute',
       {PERMISSIONS}, {teams_sql("u.id")}
  FROM governance_apitoken t JOIN governance_user u ON u.id = t.user_id
 WHERE t.hash = %s AND t.revoked_at IS NULL AND (t.expires_at IS NULL OR t.expires_at > statement_timestamp())
   AND u.is_active
"""
_LAST_USE_IS_OLD = Q(last_used_at=None) | Q(last_used_at__lt=Now() - timedelta(minutes=1))


class Stands(NamedTuple):
    """How the agent of a key stood: what `STANDS_SQL` says of it."""

    key_hash: str
    said: str

    def is_so(self) -> bool:
        """Whether it says the same now."""
        return execute(STANDS_SQL, {"key_hash": self.key_hash}) == [(self.said,)]


@dataclass(frozen=True, slots=True)
class AgentCaller:
    """An agent that has shown a valid key, and how things stood at that moment (`at`)."""

    agent: Agent
    policy: str | None
    newest_action_type: int
    at: datetime
    circumstances: Circumstances = NOTHING_KNOWN
    shadow: str | None = None  # the policy that runs beside the active one
    standing: tuple[UUID, ...] = ()  # the standing approvals that count
    stands: Stands | None = None  # None where no key was shown
    recalled: bool = False  # from the request before
    is_authenticated: bool = True
    is_active: bool = True

    def has_perm(self, permission: str, obj: object = None) -> bool:
        return False

    def as_actor(self) -> Actor:
        return self.agent.as_actor()


def person_of(request: Request) -> User:
    """The person who asks; only for views whose door lets nobody else in."""
    if not isinstance(request.user, User):
        raise TypeError("This view let somebody in who is not a person.")
    return request.user


def agent_of(request: Request) -> AgentCaller:
    """The agent that asks; only for views whose door lets nobody else in."""
    if not isinstance(request.user, AgentCaller):
        raise TypeError("This view let somebody in who is not an agent.")
    return request.user


class UnknownKey(AuthenticationFailed):
    default_detail = "This key is unknown, expired or was revoked."


class BearerAuthentication(BaseAuthentication):
    """`Authorization: Bearer rk_…` (agents) or `Bearer rt_…` (people).

    A view may have its own `agent_by`.
    """

    def authenticate(self, request: Request) -> tuple[Any, str] | None:
        kind, _, key = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
        if not kind:
            return None
        if kind.lower() != "bearer" or not key:
            raise AuthenticationFailed("Send `Authorization: Bearer` and a key.")
        key_hash = hash_of(key)
        strangers.let_through(request, key_hash)
        found = _person(key_hash) if key.startswith(API_TOKEN) else _look_up(request)(key_hash)
        if found is None:
            raise UnknownKey
        strangers.opened(key_hash)
        return found, key[:PREFIX_LENGTH]

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="reviewapp"'


def caller_of(agent: Agent) -> AgentCaller:
    """The agent as it would stand before the API now, without a key being shown."""
    [row] = execute(_BY_ID, [agent.pk])
    return _caller(row)


def _look_up(request: Request) -> Callable[[str], AgentCaller | None]:
    return getattr(request.parser_context["view"], "agent_by", agent_by)


def agent_by(key_hash: str) -> AgentCaller | None:
    """Whose key this is, and how it stands now; None where the key opens nothing."""
    found = execute(_BY_KEY, {"key_hash": key_hash})
    if not found:
        return None
    key_id, used_again, said, *row = found[0]
    if used_again:
        _note_use(AgentKey, key_id, key_hash)
    return _caller(row, Stands(key_hash, said))


def _caller(row: Sequence[Any], stands: Stands | None = None) -> AgentCaller:
    *columns, policy, newest, shadow, deployment, halts, standing, at = row
    agent = unsaved(Agent, **dict(zip(_AGENT_COLUMNS, columns, strict=True)))
    circumstances = Circumstances(deployment or "", tuple(halts))
    return AgentCaller(agent, policy, newest or 0, at, circumstances, shadow, tuple(standing), stands)


def _person(key_hash: str) -> User | None:
    found = execute(_PERSON, [key_hash])
    if not found:
        return None
    *fields, token_id, used_again, permissions, teams = found[0]
    if used_again:
        _note_use(ApiToken, token_id, key_hash)
    user = User.from_db("default", _FIELDS, fields)
    # Where Django's backends keep what they looked up, and look first.
    user._perm_cache = set(permissions)  # type: ignore[attr-defined]
    remember_teams(user, teams)
    return user


def _note_use(kind: type[AgentKey] | type[ApiToken], id: int, key_hash: str) -> None:
    """Remember when a secret was last used, once a minute at most."""
    strangers.remember(key_hash)
    kind.objects.filter(_LAST_USE_IS_OLD, pk=id).update(last_used_at=Now())
