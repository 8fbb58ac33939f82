"""Who may decide on proposals."""

from __future__ import annotations

from collections.abc import Collection

from django.db.models import Q, QuerySet

from governance.models import Absence, User

DECIDES = "approvals.add_decision"


def who_may_decide() -> QuerySet[User]:
    """Everybody active who may decide, whatever their teams."""
    return User.objects.with_perm(DECIDES, backend="django.contrib.auth.backends.ModelBackend")


def who_could_decide(teams: Collection[str]) -> QuerySet[User]:
    """Those who may decide on what these teams are asked: members and deputies of the absent, each once."""
    away = Absence.objects.running().filter(person__teams__in=teams, person__is_active=True)
    return who_may_decide().filter(Q(teams__in=teams) | Q(pk__in=away.values("deputy"))).distinct()
