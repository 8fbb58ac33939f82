"""Who is out of office, and who stands in."""

from __future__ import annotations

from typing import Self

from django.db import models
from django.db.models import BooleanField, ExpressionWrapper, F, Q
from django.db.models.functions import Now

from audit.ground.canonical import new_salt
from audit.ground.ids import uuid7
from governance.models.people import User

# Of an absence `a` in SQL: what `running()` finds.
RUNNING = "a.ended_at IS NULL AND a.since <= statement_timestamp() AND a.until > statement_timestamp()"


class AbsenceQuerySet(models.QuerySet["Absence"]):
    def visible_to(self, user: User) -> Self:
        """Those that concern this person; all of them for whoever may change them."""
        if user.has_perm("governance.change_absence"):
            return self
        return self.filter(Q(person=user) | Q(deputy=user))

    def coming_or_running(self) -> Self:
        return self.filter(until__gt=Now(), ended_at=None)

    def running(self) -> Self:
        return self.coming_or_running().filter(since__lte=Now())

    def with_running(self) -> Self:
        """Each with `is_running`: whether it is now, by the database's clock."""
        now = Q(since__lte=Now(), until__gt=Now(), ended_at=None)
        return self.annotate(is_running=ExpressionWrapper(now, BooleanField()))


class Absence(models.Model):
    """That somebody is out of office from `since` to `until`, and that their deputy is asked too."""

    id = models.UUIDField(primary_key=True, default=uuid7)
    person = models.ForeignKey(User, models.PROTECT, related_name="absences")
    deputy = models.ForeignKey(User, models.PROTECT, related_name="stands_in")
    since = models.DateTimeField()
    until = models.DateTimeField()
    reason = models.CharField(max_length=200, blank=True)
    salt = models.BinaryField(max_length=16, default=new_salt)
    by = models.ForeignKey(User, models.PROTECT, related_name="+", db_index=False)
    created_at = models.DateTimeField(db_default=Now())
    begun_at = models.DateTimeField(null=True, help_text="When what the person had claimed was given up.")
    ended_at = models.DateTimeField(null=True, help_text="When it was ended before its time.")

    objects = AbsenceQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(until__gt=F("since")), name="absence_ends_after_it_begins"),
            models.CheckConstraint(condition=~Q(person=F("deputy")), name="absence_has_another_as_deputy"),
        ]
        indexes = [
            models.Index(
                fields=["since"], condition=Q(begun_at=None, ended_at=None), name="absence_to_begin"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.person_id} from {self.since} to {self.until}"
