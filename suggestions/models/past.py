"""What is known of the past: what later proposals are judged by."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models.functions import Now

from suggestions.models.proposals import Proposal


class Precedent(models.Model):
    """A value of an argument that was approved: of an agent (its id is the key) or about a subject."""

    id = models.BigAutoField(primary_key=True)
    key = models.UUIDField()
    mark = models.UUIDField(help_text="Hash of key, argument and value.")
    at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes = [models.Index(fields=["key", "mark", "at"], name="precedent_newest")]

    def __str__(self) -> str:
        return str(self.mark)


class Exact(models.Field):
    """A number as long as it has to be, so that sums are exact."""

    def db_type(self, connection: Any) -> str:
        return "numeric"


class Settled(models.Model):
    """How far the past of an agent (its id is the key) or of a subject is added up."""

    key = models.UUIDField(primary_key=True)
    of_subject = models.BooleanField()
    until = models.DateTimeField(help_text="Everything older is in the subtotals.")

    class Meta:
        verbose_name_plural = "settled"

    def __str__(self) -> str:
        return f"{self.key} until {self.until}"


class Subtotal(models.Model):
    """A piece of a past added up: of proposals made in `span` seconds from `start`, of one status."""

    id = models.BigAutoField(primary_key=True)
    key = models.UUIDField()
    argument = models.TextField(help_text="Empty: no number, only how many.")
    action = models.CharField(max_length=128, help_text="Empty: of any.")
    span = models.PositiveIntegerField()
    start = models.DateTimeField()
    status = models.CharField(max_length=10, choices=Proposal.Status)
    n = models.BigIntegerField()
    total = Exact()
    greatest = Exact(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["key", "argument", "action", "span", "start", "status"],
                include=["n", "total", "greatest"],
                name="subtotal_once",
            )
        ]

    def __str__(self) -> str:
        return f"{self.n} {self.status} from {self.start}"


class Correction(models.Model):
    """A change of a proposal that was added up already: what it was (−1) and what it became (+1)."""

    id = models.BigAutoField(primary_key=True)
    key = models.UUIDField()
    created_at = models.DateTimeField(help_text="Of the proposal.")
    status = models.CharField(max_length=10, choices=Proposal.Status)
    numbers = models.JSONField()
    sign = models.SmallIntegerField()

    class Meta:
        indexes = [models.Index(fields=["key", "created_at"], name="correction_of_key")]

    def __str__(self) -> str:
        return f"{self.sign:+} {self.status}"
