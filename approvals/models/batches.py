"""Several proposals answered at once, and what became of each."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from audit.ground.canonical import new_salt
from governance.models import User
from suggestions.models import Proposal


class Batch(models.Model):
    """What one person said of several proposals at once: one word, and a decision for each of them.

    Its id comes from the page that showed them, so that the same form sent twice is one batch. It goes
    on only while its reviewer is there; what it did not come to stays undecided.
    """

    class Verdict(models.TextChoices):
        APPROVE = "approve"
        REJECT = "reject"
        RETURN = "return"

    id = models.UUIDField(primary_key=True)
    reviewer = models.ForeignKey(User, models.PROTECT, related_name="batches")
    verdict = models.CharField(max_length=8, choices=Verdict)
    said = models.CharField(max_length=500, help_text="What was confirmed: how many, and their sum.")
    reason = models.TextField(blank=True)
    salt = models.BinaryField(max_length=16, default=new_salt)
    looked_seconds = models.PositiveIntegerField(null=True, help_text="At the table, as the browser told.")
    at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return self.said


class BatchItem(models.Model):
    """One proposal of a batch: what was shown of it, and what became of it."""

    class Outcome(models.TextChoices):
        WAITING = "waiting", "not decided yet"
        DONE = "done"
        WAITS = "waits", "waits for somebody else"
        REFUSED = "refused", "not decided"
        UNDONE = "undone"
        CHECK = "check", "a check"

    id = models.BigAutoField(primary_key=True)
    batch = models.ForeignKey(Batch, models.CASCADE, related_name="items", db_index=False)
    proposal = models.ForeignKey(Proposal, models.CASCADE, related_name="+", db_index=False)
    position = models.PositiveSmallIntegerField()
    action_digest = models.CharField(max_length=71, help_text="Of what was shown.")
    look = models.UUIDField(null=True, help_text="What a service had said is there, as it was shown.")
    outcome = models.CharField(max_length=7, choices=Outcome, default=Outcome.WAITING)
    detail = models.CharField(max_length=1000, blank=True, help_text="Why it was refused; what a check was.")
    decision = models.ForeignKey(
        "approvals.Decision", models.PROTECT, null=True, related_name="+", db_index=False
    )

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["batch", "proposal"], name="batch_item_once_per_proposal"),
            models.CheckConstraint(
                condition=Q(outcome__in=["done", "waits", "undone"], decision__isnull=False)
                | Q(outcome__in=["waiting", "refused", "check"], decision__isnull=True),
                name="batch_item_decided_by_a_decision",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.proposal_id} {self.outcome}"
