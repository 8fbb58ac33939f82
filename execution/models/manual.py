"""What a team carries out by hand."""

from __future__ import annotations

from typing import Self

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from audit.ground.ids import uuid7
from execution.models.executions import Execution, Step
from governance.door.teams import teams_of
from governance.models import Team, User

SEES_ALL = "suggestions.view_every_proposal"


class ManualTaskQuerySet(models.QuerySet["ManualTask"]):
    def open(self) -> Self:
        """Those that somebody is still to do: whatever else ends the execution ends the task as well."""
        return self.filter(
            status=ManualTask.Status.OPEN,
            execution__status=Execution.Status.HANDED_BACK,
            round=F("execution__round"),
        )

    def visible_to(self, user: User) -> Self:
        """Those of this person's teams; auditors and operators see all of them."""
        return self if user.has_perm(SEES_ALL) else self.filter(team__in=teams_of(user))


class ManualTask(models.Model):
    """One step of an execution that a team carries out by hand and tells the result of.

    Its deadline is the execution's. `form` is the JSON Schema of what is filled in; `answer` what was.
    """

    class Status(models.TextChoices):
        OPEN = "open"
        DONE = "done"
        NOT_DONE = "not_done", "could not be done"

    id = models.UUIDField(primary_key=True, default=uuid7)
    execution = models.ForeignKey(Execution, models.CASCADE, related_name="manual_tasks")
    step = models.ForeignKey(Step, models.CASCADE, related_name="+", db_index=False)
    round = models.PositiveSmallIntegerField(default=1)
    route = models.CharField(max_length=300, help_text="What attempts call it.")
    team = models.ForeignKey(Team, models.PROTECT, related_name="+", db_index=False)
    title = models.CharField(max_length=300, blank=True)
    form = models.JSONField(null=True)
    status = models.CharField(max_length=8, choices=Status, default=Status.OPEN)
    opened_at = models.DateTimeField(db_default=Now())
    remind_before = models.FloatField(help_text="Seconds before the deadline.")
    reminded_at = models.DateTimeField(null=True)
    claimed_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", db_index=False)
    claimed_at = models.DateTimeField(null=True)
    ended_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", db_index=False)
    ended_at = models.DateTimeField(null=True)
    answer = models.JSONField(null=True)
    comment = models.CharField(max_length=2000, blank=True)

    objects = ManualTaskQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["step", "round"], name="manual_task_once_per_round"),
            models.CheckConstraint(
                condition=Q(status="open") | Q(ended_by__isnull=False, ended_at__isnull=False),
                name="manual_task_ended_by_somebody",
            ),
        ]
        indexes = [
            models.Index(fields=["team", "-id"], name="manual_task_by_team"),
            models.Index(fields=["team", "id"], condition=Q(status="open"), name="manual_task_open_by_team"),
        ]

    def __str__(self) -> str:
        return f"{self.pk} {self.status}"
