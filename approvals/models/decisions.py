"""What people said of proposals."""

from __future__ import annotations

from typing import Self

from django.db import models
from django.db.models import Q, Value
from django.db.models.functions import Now

from audit.ground.canonical import new_salt
from audit.ground.ids import uuid7
from governance.models import Team, User
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
        ESCALATE = "escalate"

    id = models.UUIDField(primary_key=True, default=uuid7)
    proposal = models.ForeignKey(Proposal, models.CASCADE, related_name="decisions", db_index=False)
    reviewer = models.ForeignKey(User, models.PROTECT, related_name="decisions", db_index=False)
    verdict = models.CharField(max_length=8, choices=Verdict)
    suggestion = models.ForeignKey(Suggestion, models.PROTECT, null=True, db_index=False)
    arguments = models.JSONField(null=True, help_text="As edited by the reviewer; null when unchanged.")
    changes = models.JSONField(
        default=list, db_default=Value([], models.JSONField()), help_text="What the edit changed, by place."
    )
    looks = models.JSONField(
        default=list,
        db_default=Value([], models.JSONField()),
        help_text="What services said was there, as the reviewer was shown it.",
    )
    action_digest = models.CharField(max_length=71, blank=True)
    reason = models.TextField(blank=True)
    salt = models.BinaryField(max_length=16, default=new_salt)
    to_team = models.ForeignKey(Team, models.PROTECT, null=True, db_index=False, help_text="Escalated to.")
    looked_seconds = models.PositiveIntegerField(
        null=True, help_text="For how long the reviewer had it open, as their browser told."
    )
    reading_seconds = models.PositiveIntegerField(
        null=True,
        help_text="What reading all that was decided on takes, as `approvals.attention.reading` has it.",
    )
    for_user = models.ForeignKey(
        User,
        models.PROTECT,
        null=True,
        related_name="+",
        db_index=False,
        help_text="The absent person in whose place it was said.",
    )
    standing = models.BooleanField(default=True, help_text="False once it was taken back.")
    stale = models.BooleanField(
        default=False, db_default=False, help_text="It counts no more since what it rested on has moved."
    )
    at = models.DateTimeField(db_default=Now())

    objects = DecisionQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["proposal", "reviewer"],
                condition=Q(standing=True),
                name="decision_one_standing_per_reviewer",
            ),
            models.UniqueConstraint(
                fields=["proposal", "for_user"],
                condition=Q(standing=True, for_user__isnull=False),
                name="decision_one_standing_per_absent_person",
            ),
            models.CheckConstraint(
                condition=~Q(verdict="approve") | Q(suggestion__isnull=False) & ~Q(action_digest=""),
                name="decision_names_what_it_approves",
            ),
            models.CheckConstraint(
                condition=Q(verdict="escalate", to_team__isnull=False)
                | ~Q(verdict="escalate") & Q(to_team__isnull=True),
                name="decision_escalated_to_a_team",
            ),
        ]
        indexes = [
            models.Index(fields=["reviewer", "-at"], name="decision_by_reviewer"),
            # Those that were taken back are asked for as well; the constraints know what stands.
            models.Index(fields=["proposal"], name="decision_by_proposal"),
        ]

    def __str__(self) -> str:
        return f"{self.verdict} by {self.reviewer_id}"
