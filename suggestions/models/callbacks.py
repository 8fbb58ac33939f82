"""What an agent is told without asking."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from audit.ground.ids import uuid7
from suggestions.models.proposals import Proposal


class Callback(models.Model):
    """A message owed to an agent: written with the change it tells of, sent until it arrives."""

    class Status(models.TextChoices):
        WAITING = "waiting"
        SENT = "sent"
        GIVEN_UP = "given_up"

    id = models.UUIDField(primary_key=True, default=uuid7)
    proposal = models.ForeignKey(Proposal, models.CASCADE, related_name="callbacks")
    type = models.CharField(max_length=64)
    data = models.JSONField()
    status = models.CharField(max_length=8, choices=Status, default=Status.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField(db_default=Now())
    queued_at = models.DateTimeField(null=True, help_text="When the broker was last told of it.")
    created_at = models.DateTimeField(db_default=Now())
    last_error = models.CharField(max_length=300, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["due_at"], condition=Q(status="waiting"), name="callback_waiting_by_due")
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.status}"
