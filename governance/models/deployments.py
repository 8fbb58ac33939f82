"""What agents run with."""

from __future__ import annotations

from typing import Self

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from audit.ground.ids import uuid7
from governance.models.agents import Agent
from governance.models.people import User
from governance.models.policies import PolicyVersion


class PromptTemplate(models.Model):
    """A text that a model is prompted with; `digest` (SHA-256 of its UTF-8 bytes) is its name."""

    digest = models.CharField(primary_key=True, max_length=71)
    text = models.TextField()
    created_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return self.digest[:19]


class DeploymentQuerySet(models.QuerySet["Deployment"]):
    def active(self) -> Self:
        return self.filter(status=Deployment.Status.ACTIVE)


class Deployment(models.Model):
    """Prompts, policy, workflows and model that an agent runs with: `label` is how proposals name it.

    registered → approved by somebody other than who registered it → active → retired; one active
    per agent. `governance.agents.deployments` moves it.
    """

    class Status(models.TextChoices):
        REGISTERED = "registered"
        APPROVED = "approved"
        ACTIVE = "active"
        RETIRED = "retired"

    id = models.UUIDField(primary_key=True, default=uuid7)
    agent = models.ForeignKey(Agent, models.CASCADE, related_name="deployments")
    label = models.CharField(max_length=200, help_text="`name@version`, as `provenance.deployment` has it.")
    status = models.CharField(max_length=10, choices=Status, default=Status.REGISTERED)
    model = models.CharField(max_length=200)
    prompts = models.JSONField(default=dict, help_text="Name of a prompt → digest of its template.")
    policy = models.ForeignKey(PolicyVersion, models.PROTECT, null=True, blank=True)
    workflows = models.JSONField(default=dict, help_text="Name of an action type → its version.")
    scores = models.JSONField(default=dict, help_text="Name of a validation → its score.")
    note = models.CharField(max_length=500, blank=True)
    registered_by = models.ForeignKey(User, models.PROTECT, related_name="registered_deployments")
    registered_at = models.DateTimeField(db_default=Now())
    approved_by = models.ForeignKey(
        User, models.PROTECT, null=True, blank=True, related_name="approved_deployments"
    )
    approved_at = models.DateTimeField(null=True, blank=True)
    activated_at = models.DateTimeField(null=True, blank=True, help_text="The last time.")

    objects = DeploymentQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["agent", "label"], name="deployment_label_once_per_agent"),
            models.UniqueConstraint(
                fields=["agent"], condition=Q(status="active"), name="deployment_one_active_per_agent"
            ),
            models.CheckConstraint(
                condition=Q(approved_by=None) | ~Q(approved_by=models.F("registered_by")),
                name="deployment_approved_by_somebody_else",
            ),
            models.CheckConstraint(
                condition=Q(status__in=["registered", "retired"]) | Q(approved_by__isnull=False),
                name="deployment_active_was_approved",
            ),
        ]

    def __str__(self) -> str:
        return self.label
