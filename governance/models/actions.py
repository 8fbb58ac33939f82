"""What agents may propose."""

from __future__ import annotations

from typing import Any, Self

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from governance.models.property_order import arranged


class Risk(models.IntegerChoices):
    LOW = 0, "low"
    MEDIUM = 1, "medium"
    HIGH = 2, "high"
    CRITICAL = 3, "critical"


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

    name = models.CharField(max_length=128)
    version = models.PositiveIntegerField()
    current = models.BooleanField(default=True)
    definition_digest = models.CharField(max_length=71)
    description = models.TextField(blank=True)
    schema = models.JSONField()
    property_order = models.JSONField(
        default=dict,
        db_default=models.Value({}, models.JSONField()),
        help_text="Of the schema's properties, as they were written; see governance.models.property_order.",
    )
    read_only_hint = models.BooleanField(default=False)
    destructive_hint = models.BooleanField(default=True)
    idempotent_hint = models.BooleanField(default=False)
    open_world_hint = models.BooleanField(default=True)
    reversibility = models.CharField(max_length=24, choices=Reversibility, default=Reversibility.IRREVERSIBLE)
    data_classes = ArrayField(models.CharField(max_length=64), default=list, blank=True)
    template = models.CharField(max_length=300, blank=True)
    workflow = models.JSONField(null=True, blank=True)
    secrets = ArrayField(
        models.CharField(max_length=64),
        default=list,
        blank=True,
        db_default=models.Value([], ArrayField(models.CharField(max_length=64))),
        help_text="Names of the secrets that the workflow uses.",
    )
    source = models.CharField(
        max_length=100,
        blank=True,
        db_default="",
        default="",
        help_text="The server or file that this version was taken from.",
    )
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
    def schema_as_written(self) -> dict[str, Any]:
        """The schema with its properties in the order in which people wrote them."""
        found: dict[str, Any] = arranged(self.schema, self.property_order)
        return found

    @property
    def looks(self) -> bool:
        """Whether a service can be asked what is there now, or what would change."""
        plan = self.workflow
        return isinstance(plan, dict) and bool(plan.get("look") or plan.get("preview"))

    @property
    def annotations(self) -> dict[str, bool]:
        """The hazards under the names that MCP gives them."""
        return {
            "readOnlyHint": self.read_only_hint,
            "destructiveHint": self.destructive_hint,
            "idempotentHint": self.idempotent_hint,
            "openWorldHint": self.open_world_hint,
        }


class WorkflowText(models.Model):
    """A version's workflow as somebody wrote it, comments and all; what counts is what the version holds."""

    action_type = models.OneToOneField(
        ActionType, models.CASCADE, primary_key=True, related_name="written_workflow"
    )
    text = models.TextField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"workflow of {self.action_type}"
