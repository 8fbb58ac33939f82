"""What passed by itself and is looked at afterwards."""

from __future__ import annotations

from typing import Self

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from audit.ground.canonical import new_salt
from audit.ground.ids import uuid7
from governance.models import Agent, Team, User
from suggestions.models.proposals import Proposal


class SampleQuerySet(models.QuerySet["Sample"]):
    def open(self) -> Self:
        return self.filter(status=Sample.Status.OPEN)


class Sample(models.Model):
    """Something that passed by itself, chosen by chance to be checked by a person afterwards.

    Chosen in the transaction that let it pass; open once it was carried out; then answered, or
    expired where nobody answered in time.
    """

    class Status(models.TextChoices):
        CHOSEN = "chosen"
        OPEN = "open"
        RIGHT = "right"
        WRONG = "wrong"
        EXPIRED = "expired", "not answered"

    id = models.UUIDField(primary_key=True, default=uuid7)
    proposal = models.OneToOneField(Proposal, models.CASCADE, related_name="sample")
    agent = models.ForeignKey(Agent, models.PROTECT, related_name="samples", db_index=False)
    action = models.CharField(max_length=128)
    team = models.ForeignKey(Team, models.PROTECT, db_index=False, help_text="Who is asked.")
    status = models.CharField(max_length=8, choices=Status, default=Status.CHOSEN)
    share = models.FloatField(help_text="Of what passes, the share that was to be chosen.")
    chosen_at = models.DateTimeField(db_default=Now())
    opened_at = models.DateTimeField(null=True)
    deadline = models.DateTimeField(null=True, help_text="Not answered by then, it expires.")
    ended_at = models.DateTimeField(null=True, help_text="When it was answered or expired.")
    reviewer = models.ForeignKey(User, models.PROTECT, null=True, related_name="samples", db_index=False)
    reason = models.TextField(blank=True)
    salt = models.BinaryField(max_length=16, default=new_salt)

    objects = SampleQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["id"], condition=Q(status="chosen"), name="sample_chosen"),
            models.Index(
                fields=["team", "deadline", "id"], condition=Q(status="open"), name="sample_open_by_team"
            ),
            models.Index(fields=["deadline"], condition=Q(status="open"), name="sample_open_by_deadline"),
            models.Index(
                fields=["agent", "action", "-ended_at"],
                condition=Q(status__in=["right", "wrong", "expired"]),
                name="sample_ended_by_pair",
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=~Q(status="open") | Q(deadline__isnull=False), name="sample_open_has_a_deadline"
            ),
            models.CheckConstraint(
                condition=~Q(status__in=["right", "wrong"])
                | Q(reviewer__isnull=False, ended_at__isnull=False),
                name="sample_answered_by_somebody",
            ),
            models.CheckConstraint(
                condition=~Q(status="wrong") | ~Q(reason=""), name="sample_wrong_says_why"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.status}"
