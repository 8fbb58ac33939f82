"""Agents, and what opens the API."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now

from audit.ground.actors import Actor
from audit.ground.ids import uuid7
from governance.models.people import LONGEST_NAME, User


class Agent(models.Model):
    """A program that proposes. Its owner answers for it and never approves what it proposed."""

    id = models.UUIDField(primary_key=True, default=uuid7)
    name = models.SlugField(max_length=100, unique=True)
    owner = models.ForeignKey(User, models.PROTECT, related_name="agents")
    enabled = models.BooleanField(default=True)
    allowed_actions = ArrayField(
        models.CharField(max_length=128),
        null=True,
        blank=True,
        help_text="Names of the action types it may propose; null means every one.",
    )
    boundaries = models.JSONField(
        default=dict, blank=True, help_text="Hard limits, as `governance.agents.boundaries` reads them."
    )
    callback_secret_version = models.PositiveSmallIntegerField(default=1)
    created_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return self.name

    def may_propose(self, action: str) -> bool:
        return self.allowed_actions is None or action in self.allowed_actions

    def as_actor(self) -> Actor:
        return Actor("agent", str(self.pk), self.name)


class Credential(models.Model):
    """Something shown once and kept as a hash: 256 random bits need no slow hashing."""

    prefix = models.CharField(max_length=16, help_text="Its first characters, to recognise it by.")
    hash = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField(db_default=Now())
    given_by = models.CharField(max_length=LONGEST_NAME, blank=True, help_text="As the log names them.")
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    name = models.CharField(max_length=100, blank=True, help_text="What it is for.")
    expires_at = models.DateTimeField(null=True, blank=True, help_text="From then on it opens nothing.")

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.prefix}…"


class AgentKey(Credential):
    """What an agent shows to the API."""

    agent = models.ForeignKey(Agent, models.CASCADE, related_name="keys")


class ApiToken(Credential):
    """What a person's program shows to the API; it may do what the person may."""

    user = models.ForeignKey(User, models.CASCADE, related_name="api_tokens")
