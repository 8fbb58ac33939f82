"""How far agents are trusted."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from audit.ground.canonical import new_salt
from audit.ground.ids import uuid7
from governance.models.agents import Agent
from governance.models.incidents import Incident
from governance.models.people import User


class Autonomy(models.Model):
    """How far one agent is trusted with one action; without a row it is guided (stage 2)."""

    class Stage(models.IntegerChoices):
        ASSISTED = 1  # the agent or a person carries out what was approved, and reports
        GUIDED = 2  # the system carries out what a person confirmed
        CONTROLLED = 3  # predefined suggestions of low risk may pass by rule
        STRATEGIC = 4  # may pass within policy, budgets and sampling

    agent = models.ForeignKey(Agent, models.CASCADE, related_name="autonomy")
    action = models.CharField(max_length=128)
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


class StageChange(models.Model):
    """One move of an agent's stage for one action, and why; what it was measured by when it was raised.

    A stage is raised only by a person, for a reason: that is the signature without which nothing
    that was demoted passes again.
    """

    class Kind(models.TextChoices):
        PROMOTED = "promoted", "promoted"  # every gate passed
        GRANTED = "granted", "granted past the gates"
        LOWERED = "lowered", "lowered"
        DEMOTED = "demoted", "demoted"  # by itself, with an incident

    id = models.UUIDField(primary_key=True, default=uuid7)
    agent = models.ForeignKey(Agent, models.CASCADE, related_name="stage_changes", db_index=False)
    action = models.CharField(max_length=128)
    kind = models.CharField(max_length=8, choices=Kind)
    before = models.PositiveSmallIntegerField(choices=Autonomy.Stage)
    stage = models.PositiveSmallIntegerField(choices=Autonomy.Stage)
    reason = models.CharField(max_length=500)
    by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    by_name = models.CharField(max_length=200, help_text="As printed at that time.")
    at = models.DateTimeField(db_default=Now())
    measures = models.JSONField(null=True, blank=True, help_text="The gates as they were measured then.")
    incident = models.ForeignKey(Incident, models.SET_NULL, null=True, blank=True, related_name="demotions")
    salt = models.BinaryField(max_length=16, default=new_salt)

    class Meta:
        indexes = [models.Index(fields=["agent", "action", "-id"], name="stage_change_by_pair")]
        constraints = [
            models.CheckConstraint(
                condition=Q(stage__lt=F("before")) | Q(by__isnull=False) & ~Q(reason=""),
                name="stage_raised_by_somebody_for_a_reason",
            ),
            models.CheckConstraint(condition=~Q(stage=F("before")), name="stage_change_changes_something"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} from {self.before} to {self.stage}"


class GateBounds(models.Model):
    """What an operator asks of agents beyond the defaults before they are trusted further.

    Without a row the defaults hold. A row can only ask for more; of two that apply (every action's
    and one action's own) the stricter word counts.
    """

    action = models.CharField(max_length=128, unique=True, blank=True, help_text="Empty: every action.")
    decisions = models.PositiveSmallIntegerField(default=50)
    approved_unchanged = models.FloatField(default=0.95)
    verified_success = models.FloatField(default=0.99)
    calibration_error = models.FloatField(default=0.10)
    failures = models.PositiveSmallIntegerField(default=2)
    reason = models.CharField(max_length=500)
    by = models.ForeignKey(User, models.PROTECT, related_name="+")
    at = models.DateTimeField(db_default=Now())
    salt = models.BinaryField(max_length=16, default=new_salt)

    class Meta:
        verbose_name_plural = "gate bounds"
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    decisions__gte=50,
                    approved_unchanged__range=(0.95, 1),
                    verified_success__range=(0.99, 1),
                    calibration_error__range=(0, 0.10),
                    failures__lte=2,
                ),
                name="gate_bounds_never_looser_than_the_defaults",
            ),
        ]

    def __str__(self) -> str:
        return self.action or "every action"
