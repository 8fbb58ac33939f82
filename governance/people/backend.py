"""Whose session it is, with what every page asks about them: one query for each request.

Nothing is kept beyond it: who was signed out, switched off or put into another team is so at the next.
"""

from __future__ import annotations

from django.contrib.auth.backends import ModelBackend

from audit.statements.prepared import execute
from governance.door.authentication import PERMISSIONS
from governance.door.teams import remember_teams, teams_sql
from governance.models import User
from governance.people import people

_FIELDS = [field.attname for field in User._meta.concrete_fields]
_PERSON = f"""
SELECT {", ".join(f'u."{name}"' for name in _FIELDS)}, {PERMISSIONS},
       ARRAY(SELECT g.name FROM auth_group g JOIN governance_user_groups m ON m.group_id = g.id
              WHERE m.user_id = u.id ORDER BY g.name),
       {teams_sql("u.id")}
  FROM governance_user u
 WHERE u.id = %s
"""


class People(ModelBackend):
    """Django's own; its people know their permissions, roles and teams already."""

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
        remember_teams(user, teams)
        people.remember_roles(user, roles)
        return user
