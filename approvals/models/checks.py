"""Check items: what is slipped in to see whether people look, and where an operator lets that happen."""

from __future__ import annotations

from typing import Self

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from audit.ground.canonical import new_salt
from audit.ground.ids import uuid7
from governance.models import Agent, Team, User
from suggestions.models import Proposal

MOST_SHARE = 0.2


class CheckPlan(models.Model):
    """Whether, how often and from what checks are slipped in to one team. Without one: never."""

    team = models.OneToOneField(Team, models.CASCADE, primary_key=True, related_name="check_plan")
    on = models.BooleanField(default=False)
    share = models.FloatField(default=0.02, help_text="Of what comes in, about so much is a check.")
    most_per_day = models.PositiveSmallIntegerField(default=2, help_text="Per reviewer of the team.")
    busy_from = models.PositiveSmallIntegerField(default=40, help_text="With so many waiting, none.")
    from_past = models.BooleanField(default=True, help_text="Made of past decisions, too.")
    looked_at = models.DateTimeField(db_default=Now(), help_text="What came in later is not counted yet.")
    changed_at = models.DateTimeField(db_default=Now())
    changed_by = models.ForeignKey(User, models.PROTECT, related_name="+", db_index=False)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(share__gt=0, share__lte=MOST_SHARE), name="check_plan_share_is_small"
            ),
            models.CheckConstraint(
                condition=Q(most_per_day__range=(1, 20), busy_from__range=(1, 1000)),
                name="check_plan_is_moderate",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.team_id} {'on' if self.on else 'off'}"


class Kind(models.TextChoices):
    """What the right answer is."""

    GOOD = "good", "should be approved"
    BAD = "bad", "should not go through"


class CheckTemplateQuerySet(models.QuerySet["CheckTemplate"]):
    def in_use(self) -> Self:
        return self.filter(retired_at=None)


class CheckTemplate(models.Model):
    """A check that an operator wrote: what an agent would seem to propose, and what is wrong with it."""

    id = models.UUIDField(primary_key=True, default=uuid7)
    name = models.CharField(max_length=100)
    agent = models.ForeignKey(Agent, models.PROTECT, related_name="+", db_index=False)
    kind = models.CharField(max_length=4, choices=Kind)
    why = models.CharField(max_length=500, help_text="What reviewers are told afterwards.")
    body = models.JSONField(help_text="As the agent would send it.")
    made_at = models.DateTimeField(db_default=Now())
    made_by = models.ForeignKey(User, models.PROTECT, related_name="+", db_index=False)
    used_at = models.DateTimeField(null=True, help_text="When it was slipped in last.")
    retired_at = models.DateTimeField(null=True)

    objects = CheckTemplateQuerySet.as_manager()

    class Meta:
        ordering = ["name", "id"]

    def __str__(self) -> str:
        return self.name


class CheckQuerySet(models.QuerySet["Check"]):
    def unanswered(self) -> Self:
        return self.filter(result="")


class Check(models.Model):
    """That a proposal is a check, what the right answer is, and what somebody answered."""

    class Result(models.TextChoices):
        CAUGHT = "caught"
        MISSED = "missed"
        RIGHT = "right", "rightly approved"
        FALSE_ALARM = "false_alarm", "false alarm"
        PASSED_ON = "passed_on", "passed on"
        EXPIRED = "expired", "not answered"

    proposal = models.OneToOneField(Proposal, models.CASCADE, primary_key=True, related_name="check_item")
    team = models.ForeignKey(Team, models.PROTECT, related_name="+", db_index=False)
    kind = models.CharField(max_length=4, choices=Kind)
    why = models.CharField(max_length=500)
    template = models.ForeignKey(CheckTemplate, models.PROTECT, null=True, db_index=False)
    original = models.ForeignKey(
        Proposal, models.SET_NULL, null=True, related_name="+", help_text="Of which it was made."
    )
    mutation = models.CharField(max_length=40, blank=True)
    planted = models.JSONField(default=dict, help_text="Argument → the value that is wrong.")
    slipped_in_at = models.DateTimeField(db_default=Now())

    result = models.CharField(max_length=11, choices=Result, blank=True)
    verdict = models.CharField(max_length=8, blank=True)
    reviewer = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", db_index=False)
    reason = models.TextField(blank=True)
    salt = models.BinaryField(max_length=16, default=new_salt)
    looked_seconds = models.PositiveIntegerField(null=True)
    reading_seconds = models.PositiveIntegerField(null=True)
    ended_at = models.DateTimeField(null=True)

    objects = CheckQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(result="", ended_at=None, reviewer=None)
                | Q(result="expired", ended_at__isnull=False, reviewer=None)
                | ~Q(result__in=["", "expired"]) & Q(ended_at__isnull=False, reviewer__isnull=False),
                name="check_answered_by_somebody",
            ),
        ]
        indexes = [
            models.Index(fields=["team", "-slipped_in_at"], name="check_by_team"),
            models.Index(
                fields=["reviewer", "-ended_at"],
                condition=Q(reviewer__isnull=False),
                name="check_by_reviewer",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.result or 'waits'}"
