"""Whose session it is, with what every page asks about them: one query for each request.

Nothing is kept beyond it: who was signed out, switched off or put into another team is so at the next.
"""

from __future__ import annotations

from django.contrib.auth.backends import ModelBackend

from audit.ground.prepared import execute
from governance.door.authentication import PERMISSIONS
from governance.models import Team, User
from governance.people import people

_FIELDS = [field.attname for field in User._meta.concrete_fields]
_PERSON = f"""
SELECT {", ".join(f'u."{name}"' for name in _FIELDS)}, {PERMISSIONS},
       ARRAY(SELECT g.name FROM auth_group g JOIN governance_user_groups m ON m.group_id = g.id
              WHERE m.user_id = u.id ORDER BY g.name),
       ARRAY(SELECT ARRAY[t.slug, t.name] FROM governance_team t
              WHERE t.slug IN (SELECT m.team_id FROM governance_user_teams m
                                WHERE m.user_id = u.id OR m.user_id IN (
                                      SELECT a.person_id FROM governance_absence a
                                        JOIN governance_user away ON away.id = a.person_id
                                       WHERE a.deputy_id = u.id AND away.is_active AND a.ended_at IS NULL
                                         AND a.since <= statement_timestamp()
                                         AND a.until > statement_timestamp()))
              ORDER BY t.name)
  FROM governance_user u
 WHERE u.id = %s
"""


class People(ModelBackend):
    """Django's own; its people know their permissions, roles and teams (`people.known_teams_of`) already."""

    def get_user(self, user_id: int) -> User | None:
        found = execute(_PERSON, [user_id])
        if not found:
            return None
        *fields, permissions, roles, teams = found[0]
        user = User.from_db("default", _FIELDS, fields)
        if not self.user_can_authenticate(user):
            return None
        if not user.is_superuser:
            user._perm_cache = set(permissions)  # type: ignore[attr-defined]
        people.knows(
            user, teams=[Team.from_db("default", ["slug", "name"], row) for row in teams], roles=roles
        )
        return user
