"""Standing approvals: "approve the like of this", for a while, so many times."""

from __future__ import annotations

from datetime import timedelta
from typing import Self

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from audit.ground.canonical import new_salt
from audit.ground.ids import uuid7
from governance.models.agents import Agent
from governance.models.people import Team, User

MOST_USES = 1_000
LONGEST = timedelta(days=90)


class StandingApprovalQuerySet(models.QuerySet["StandingApproval"]):
    def active(self) -> Self:
        return self.filter(status=StandingApproval.Status.ACTIVE)

    def visible_to(self, user: User) -> Self:
        """What it says comes from a proposal, so it is shown to whom that is shown."""
        if user.has_perm("suggestions.view_every_proposal"):
            return self
        if not user.has_perm("suggestions.view_proposal"):
            return self.none()
        return self.filter(team__in=user.teams.all())


class StandingApproval(models.Model):
    """A rule that one person drafted from a decision, and that counts once another activated it.

    draft → active → used up, expired, revoked or ended. It counts while it is active, its time is
    not over and uses are left, whatever a sweeper has noticed so far. `governance.trust.standing` moves it.
    """

    class Status(models.TextChoices):
        DRAFT = "draft"
        ACTIVE = "active"
        USED_UP = "used_up", "used up"
        EXPIRED = "expired"
        REVOKED = "revoked"
        ENDED = "ended"

    id = models.UUIDField(primary_key=True, default=uuid7)
    status = models.CharField(max_length=8, choices=Status, default=Status.DRAFT)
    agent = models.ForeignKey(Agent, models.CASCADE, related_name="standing_approvals", db_index=False)
    action = models.CharField(max_length=128)
    version = models.PositiveIntegerField(null=True, blank=True, help_text="Of the action type; null: any.")
    subject_type = models.CharField(max_length=64, blank=True)
    subject_id = models.CharField(max_length=200, blank=True)
    any_subject = models.BooleanField(default=False)
    arguments = models.JSONField(help_text="Name of an argument → what it may be.")
    rule = models.TextField(help_text="All of the above as the CEL expression that is asked.")
    team = models.ForeignKey(Team, models.PROTECT, related_name="+")
    proposal = models.UUIDField(help_text="The one whose like is approved.")
    note = models.CharField(max_length=300, blank=True)
    salt = models.BinaryField(max_length=16, default=new_salt)

    uses_allowed = models.PositiveSmallIntegerField()
    uses = models.PositiveSmallIntegerField(default=0)
    lasts = models.DurationField(help_text="From its activation.")
    expires_at = models.DateTimeField(help_text="A draft waits so long for somebody to activate it.")

    drafted_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    drafted_at = models.DateTimeField(db_default=Now())
    activated_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    activated_at = models.DateTimeField(null=True, blank=True)
    ended_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    ended_at = models.DateTimeField(null=True, blank=True)
    ending_reason = models.CharField(max_length=300, blank=True)

    objects = StandingApprovalQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(activated_by=None) | ~Q(activated_by=F("drafted_by")),
                name="standing_activated_by_somebody_else",
            ),
            models.CheckConstraint(
                condition=~Q(status__in=["active", "used_up"]) | Q(activated_by__isnull=False),
                name="standing_active_was_activated",
            ),
            models.CheckConstraint(
                condition=Q(uses_allowed__range=(1, MOST_USES), uses__lte=F("uses_allowed")),
                name="standing_uses_within_bounds",
            ),
            models.CheckConstraint(
                condition=Q(lasts__gt=timedelta(0), lasts__lte=LONGEST), name="standing_lasts_within_bounds"
            ),
        ]
        indexes = [
            # Asked with every submission; what has ended only grows.
            models.Index(fields=["agent"], condition=Q(status="active"), name="standing_active_by_agent"),
            models.Index(
                fields=["expires_at"],
                condition=Q(status__in=["draft", "active"]),
                name="standing_open_by_expiry",
            ),
            models.Index(fields=["status", "-id"], name="standing_by_status"),
        ]

    def __str__(self) -> str:
        return f"{self.action}: {self.uses} of {self.uses_allowed}"

    @property
    def is_open(self) -> bool:
        """Whether it waits or counts, as far as is written down."""
        return self.status in (self.Status.DRAFT, self.Status.ACTIVE)
