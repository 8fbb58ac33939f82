"""Retrying many executions after an outage: what was chosen, how far that is, and each of them."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from audit.ground.canonical import new_salt
from audit.ground.ids import uuid7
from execution.models.executions import Execution
from governance.models import User


class BulkRetry(models.Model):
    """Executions that are retried one after another at a rate, for as long as that helps.

    Its id may come from the page that showed how many they are, so that the same form sent twice is one.
    """

    class Status(models.TextChoices):
        RUNNING = "running"
        STOPPED = "stopped"
        DONE = "done"

    class Why(models.TextChoices):
        """Why an execution is left out."""

        DOUBT = "doubt", "an attempt may have taken effect, and another could do it a second time"
        HALT = "halt", "a kill switch is on"
        SHUT = "shut", "the breakers of all its routes are open"
        UNDOING = "undoing", "what was done is being undone"

    id = models.UUIDField(primary_key=True, default=uuid7)
    chosen = models.JSONField(default=dict, help_text="Which of those that need attention.")
    key = models.CharField(max_length=71, help_text="Digest of that.")
    rate = models.PositiveSmallIntegerField(help_text="How many a minute.")
    reason = models.CharField(max_length=500)
    salt = models.BinaryField(max_length=16, default=new_salt)
    by = models.ForeignKey(User, models.PROTECT, related_name="+", db_index=False)
    on_behalf_of = models.ForeignKey(
        User,
        models.PROTECT,
        related_name="+",
        db_index=False,
        help_text="Who started it or let it go on last: in their name each is retried.",
    )
    status = models.CharField(max_length=7, choices=Status, default=Status.RUNNING)
    total = models.PositiveIntegerField()
    retried = models.PositiveIntegerField(default=0)
    left_out = models.PositiveIntegerField(default=0, help_text="When it was their turn.")
    left_out_before = models.JSONField(default=dict, help_text="How many were never part of it, by why.")
    due_at = models.DateTimeField(db_default=Now(), help_text="When the next one may be retried.")
    running_since = models.DateTimeField(db_default=Now())
    said = models.CharField(max_length=500, blank=True, help_text="Why it was stopped, or went on.")
    said_by = models.CharField(max_length=300, blank=True, help_text="Empty: it stopped by itself.")
    said_at = models.DateTimeField(null=True)
    started_at = models.DateTimeField(db_default=Now())
    ended_at = models.DateTimeField(null=True)

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["key"], condition=Q(status="running"), name="bulk_retry_one_at_a_time"
            ),
        ]
        indexes = [
            models.Index(fields=["due_at"], condition=Q(status="running"), name="bulk_retry_running_by_due"),
        ]

    def __str__(self) -> str:
        return f"{self.retried} of {self.total} {self.status}"

    @property
    def waiting(self) -> int:
        return self.total - self.retried - self.left_out


class BulkRetryItem(models.Model):
    """One execution of a bulk retry, as it was looked at; a later round of it is none of its business."""

    class Outcome(models.TextChoices):
        WAITING = "waiting"
        RETRIED = "retried"
        LEFT_OUT = "left_out", "left out"

    id = models.BigAutoField(primary_key=True)
    bulk = models.ForeignKey(BulkRetry, models.CASCADE, related_name="items", db_index=False)
    # An execution may be taken away without anybody looking here: what is gone is left out.
    execution = models.ForeignKey(
        Execution, models.DO_NOTHING, related_name="+", db_index=False, db_constraint=False
    )
    round = models.PositiveSmallIntegerField()
    position = models.PositiveIntegerField()
    outcome = models.CharField(max_length=8, choices=Outcome, default=Outcome.WAITING)
    detail = models.CharField(max_length=300, blank=True, help_text="Why it was left out.")
    at = models.DateTimeField(null=True)

    class Meta:
        default_permissions = ()
        indexes = [
            models.Index(
                fields=["bulk", "position"], condition=Q(outcome="waiting"), name="bulk_retry_item_waiting"
            ),
            models.Index(
                fields=["bulk", "outcome", "-at"],
                condition=~Q(outcome="waiting"),
                name="bulk_retry_item_over",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.execution_id} {self.outcome}"
