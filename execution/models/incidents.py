"""What went wrong with executions, which wait for people, and how they did by the hour."""

from __future__ import annotations

from typing import cast

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from execution.models.executions import Execution
from execution.models.former import FormerExecution
from governance.models import Incident, Paged, Team


class IncidentExecution(models.Model):
    """That an incident is about an execution, be it a former one by now, with what was found of it."""

    id = models.BigAutoField(primary_key=True)
    incident = models.ForeignKey(Incident, models.CASCADE, related_name="executions", db_index=False)
    execution = models.ForeignKey(
        Execution, models.CASCADE, null=True, related_name="incidents", db_index=False
    )
    former = models.ForeignKey(
        FormerExecution, models.CASCADE, null=True, related_name="incidents", db_index=False
    )
    detail = models.CharField(max_length=500)
    at = models.DateTimeField(db_default=Now())

    class Meta:
        default_permissions = ()
        indexes = [
            models.Index(fields=["incident", "-id"], name="incident_execution_by_incident"),
            models.Index(fields=["execution"], name="incident_execution_of_one"),
            models.Index(fields=["former"], condition=~Q(former=None), name="incident_execution_of_former"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(execution__isnull=False, former__isnull=True)
                | Q(execution__isnull=True, former__isnull=False),
                name="incident_execution_is_about_one",
            )
        ]

    def __str__(self) -> str:
        return f"{self.incident_id} about {self.execution_id or self.former_id}"

    @property
    def about(self) -> Execution | FormerExecution:
        """The one or the other; the database has no row without."""
        return cast(Execution | FormerExecution, self.execution or self.former)


class Attention(Paged):
    """That an execution waits for people: of which team, since when, until when.

    It is written where healing ends, and counts while the execution needs attention.
    """

    execution = models.OneToOneField(
        Execution, models.CASCADE, primary_key=True, related_name="attention", db_index=False
    )
    team = models.ForeignKey(Team, models.PROTECT, related_name="+", db_index=False)
    since = models.DateTimeField(db_default=Now())
    deadline = models.DateTimeField(help_text="Not seen to by then, operators are asked.")

    class Meta:
        default_permissions = ()
        indexes = [
            models.Index(fields=["remind_at"], condition=~Q(remind_at=None), name="attention_to_remind_of")
        ]

    def __str__(self) -> str:
        return f"{self.execution_id} since {self.since}"


class Hour(models.Model):
    """Of an action, how many executions were begun in an hour, and how those ended. A rollup.

    It is written anew while it is young, so that it says how they ended before people had time to mend them.
    """

    id = models.BigAutoField(primary_key=True)
    action = models.CharField(max_length=128)
    at = models.DateTimeField(help_text="When the hour began.")
    begun = models.PositiveIntegerField()
    ended = models.PositiveIntegerField(help_text="Of those, without what was cancelled.")
    by_itself = models.PositiveIntegerField(help_text="Of those, succeeded without a person’s help.")

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["at", "action"], name="hour_once_per_action")]

    def __str__(self) -> str:
        return f"{self.action} at {self.at}"
