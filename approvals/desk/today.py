"""How many a person has decided today: cheap, for the head of every page."""

from __future__ import annotations

from datetime import timedelta

from django.db.models.functions import Now, TruncDay

from approvals.models import Decision
from governance.models import User

MOST = 999


def decided_today(person: User) -> int:
    """Their standing answers since midnight UTC by the database's clock, counted to `MOST`."""
    of_person = Decision.objects.filter(reviewer=person, at__gt=Now() - timedelta(days=1))
    today = of_person.filter(at__gte=TruncDay(Now()), standing=True).exclude(verdict="escalate")
    return today.order_by()[: MOST + 1].count()
