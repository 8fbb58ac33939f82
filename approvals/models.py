from __future__ import annotations

from typing import Self

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from audit.canonical import new_salt
from audit.ids import uuid7
from governance.models import User
from suggestions.models import Proposal, Suggestion


class DecisionQuerySet(models.QuerySet["Decision"]):
    def agreeing(self, proposal: Proposal, digest: str) -> Self:
        """Those who stand behind exactly this action."""
        return self.filter(
            proposal=proposal, standing=True, verdict=Decision.Verdict.APPROVE, action_digest=digest
        )


class Decision(models.Model):
    """What one reviewer said about a proposal, and exactly what they were shown."""

    class Verdict(models.TextChoices):
        APPROVE = "approve"
        REJECT = "reject"
        RETURN = "return"

    id = models.UUIDField(primary_key=True, default=uuid7)
    proposal = models.ForeignKey(Proposal, models.CASCADE, related_name="decisions", db_index=False)
    reviewer = models.ForeignKey(User, models.PROTECT, related_name="decisions", db_index=False)
    verdict = models.CharField(max_length=8, choices=Verdict)
    suggestion = models.ForeignKey(Suggestion, models.PROTECT, null=True, db_index=False)
    arguments = models.JSONField(null=True, help_text="As edited by the reviewer; null when unchanged.")
    action_digest = models.CharField(max_length=71, blank=True)
    reason = models.TextField(blank=True)
    salt = models.BinaryField(max_length=16, default=new_salt)
    standing = models.BooleanField(default=True)
    at = models.DateTimeField(db_default=Now())

    objects = DecisionQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["proposal", "reviewer"],
                condition=Q(standing=True),
                name="decision_one_standing_per_reviewer",
            ),
            models.CheckConstraint(
                condition=~Q(verdict="approve") | Q(suggestion__isnull=False) & ~Q(action_digest=""),
                name="decision_names_what_it_approves",
            ),
        ]
        indexes = [models.Index(fields=["reviewer", "-at"], name="decision_by_reviewer")]

    def __str__(self) -> str:
        return f"{self.verdict} by {self.reviewer_id}"
