"""Kill switches."""

from __future__ import annotations

from typing import Self

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from audit.ids import uuid7
from governance.models.agents import Agent
from governance.models.people import User


class HaltQuerySet(models.QuerySet["Halt"]):
    def on(self) -> Self:
        return self.filter(lifted_at=None)


class Halt(models.Model):
    """A kill switch that was thrown: for one agent, one action type or everything.

    While it is on, nothing in its scope begins to execute and nothing passes by itself; what
    waits, waits on. `governance.halts` throws and lifts it.
    """

    class Scope(models.TextChoices):
        EVERYTHING = "everything"
        AGENT = "agent"
        ACTION = "action"

    id = models.UUIDField(primary_key=True, default=uuid7)
    scope = models.CharField(max_length=10, choices=Scope)
    agent = models.ForeignKey(Agent, models.CASCADE, null=True, blank=True, related_name="halts")
    action = models.CharField(max_length=100, blank=True)
    reason = models.CharField(max_length=500)
    by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="halts")
    at = models.DateTimeField(db_default=Now())
    lifted_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="lifted_halts")
    lifted_at = models.DateTimeField(null=True, blank=True)
    lifting_reason = models.CharField(max_length=500, blank=True)

    objects = HaltQuerySet.as_manager()

    class Meta:
        permissions = [("throw_halt", "Can throw a kill switch"), ("lift_halt", "Can lift a kill switch")]
        constraints = [
            models.CheckConstraint(
                condition=Q(scope="everything", agent=None, action="")
                | Q(scope="agent", agent__isnull=False, action="")
                | (Q(scope="action", agent=None) & ~Q(action="")),
                name="halt_names_what_its_scope_says",
            ),
            models.UniqueConstraint(
                fields=["scope", "agent", "action"],
                condition=Q(lifted_at=None),
                nulls_distinct=False,
                name="halt_once_per_scope",
            ),
            models.CheckConstraint(
                condition=Q(lifted_at=None) | Q(lifted_by__isnull=False) & ~Q(lifting_reason=""),
                name="halt_lifted_by_somebody_for_a_reason",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.scope} halted: {self.reason}"
