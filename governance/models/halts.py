"""Kill switches."""

from __future__ import annotations

from collections.abc import Collection
from typing import Self
from uuid import UUID

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from audit.ground.canonical import new_salt
from audit.ground.ids import uuid7
from governance.models.agents import Agent
from governance.models.people import User


class HaltQuerySet(models.QuerySet["Halt"]):
    def on(self) -> Self:
        return self.filter(lifted_at=None)

    def covering(self, agent_id: UUID, actions: Collection[str]) -> Self:
        """Those that stop this agent with one of these actions."""
        return self.filter(Q(scope=Halt.Scope.EVERYTHING) | Q(agent_id=agent_id) | Q(action__in=actions))


class Halt(models.Model):
    """A kill switch that was thrown: for one agent, one action type or everything.

    While it is on, nothing in its scope begins to execute and nothing passes by itself; what
    waits, waits on. `governance.trust.halts` throws and lifts it. What it held stays held until
    `execution.halting.release` has given it back the time that it lost, and says so in `settled_at`.
    """

    class Scope(models.TextChoices):
        EVERYTHING = "everything"
        AGENT = "agent"
        ACTION = "action"

    id = models.UUIDField(primary_key=True, default=uuid7)
    scope = models.CharField(max_length=10, choices=Scope)
    agent = models.ForeignKey(Agent, models.CASCADE, null=True, blank=True, related_name="halts")
    action = models.CharField(max_length=128, blank=True)
    reason = models.CharField(max_length=500)
    by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="halts")
    at = models.DateTimeField(db_default=Now())
    lifted_by = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="lifted_halts")
    lifted_at = models.DateTimeField(null=True, blank=True)
    lifting_reason = models.CharField(max_length=500, blank=True)
    settled_at = models.DateTimeField(null=True, blank=True)
    salt = models.BinaryField(max_length=16, default=new_salt)

    objects = HaltQuerySet.as_manager()

    class Meta:
        permissions = [("throw_halt", "Can throw a kill switch"), ("lift_halt", "Can lift a kill switch")]
        # Asked before every attempt; the rest only grows.
        indexes = [models.Index(fields=["at"], condition=Q(settled_at=None), name="halt_unsettled")]
        constraints = [
            models.CheckConstraint(
                condition=Q(settled_at=None) | Q(lifted_at__isnull=False), name="halt_settled_was_lifted"
            ),
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
        return f"{self.what} halted: {self.reason}"

    def stops(self, agent_id: UUID, action: str) -> bool:
        return self.scope == Halt.Scope.EVERYTHING or self.agent_id == agent_id or self.action == action

    @property
    def what(self) -> str:
        """What it stops, for the middle of a sentence."""
        if self.agent:
            return f"agent {self.agent.name}"
        return f"action {self.action}" if self.action else "everything"

    @property
    def sentence(self) -> str:
        """Why something waits, for whoever asks."""
        return f"A kill switch is on for {self.what}: {self.reason}"

    @property
    def by_name(self) -> str:
        return self.by.printed_name if self.by else "the console"
