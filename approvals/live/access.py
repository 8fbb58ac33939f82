"""Who of those with an open page may go on seeing it: their session, their account, their permission."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from django.contrib.sessions.models import Session
from django.db import connection

from governance.models import Absence, User

SIGNED_OUT, NOT_ALLOWED = 4401, 4403
Key = tuple[int, str]  # a person, and the session that their page was opened in


@dataclass(frozen=True)
class Access:
    """The teams whose proposals a person sees; `every` for people who see all of them."""

    teams: frozenset[str]
    every: bool = False

    def covers(self, teams: Iterable[str]) -> bool:
        return self.every or not self.teams.isdisjoint(teams)


NOTHING = Access(frozenset())


@dataclass(frozen=True)
class Standing:
    """How somebody who is signed in stands now; `desk` where they may see the queue, `executions` where
    they may see what came of its proposals."""

    desk: Access | None
    executions: Access | None = None


def standing_of(keys: Collection[Key]) -> dict[Key, Standing]:
    """How these stand now, in one query however many are asked for.

    Left out is whose session is over, belongs to somebody else or was begun with another password, and
    whose account is not active.
    """
    asked = sorted(set(keys))
    if not asked:
        return {}
    known = [_known.get(session, _NOT_KNOWN).hash for _, session in asked]
    sql, params = _absences()
    with connection.cursor() as cursor:
        cursor.execute(
            _QUERY.format(absences=sql),
            [[user for user, _ in asked], [session for _, session in asked], known, *params],
        )
        rows = cursor.fetchall()
    found: dict[Key, Standing] = {}
    for user, session, data, password, may, every, carried_out, teams in rows:
        if _opened(session, data) == (str(user), _stamp(password)):
            seen = Access(frozenset(() if every else teams), every=every) if may or every else None
            found[user, session] = Standing(seen, (seen or NOTHING) if carried_out else None)
    return found


def desk_of(standing: Standing | None) -> Access | int:
    """What they may see of the queue now, or the code to close their page with."""
    if standing is None:
        return SIGNED_OUT
    return standing.desk or NOT_ALLOWED


def executions_of(standing: Standing | None) -> Access | int:
    if standing is None:
        return SIGNED_OUT
    return standing.executions or NOT_ALLOWED


def frame_of(standing: Standing | None) -> Access | int:
    """What stands on every page is everybody's who is signed in."""
    return SIGNED_OUT if standing is None else NOTHING


# Each part is read for all who are asked for together: looked up for one after the other, five hundred
# members of a group would each be compared with five hundred.
_QUERY = """
WITH asked AS MATERIALIZED (
    SELECT person, session, known
      FROM unnest(%s::bigint[], %s::text[], %s::text[]) AS a (person, session, known)
), named AS MATERIALIZED (
    SELECT p.id, p.codename FROM auth_permission p JOIN django_content_type c ON c.id = p.content_type_id
     WHERE (c.app_label, p.codename) IN (('suggestions', 'view_proposal'),
                                         ('suggestions', 'view_every_proposal'),
                                         ('execution', 'view_execution'))
), may AS (
    SELECT person, bool_or(codename = 'view_proposal') AS desk,
           bool_or(codename = 'view_every_proposal') AS every,
           bool_or(codename = 'view_execution') AS carried_out
      FROM (SELECT m.user_id AS person, n.codename
              FROM named n JOIN auth_group_permissions g ON g.permission_id = n.id
              JOIN governance_user_groups m ON m.group_id = g.group_id
             UNION ALL
            SELECT d.user_id, n.codename
              FROM named n JOIN governance_user_user_permissions d ON d.permission_id = n.id) AS given
     WHERE person IN (SELECT person FROM asked)
     GROUP BY person
), acts AS (
    SELECT person, array_agg(team_id) AS teams
      FROM (SELECT user_id AS person, team_id FROM governance_user_teams
             UNION ALL
            SELECT a.deputy_id, t.team_id
              FROM ({absences}) a JOIN governance_user_teams t ON t.user_id = a.person_id) AS of_each
     WHERE person IN (SELECT person FROM asked)
     GROUP BY person
)
SELECT a.person, a.session,
       CASE WHEN encode(sha256(convert_to(s.session_data, 'UTF8')), 'hex') = a.known THEN NULL
            ELSE s.session_data END,
       u.password, coalesce(may.desk, false) OR u.is_superuser, coalesce(may.every, false) OR u.is_superuser,
       coalesce(may.carried_out, false) OR u.is_superuser, coalesce(acts.teams, '{{}}')
  FROM asked a
  JOIN django_session s ON s.session_key = a.session AND s.expire_date > statement_timestamp()
  JOIN governance_user u ON u.id = a.person AND u.is_active
  LEFT JOIN may ON may.person = a.person
  LEFT JOIN acts ON acts.person = a.person
"""


@lru_cache(maxsize=1)
def _absences() -> tuple[str, tuple[Any, ...]]:
    """Who stands in for whom now, as a statement."""
    running = Absence.objects.running().filter(person__is_active=True)
    sql, params = running.values("deputy_id", "person_id").query.sql_with_params()
    return sql, params


class _Opened(NamedTuple):
    """Whose session it is, and by which password it was begun."""

    user: str
    stamp: str


class _Known(NamedTuple):
    """What a session says, decoded once for as long as its hash stays the same."""

    hash: str
    said: _Opened


_NOT_KNOWN = _Known("", _Opened("", ""))
_known: dict[str, _Known] = {}


def _opened(key: str, data: str | None) -> _Opened:
    if data is None:
        return _known.get(key, _NOT_KNOWN).said
    content = Session(session_key=key, session_data=data).get_decoded()
    said = _Opened(str(content.get("_auth_user_id")), str(content.get("_auth_user_hash")))
    if len(_known) > 10_000:
        _known.clear()
    _known[key] = _Known(hashlib.sha256(data.encode()).hexdigest(), said)
    return said


@lru_cache(maxsize=10_000)
def _stamp(password: str) -> str:
    return User(password=password).get_session_auth_hash()
