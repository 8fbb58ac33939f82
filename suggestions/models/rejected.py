"""What a person said no to, so that it is not asked again."""

from __future__ import annotations

from typing import Self

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from governance.models import User
from suggestions.models.proposals import Proposal


class RejectedActionQuerySet(models.QuerySet["RejectedAction"]):
    def standing(self) -> Self:
        """Those that may not be asked for again now."""
        return self.filter(reopened_at=None, until__gt=Now())


class RejectedAction(models.Model):
    """An action that a person said no to: its agent does not ask for it again before `until`."""

    fingerprint = models.CharField(
        max_length=71, help_text="As `suggestions.intake.asking_again` computes it."
    )
    proposal = models.ForeignKey(Proposal, models.CASCADE, related_name="rejected_actions")
    at = models.DateTimeField(db_default=Now())
    until = models.DateTimeField()
    reopened_at = models.DateTimeField(null=True, blank=True)
    reopened_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")

    objects = RejectedActionQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["fingerprint", "proposal"], name="rejected_once_per_proposal"),
            models.CheckConstraint(
                condition=Q(reopened_at=None, reopened_by=None)
                | Q(reopened_at__isnull=False, reopened_by__isnull=False),
                name="rejected_reopened_by_somebody",
            ),
        ]
        indexes = [models.Index(fields=["until"], name="rejected_by_end")]

    def __str__(self) -> str:
        return f"{self.fingerprint[:19]} until {self.until}"
