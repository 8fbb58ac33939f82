from __future__ import annotations

from typing import Self

from django.contrib.auth.models import AbstractUser
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from audit.actors import Actor
from audit.ids import uuid7


class Risk(models.IntegerChoices):
    LOW = 0, "low"
    MEDIUM = 1, "medium"
    HIGH = 2, "high"
    CRITICAL = 3, "critical"


class Team(models.Model):
    """People who decide together; a policy names teams by their slug."""

    slug = models.SlugField(primary_key=True, max_length=64)
    name = models.CharField(max_length=100)

    def __str__(self) -> str:
        return self.name


class User(AbstractUser):
    """A person. What they may do comes from their roles (groups); what they see, from their teams."""

    teams = models.ManyToManyField(Team, blank=True, related_name="members")

    class Roles(models.TextChoices):
        REVIEWER = "reviewer"
        AUDITOR = "auditor"
        OPERATOR = "operator"

    @property
    def printed_name(self) -> str:
        return self.get_full_name() or self.username

    def as_actor(self, *, session: str = "", authenticated_by: str = "") -> Actor:
        return Actor("user", str(self.pk), self.printed_name, session, authenticated_by)


class Agent(models.Model):
    """A program that proposes. Its owner answers for it and never approves what it proposed."""

    id = models.UUIDField(primary_key=True, default=uuid7)
    name = models.SlugField(max_length=100, unique=True)
    owner = models.ForeignKey(User, models.PROTECT, related_name="agents")
    enabled = models.BooleanField(default=True)
    allowed_actions = ArrayField(
        models.CharField(max_length=100),
        null=True,
        blank=True,
        help_text="Names of the action types it may propose; null means every one.",
    )
    callback_secret_version = models.PositiveSmallIntegerField(default=1)
    created_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return self.name

    def may_propose(self, action: str) -> bool:
        return self.allowed_actions is None or action in self.allowed_actions

    def as_actor(self) -> Actor:
        return Actor("agent", str(self.pk), self.name)


class Secret(models.Model):
    """Something shown once and kept as a hash: 256 random bits need no slow hashing."""

    prefix = models.CharField(max_length=16, help_text="Its first characters, to recognise it by.")
    hash = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField(db_default=Now())
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.prefix}…"


class AgentKey(Secret):
    """What an agent shows to the API."""

    agent = models.ForeignKey(Agent, models.CASCADE, related_name="keys")


class ApiToken(Secret):
    """What a person's program shows to the API; it may do what the person may."""

    user = models.ForeignKey(User, models.CASCADE, related_name="api_tokens")


class ActionTypeQuerySet(models.QuerySet["ActionType"]):
    def current(self) -> Self:
        return self.filter(current=True)


class ActionType(models.Model):
    """One version of a kind of action an agent may propose. Versions are never changed."""

    class Reversibility(models.TextChoices):
        READ_ONLY = "read_only", "read only"
        REVERSIBLE = "reversible", "reversible"
        EXTERNALLY_REVERSIBLE = "externally_reversible", "reversible by others"
        IRREVERSIBLE = "irreversible", "irreversible"

    name = models.CharField(max_length=100)
    version = models.PositiveIntegerField()
    current = models.BooleanField(default=True)
    definition_digest = models.CharField(max_length=71)
    description = models.TextField(blank=True)
    schema = models.JSONField()
    read_only_hint = models.BooleanField(default=False)
    destructive_hint = models.BooleanField(default=True)
    idempotent_hint = models.BooleanField(default=False)
    open_world_hint = models.BooleanField(default=True)
    reversibility = models.CharField(max_length=24, choices=Reversibility, default=Reversibility.IRREVERSIBLE)
    data_classes = ArrayField(models.CharField(max_length=64), default=list, blank=True)
    template = models.CharField(max_length=300, blank=True)
    workflow = models.JSONField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now())

    objects = ActionTypeQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["name", "version"], name="action_type_version_once"),
            models.UniqueConstraint(
                fields=["name"], condition=Q(current=True), name="action_type_one_current_version"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name}@{self.version}"

    @property
    def annotations(self) -> dict[str, bool]:
        """The hazards under the names that MCP gives them."""
        return {
            "readOnlyHint": self.read_only_hint,
            "destructiveHint": self.destructive_hint,
            "idempotentHint": self.idempotent_hint,
            "openWorldHint": self.open_world_hint,
        }


class PolicyVersion(models.Model):
    """An immutable policy; `digest` (SHA-256 of its canonical content) is its name."""

    digest = models.CharField(primary_key=True, max_length=71)
    text = models.TextField(help_text="As it was written, comments included.")
    author = models.ForeignKey(User, models.PROTECT, null=True, blank=True)
    active = models.BooleanField(default=False)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["active"], condition=Q(active=True), name="policy_one_active")
        ]

    def __str__(self) -> str:
        return self.digest[:19]


class Autonomy(models.Model):
    """How far one agent is trusted with one action; without a row it is guided (stage 2)."""

    class Stage(models.IntegerChoices):
        ASSISTED = 1
        GUIDED = 2
        CONTROLLED = 3
        STRATEGIC = 4

    agent = models.ForeignKey(Agent, models.CASCADE, related_name="autonomy")
    action = models.CharField(max_length=100)
    stage = models.PositiveSmallIntegerField(choices=Stage, default=Stage.GUIDED)

    class Meta:
        verbose_name_plural = "autonomy"
        constraints = [
            models.UniqueConstraint(fields=["agent", "action"], name="autonomy_once_per_agent_and_action"),
            models.CheckConstraint(condition=Q(stage__range=(1, 4)), name="autonomy_stage_known"),
        ]

    def __str__(self) -> str:
        return f"{self.agent_id} {self.action}: {self.stage}"
