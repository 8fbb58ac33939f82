"""What keeps executions going, or takes them back: breakers, outside events, compensations."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from audit.ground.canonical import new_salt
from audit.ground.ids import uuid7
from execution.models.executions import Execution


class Breaker(models.Model):
    """Whether a route is asked at the moment, for all workers and whichever workflow names it.

    Without a row it is closed. Open, nobody asks it until `until`; then one execution tries it once.
    """

    class State(models.TextChoices):
        CLOSED = "closed"
        OPEN = "open"
        HALF_OPEN = "half_open", "half open"

    route = models.CharField(primary_key=True, max_length=300)
    state = models.CharField(max_length=9, choices=State, default=State.CLOSED)
    failures = models.PositiveIntegerField(default=0, help_text="In a row.")
    opened = models.PositiveIntegerField(default=0, help_text="How often in a row; each time for longer.")
    until = models.DateTimeField(null=True, help_text="When it is tried again; never by itself if unset.")
    holder = models.UUIDField(null=True, help_text="The execution that tries it.")
    reason = models.CharField(max_length=500, blank=True)
    by = models.CharField(max_length=200, blank=True, help_text="Who opened it, if somebody did.")
    changed_at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes = [
            models.Index(
                fields=["changed_at"],
                condition=~Q(state="closed") | Q(failures__gt=0),
                name="breaker_in_trouble",
            )
        ]

    def __str__(self) -> str:
        return f"{self.route} {self.state}"


class BreakerChange(models.Model):
    """One change of a breaker, and why: its history."""

    route = models.CharField(max_length=300)
    state = models.CharField(max_length=9, choices=Breaker.State)
    reason = models.CharField(max_length=500, blank=True)
    by = models.CharField(max_length=200, blank=True, help_text="Who did it, if somebody did.")
    salt = models.BinaryField(max_length=16, default=new_salt)
    at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes = [models.Index(fields=["route", "-id"], name="breaker_change_by_route")]

    def __str__(self) -> str:
        return f"{self.route} {self.state}"


class Signal(models.Model):
    """An outside event that a step waits for, or will wait for; the first one of a name counts."""

    execution = models.ForeignKey(Execution, models.CASCADE, related_name="signals", db_index=False)
    name = models.CharField(max_length=64)
    data = models.JSONField(default=dict)
    by = models.CharField(max_length=300)
    at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["execution", "name"], name="signal_once_per_name"),
        ]

    def __str__(self) -> str:
        return f"{self.name} of {self.execution_id}"


class Compensation(models.Model):
    """An offer to undo what was done, with the exact calls; a person approves it like any action."""

    class Status(models.TextChoices):
        OFFERED = "offered"
        APPROVED = "approved"
        DECLINED = "declined"
        LAPSED = "lapsed"  # people went on otherwise
        DONE = "done"
        FAILED = "failed"

    id = models.UUIDField(primary_key=True, default=uuid7)
    execution = models.ForeignKey(Execution, models.CASCADE, related_name="compensations")
    status = models.CharField(max_length=8, choices=Status, default=Status.OFFERED)
    digest = models.CharField(max_length=71, help_text="Of the calls.")
    calls = models.JSONField(help_text="What would be called, the last step first.")
    approvals_needed = models.PositiveSmallIntegerField(default=1)
    approvals = models.JSONField(default=list, help_text="Who approved it, when and why.")
    reason = models.CharField(max_length=500, blank=True)
    offered_at = models.DateTimeField(db_default=Now())
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["execution"],
                condition=Q(status__in=["offered", "approved"]),
                name="compensation_one_at_a_time",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.status} {self.digest}"
