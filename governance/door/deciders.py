"""Who may decide on proposals."""

from __future__ import annotations

from collections.abc import Collection

from django.db.models import Q, QuerySet

from governance.models import Absence, User

DECIDES = "approvals.add_decision"
# Of a person `u`, in SQL: what `who_may_decide` finds.
MAY_DECIDE = """
    u.is_active AND (u.is_superuser OR EXISTS (
        SELECT FROM auth_permission p JOIN django_content_type c ON c.id = p.content_type_id
         WHERE c.app_label = 'approvals' AND p.codename = 'add_decision'
           AND (EXISTS (SELECT FROM governance_user_user_permissions x
                         WHERE x.permission_id = p.id AND x.user_id = u.id)
                OR EXISTS (SELECT FROM auth_group_permissions g JOIN governance_user_groups m USING (group_id)
                            WHERE g.permission_id = p.id AND m.user_id = u.id))))
"""


def who_may_decide() -> QuerySet[User]:
    """Everybody active who may decide, whatever their teams."""
    return User.objects.with_perm(DECIDES, backend="django.contrib.auth.backends.ModelBackend")


def who_could_decide(teams: Collection[str]) -> QuerySet[User]:
    """Those who may decide on what these teams are asked: members and deputies of the absent, each once."""
    away = Absence.objects.running().filter(person__teams__in=teams, person__is_active=True)
    return who_may_decide().filter(Q(teams__in=teams) | Q(pk__in=away.values("deputy"))).distinct()
