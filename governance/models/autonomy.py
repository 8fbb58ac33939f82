"""How far agents are trusted, and what spoke against it."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from audit.ids import uuid7
from governance.models.agents import Agent
from governance.models.people import User


class Autonomy(models.Model):
    """How far one agent is trusted with one action; without a row it is guided (stage 2)."""

    class Stage(models.IntegerChoices):
        ASSISTED = 1  # the agent or a person carries out what was approved, and reports
        GUIDED = 2  # the system carries out what a person confirmed
        CONTROLLED = 3  # predefined suggestions of low risk may pass by rule
        STRATEGIC = 4  # may pass within policy, budgets and sampling

    agent = models.ForeignKey(Agent, models.CASCADE, related_name="autonomy")
    action = models.CharField(max_length=100)
    stage = models.PositiveSmallIntegerField(choices=Stage, default=Stage.GUIDED)
    since = models.DateTimeField(db_default=Now(), help_text="When it came to this stage.")
    reason = models.CharField(max_length=500, blank=True, help_text="Why it is at this stage.")

    class Meta:
        verbose_name_plural = "autonomy"
        constraints = [
            models.UniqueConstraint(fields=["agent", "action"], name="autonomy_once_per_agent_and_action"),
            models.CheckConstraint(condition=Q(stage__range=(1, 4)), name="autonomy_stage_known"),
        ]

    def __str__(self) -> str:
        return f"{self.agent_id} {self.action}: {self.stage}"


class Incident(models.Model):
    """Something that spoke against trusting an agent with an action; open, it keeps it from promotion."""

    class Kind(models.TextChoices):
        SAMPLE = "sample", "wrong in a sample"
        FAILURES = "failures", "failures over the bound"
        BOUNDARY = "boundary", "boundary hit"
        DRIFT = "drift", "drift alarm"
        REPORTED = "reported", "reported by a person"

    id = models.UUIDField(primary_key=True, default=uuid7)
    agent = models.ForeignKey(Agent, models.CASCADE, related_name="incidents")
    action = models.CharField(max_length=100, blank=True, help_text="Empty: every action.")
    kind = models.CharField(max_length=10, choices=Kind)
    detail = models.CharField(max_length=500)
    opened_at = models.DateTimeField(db_default=Now())
    closed_at = models.DateTimeField(null=True, blank=True)
    closed_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True)
    closing_reason = models.CharField(max_length=500, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["agent", "action"], condition=Q(closed_at=None), name="incident_open")
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(closed_at=None) | Q(closed_by__isnull=False) & ~Q(closing_reason=""),
                name="incident_closed_by_somebody_for_a_reason",
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind}: {self.detail}"
