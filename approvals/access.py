"""Who of those with an open page may go on seeing it: their session, their account, their permission."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.contrib.sessions.models import Session
from django.db import connection
from django.db.models import Exists, OuterRef, QuerySet

from governance import people
from governance.models import User

SIGNED_OUT, NOT_ALLOWED = 4401, 4403
Key = tuple[int, str]  # a person, and the session that their page was opened in


@dataclass(frozen=True)
class Access:
    """The teams whose proposals a person sees; `every` for people who see all of them."""

    teams: frozenset[str]
    every: bool = False

    def covers(self, teams: Iterable[str]) -> bool:
        return self.every or not self.teams.isdisjoint(teams)


@dataclass(frozen=True)
class Standing:
    """How somebody who is signed in stands now; `desk` where they may see the queue."""

    desk: Access | None


def standing_of(keys: Collection[Key]) -> dict[Key, Standing]:
    """How these stand now, in one query however many are asked for.

    Left out is whose session is over, belongs to somebody else or was begun with another password, and
    whose account is not active.
    """
    asked = sorted(set(keys))
    if not asked:
        return {}
    known = [_known.get(session, ("",))[0] for _, session in asked]
    sql, params = _people()
    with connection.cursor() as cursor:
        cursor.execute(
            _QUERY.format(people=sql),
            [[user for user, _ in asked], [session for _, session in asked], known, *params],
        )
        rows = cursor.fetchall()
    found: dict[Key, Standing] = {}
    for user, session, data, password, may, every, teams in rows:
        if _opened(session, data) == (str(user), _stamp(password)):
            desk = Access(frozenset(() if every else teams), every=every) if may or every else None
            found[user, session] = Standing(desk)
    return found


def access_of(keys: Collection[Key]) -> dict[Key, Access | int]:
    """What each may see of the queue now, or the code to close their page with."""
    standing = standing_of(keys)
    return {key: desk_of(standing.get(key)) for key in keys}


def desk_of(standing: Standing | None) -> Access | int:
    if standing is None:
        return SIGNED_OUT
    return standing.desk or NOT_ALLOWED


_QUERY = """
SELECT a.person, a.session,
       CASE WHEN encode(sha256(convert_to(s.session_data, 'UTF8')), 'hex') = a.known THEN NULL
            ELSE s.session_data END,
       p.password, p.may, p.every, p.acts_for
  FROM unnest(%s::bigint[], %s::text[], %s::text[]) AS a (person, session, known)
  JOIN django_session s ON s.session_key = a.session AND s.expire_date > statement_timestamp()
  JOIN ({people}) p ON p.id = a.person
"""


@lru_cache(maxsize=1)
def _people() -> tuple[str, tuple[Any, ...]]:
    """Everybody who is active, with what the queue asks of them."""
    rows = User.objects.filter(is_active=True).annotate(
        may=Exists(_with_permission("suggestions.view_proposal")),
        every=Exists(_with_permission("suggestions.view_every_proposal")),
        acts_for=ArraySubquery(people.acts_for(OuterRef("pk"), OuterRef(OuterRef("pk")))),
    )
    sql, params = rows.values("id", "password", "may", "every", "acts_for").query.sql_with_params()
    return sql, params


def _with_permission(name: str) -> QuerySet[User]:
    found = User.objects.with_perm(name, backend="django.contrib.auth.backends.ModelBackend")
    return found.filter(pk=OuterRef("pk"))


# What a session says, decoded once for as long as it stays the same: its hash, and the user and password
# stamp in it.
_known: dict[str, tuple[str, tuple[str, str]]] = {}


def _opened(key: str, data: str | None) -> tuple[str, str]:
    if data is None:
        return _known.get(key, ("", ("", "")))[1]
    content = Session(session_key=key, session_data=data).get_decoded()
    said = (str(content.get("_auth_user_id")), str(content.get("_auth_user_hash")))
    if len(_known) > 10_000:
        _known.clear()
    _known[key] = (hashlib.sha256(data.encode()).hexdigest(), said)
    return said


@lru_cache(maxsize=10_000)
def _stamp(password: str) -> str:
    return User(password=password).get_session_auth_hash()
