"""Who has what now: accounts, roles, teams, single permissions, keys, tokens and standing approvals.

One list, a row a grant, each with since when, given by whom and last used. It is asked of the tables that let
people and agents in, so it cannot say anything else than what counts. See docs/decisions/0063.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connection, models, transaction

from audit.evidence.export import csv_of
from audit.ground.actors import Actor
from audit.ground.refusals import Invalid
from audit.log.record import record

PAGE = 50
UNUSED_DAYS = 90


class Kind(models.TextChoices):
    """What can be given. Their order in the list is that of their names."""

    ACCOUNT = "account"
    KEY = "key", "agent’s key"
    PERMISSION = "permission", "single permission"
    ROLE = "role"
    STANDING = "standing", "standing approval"
    TEAM = "team"
    TOKEN = "token", "personal token"


@dataclass(frozen=True, slots=True)
class Grant:
    """One thing that somebody has, named by `holder`, `kind` and `target`; `user` is None of an agent's."""

    holder: str
    kind: str
    target: str
    holder_name: str
    user: int | None
    what: str
    since: datetime | None
    given_by: str
    last_used_at: datetime | None
    second_factor: bool | None
    is_unused: bool


class Position(NamedTuple):
    """The last grant of a page."""

    holder: str
    kind: str
    target: str

    def as_text(self) -> str:
        return "/".join(self)

    @classmethod
    def of(cls, grant: Grant) -> Position:
        return cls(grant.holder, grant.kind, grant.target)

    @classmethod
    def read(cls, text: str) -> Position | None:
        """None where no page can have named it. Names of people, teams and agents hold no slash."""
        parts = text[:400].split("/")
        return cls(*parts) if len(parts) == 3 else None


@dataclass(frozen=True)
class Filters:
    """What of the list is asked for; empty: everything. Of `role` and `team` and `kind` each narrows it."""

    holder: str = ""  # a part of the account's or agent's name
    kind: str = ""
    role: str = ""
    team: str = ""
    unused: bool = False

    @classmethod
    def read(cls, query: Mapping[str, str]) -> Filters:
        """Raises `Invalid` for a kind that there is not."""
        texts = {name: query.get(name, "").strip()[:150] for name in ("holder", "kind", "role", "team")}
        if texts["kind"] and texts["kind"] not in Kind.values:
            raise Invalid.field("?kind", f"One of {', '.join(Kind.values)}.")
        return cls(**texts, unused=query.get("unused") == "yes")

    def as_query(self) -> dict[str, str]:
        """The parts that are asked for, as they stand in an address."""
        asked = {name: value for name, value in vars(self).items() if value}
        return {name: "yes" if value is True else str(value) for name, value in asked.items()}


def _name(person: str) -> str:
    """The printed name of a person, in SQL, of a table's alias; null where there is nobody."""
    full = f"concat_ws(' ', nullif({person}.first_name, ''), nullif({person}.last_name, ''))"
    return f"coalesce(nullif({full}, ''), {person}.username)"


_STILL_OPENS = "k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > statement_timestamp())"
_KEY_NAME = "k.prefix || '…' || CASE WHEN k.name = '' THEN '' ELSE ', for ' || k.name END"
_TOKENS = "SELECT max(t.last_used_at) FROM governance_apitoken t WHERE t.user_id = u.id"
_SECOND = "SELECT FROM mfa_authenticator m WHERE m.user_id = u.id AND m.type IN ('totp', 'webauthn')"
# Of people whose account is active: of one that is shut nothing opens anything.
_GRANTS = f"""
WITH p AS (
    SELECT u.username, {_name("u")} AS name, u.id, greatest(u.last_login, ({_TOKENS})) AS last_used_at,
           EXISTS ({_SECOND}) AS second_factor, u.is_superuser, u.date_joined, u.let_in_by
      FROM governance_user u WHERE u.is_active
), every (holder, kind, target, holder_name, user_id, what, since, given_by, last_used_at, second_factor) AS (
    SELECT username, 'account', id::text, name, id, 'may sign in', date_joined, let_in_by, last_used_at,
           second_factor FROM p
    UNION ALL
    SELECT username, 'role', 'superuser', name, id, 'superuser', NULL, '', last_used_at, second_factor
      FROM p WHERE is_superuser
    UNION ALL
    SELECT username, 'role', g.name, p.name, p.id, g.name, h.since, h.given_by, last_used_at, second_factor
      FROM p JOIN governance_user_groups h ON h.user_id = p.id JOIN auth_group g ON g.id = h.group_id
    UNION ALL
    SELECT username, 'team', t.slug, p.name, p.id, t.name, h.since, h.given_by, last_used_at, second_factor
      FROM p JOIN governance_user_teams h ON h.user_id = p.id JOIN governance_team t ON t.slug = h.team_id
    UNION ALL
    SELECT username, 'permission', c.app_label || '.' || x.codename, p.name, p.id,
           c.app_label || '.' || x.codename, NULL, '', last_used_at, second_factor
      FROM p JOIN governance_user_user_permissions h ON h.user_id = p.id
      JOIN auth_permission x ON x.id = h.permission_id JOIN django_content_type c ON c.id = x.content_type_id
    UNION ALL
    SELECT username, 'token', k.id::text, p.name, p.id, {_KEY_NAME}, k.created_at, k.given_by, k.last_used_at,
           second_factor
      FROM p JOIN governance_apitoken k ON k.user_id = p.id WHERE {_STILL_OPENS}
    UNION ALL
    SELECT a.name, 'key', k.id::text, a.name, NULL, {_KEY_NAME}, k.created_at, k.given_by, k.last_used_at,
           NULL
      FROM governance_agentkey k JOIN governance_agent a ON a.id = k.agent_id WHERE {_STILL_OPENS}
    UNION ALL
    SELECT a.name, 'standing', s.id::text, a.name, NULL,
           s.action || ', used ' || s.uses || ' of ' || s.uses_allowed || ' times', s.activated_at,
           coalesce({_name("b")}, ''), NULL, NULL
      FROM governance_standingapproval s JOIN governance_agent a ON a.id = s.agent_id
      LEFT JOIN governance_user b ON b.id = s.activated_by_id
     WHERE s.status = 'active' AND s.expires_at > statement_timestamp()
), asked AS (
    SELECT *, kind <> 'standing' AND coalesce(last_used_at, since, '-infinity')
              < statement_timestamp() - interval '{UNUSED_DAYS} days' AS is_unused
      FROM every
)
"""
_COLUMNS = """holder, kind, target, holder_name, user_id, what, since, given_by, last_used_at, second_factor,
       is_unused"""
_FITS = """
 WHERE (%(kind)s = '' OR kind = %(kind)s)
   AND (%(role)s = '' OR kind = 'role' AND target = %(role)s)
   AND (%(team)s = '' OR kind = 'team' AND target = %(team)s)
   AND (NOT %(unused)s OR is_unused)
   AND (%(holder)s = '' OR strpos(lower(holder), lower(%(holder)s)) > 0
        OR strpos(lower(holder_name), lower(%(holder)s)) > 0)
"""
_AFTER = " AND (holder, kind, target) > (%(after_holder)s, %(after_kind)s, %(after_target)s)"
_ORDERED = " ORDER BY holder, kind, target"
_UTC = """to_char({} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')"""
_CELLS = {
    "holder": "holder",
    "name": "holder_name",
    "kind": "kind",
    "what": "what",
    "since": _UTC.format("since"),
    "given_by": "given_by",
    "last_used_at": _UTC.format("last_used_at"),
    "unused_for_90_days": "is_unused::text",
    "second_factor": "second_factor::text",
}
EVERYTHING = Filters()


def page(filters: Filters, *, after: Position | None = None, size: int = PAGE) -> tuple[list[Grant], bool]:
    """So many grants by the names of their holders, and whether more follow."""
    values = {**vars(filters), "most": size + 1}
    narrower = ""
    if after:
        narrower = _AFTER
        values |= {f"after_{name}": part for name, part in after._asdict().items()}
    found = _asked(f"{_FITS}{narrower}{_ORDERED} LIMIT %(most)s", values)
    return found[:size], len(found) > size


def everything() -> list[Grant]:
    """Every grant of this moment, for a review to be begun with."""
    return _asked(_ORDERED, {})


def is_there(holder: str, kind: str, target: str) -> bool:
    """Whether this grant counts now."""
    named = " WHERE holder = %(holder)s AND kind = %(kind)s AND target = %(target)s"
    return bool(_asked(named, {"holder": holder, "kind": kind, "target": target}))


def export(filters: Filters, *, actor: Actor) -> Iterator[bytes]:
    """What fits as CSV for spreadsheets. That it was asked for stands in the log before the first piece."""
    with transaction.atomic():
        record("access.exported", actor=actor, data={"format": "csv", "filters": filters.as_query()})
    return csv_of(_CELLS, f"FROM ({_GRANTS} SELECT * FROM asked) asked {_FITS}{_ORDERED}", vars(filters))


def _asked(rest: str, values: Mapping[str, Any]) -> list[Grant]:
    with connection.cursor() as cursor:
        cursor.execute(f"{_GRANTS} SELECT {_COLUMNS} FROM asked {rest}", values)
        return [Grant(*row) for row in cursor.fetchall()]
