"""Who has a proposal on their screen, and for how long."""

from __future__ import annotations

from typing import Self

from django.db import models
from django.db.models.functions import Now

from governance.models import User
from suggestions.models import Proposal


class LookQuerySet(models.QuerySet["Look"]):
    def now(self) -> Self:
        """Those who have it on their screen, as far as their browsers told lately."""
        return self.filter(until__gt=Now())


class Look(models.Model):
    """That somebody has, or had, a proposal on their screen; told by their browser every few seconds.

    Telemetry, not a change of state: it has no event. What counts of it is written with the decision.
    """

    id = models.BigAutoField(primary_key=True)
    proposal = models.ForeignKey(Proposal, models.CASCADE, related_name="looks", db_index=False)
    user = models.ForeignKey(User, models.CASCADE, related_name="+", db_index=False)
    began_at = models.DateTimeField(db_default=Now())
    until = models.DateTimeField(help_text="Not heard of by then, it is not on the screen any more.")
    seconds = models.PositiveIntegerField(default=0, help_text="On the screen, in the foreground, in all.")
    page = models.CharField(
        max_length=16,
        default="",
        db_default="",
        help_text="Which of their pages beat last, as it names itself.",
    )
    all_shown = models.BooleanField(default=False, help_text="Everything of it was unfolded and passed by.")

    objects = LookQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["proposal", "user"], name="look_once_per_person"),
        ]
        indexes = [models.Index(fields=["until"], name="look_by_end")]

    def __str__(self) -> str:
        return f"{self.user_id} at {self.proposal_id}"
