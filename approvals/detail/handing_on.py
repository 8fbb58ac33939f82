"""To whom a proposal can be handed on: a team that it is escalated to, a person that it is assigned to."""

from __future__ import annotations

from dataclasses import dataclass

from approvals.detail.read import person
from audit.ground.prepared import execute
from governance.door.deciders import MAY_DECIDE
from governance.models import User
from suggestions.models import Proposal

MOST_PEOPLE = 100


@dataclass(frozen=True, slots=True)
class HandingOn:
    """Other teams in which somebody may decide, and the other people who could decide on this; by name."""

    teams: list[tuple[str, str]]
    people: list[User]


def handing_on(proposal: Proposal, reader: User) -> HandingOn:
    [(teams, people)] = execute(_OTHERS, {"teams": proposal.teams, "reader": reader.pk})
    return HandingOn([(slug, name) for slug, name in teams], [person(row) for row in people])


_OTHERS = f"""
WITH may AS MATERIALIZED (
    SELECT u.id, u.first_name, u.last_name, u.username FROM governance_user u WHERE {MAY_DECIDE}
), asked AS (
    SELECT m.user_id FROM governance_user_teams m WHERE m.team_id = ANY(%(teams)s::varchar[])
    UNION
    SELECT a.deputy_id FROM governance_absence a
      JOIN governance_user away ON away.id = a.person_id
      JOIN governance_user_teams m ON m.user_id = a.person_id
     WHERE away.is_active AND a.ended_at IS NULL
       AND a.since <= statement_timestamp() AND a.until > statement_timestamp()
       AND m.team_id = ANY(%(teams)s::varchar[])
)
SELECT (SELECT coalesce(json_agg(json_build_array(t.slug, t.name) ORDER BY t.name), '[]')
          FROM governance_team t
         WHERE t.slug <> ALL(%(teams)s::varchar[])
           AND EXISTS (SELECT FROM governance_user_teams m JOIN may ON may.id = m.user_id
                        WHERE m.team_id = t.slug)),
       (SELECT coalesce(json_agg(others ORDER BY first_name, username), '[]')
          FROM (SELECT * FROM may WHERE id IN (SELECT user_id FROM asked) AND id <> %(reader)s
                 ORDER BY first_name, username LIMIT {MOST_PEOPLE}) others)
"""
