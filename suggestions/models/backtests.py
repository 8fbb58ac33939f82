"""Policies tried on what is known already: backtests, where they disagree with people, and shadows."""

from __future__ import annotations

from typing import Self

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from audit.ground.ids import uuid7
from governance.models import PolicyVersion, User


class BacktestQuerySet(models.QuerySet["Backtest"]):
    def open(self) -> Self:
        return self.filter(status__in=Backtest.OPEN)

    def done(self) -> Self:
        return self.filter(status=Backtest.Status.DONE)


class Backtest(models.Model):
    """One policy version put before recorded proposals. Its verbs are in `suggestions.trying.backtest`."""

    class Status(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"
        CANCELLED = "cancelled"

    OPEN = (Status.QUEUED, Status.RUNNING)

    id = models.UUIDField(primary_key=True, default=uuid7)
    policy = models.ForeignKey(PolicyVersion, models.CASCADE, related_name="backtests", db_index=False)
    status = models.CharField(max_length=9, choices=Status, default=Status.QUEUED)
    chosen = models.JSONField(help_text="Which proposals, as `suggestions.trying.rejudge.Chosen` writes it.")
    asked_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", db_index=False)
    total = models.PositiveIntegerField(null=True, help_text="Proposals to judge; null before it is known.")
    result = models.JSONField(
        null=True, help_text="As `suggestions.trying.tally.result` writes it, when done."
    )
    error = models.CharField(max_length=300, blank=True)
    queued_at = models.DateTimeField(null=True, help_text="When the broker was last told of it.")
    created_at = models.DateTimeField(db_default=Now())
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    objects = BacktestQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["policy"],
                condition=Q(status__in=["queued", "running"]),
                name="backtest_one_open_per_policy",
            ),
            models.CheckConstraint(
                condition=~Q(status="done") | Q(result__isnull=False), name="backtest_done_has_its_result"
            ),
        ]
        indexes = [models.Index(fields=["policy", "-id"], name="backtest_by_policy")]

    def __str__(self) -> str:
        return f"{self.policy_id[:19]} {self.status}"

    @property
    def is_open(self) -> bool:
        return self.status in self.OPEN


class BacktestChunk(models.Model):
    """A stretch of proposals that one worker judges at a time; gone when the backtest is finished."""

    backtest = models.ForeignKey(Backtest, models.CASCADE, related_name="chunks", db_index=False)
    number = models.PositiveIntegerField(help_text="From the newest proposals to the oldest.")
    newest = models.UUIDField()
    oldest = models.UUIDField()
    size = models.PositiveIntegerField()
    tries = models.PositiveSmallIntegerField(default=0)
    lease_until = models.DateTimeField(null=True)
    tally = models.JSONField(null=True, help_text="What was counted; null until it is done.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["backtest", "number"], name="backtest_chunk_once_per_number")
        ]

    def __str__(self) -> str:
        return f"{self.backtest_id} {self.number}"


class Disagreement(models.Model):
    """A proposal of which a backtest would have made something else than people did.

    Of each kind the newest are kept; all of them are counted in the backtest's result.
    """

    class Kind(models.IntegerChoices):
        """From the worst on."""

        PASSED_REJECTED = 1, "would pass, people rejected it"
        PASSED_RETURNED = 2, "would pass, people returned it"
        PASSED_EDITED = 3, "would pass, people changed it"
        PASSED_OTHER = 4, "would pass, people chose another suggestion"
        PASSED_BLOCKED = 5, "would pass, the policy of that time blocked it"
        BLOCKED_APPROVED = 6, "would be blocked, people approved it"
        NO_ANSWER = 7, "a rule could not be evaluated"

    backtest = models.ForeignKey(Backtest, models.CASCADE, related_name="disagreements", db_index=False)
    proposal = models.ForeignKey("suggestions.Proposal", models.CASCADE, related_name="+", db_index=False)
    kind = models.PositiveSmallIntegerField(choices=Kind)
    action = models.CharField(max_length=128)
    verdict = models.CharField(max_length=12)
    answer = models.CharField(max_length=9, help_text="As in `suggestions.trying.tally.ANSWERS`.")
    rules = ArrayField(models.CharField(max_length=64), help_text="Which rules matched.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["backtest", "proposal"], name="disagreement_once_per_proposal")
        ]
        indexes = [models.Index(fields=["backtest", "kind", "-proposal"], name="disagreement_worst_first")]

    def __str__(self) -> str:
        return self.get_kind_display()


class ShadowDifference(models.Model):
    """What the policy in the shadow would have said otherwise of a proposal, when that came in."""

    class Kind(models.TextChoices):
        """The gravest that differs."""

        LOOSER = "looser", "looser verdict"
        STRICTER = "stricter", "stricter verdict"
        OBLIGATIONS = "asks", "the same verdict, but it asks for something else"
        RULES = "rules", "the same, by other rules"
        ERROR = "error", "it could not be judged"

    proposal = models.OneToOneField(
        "suggestions.Proposal", models.CASCADE, primary_key=True, related_name="shadow_difference"
    )
    policy = models.ForeignKey(PolicyVersion, models.CASCADE, related_name="differences", db_index=False)
    kind = models.CharField(max_length=8, choices=Kind)
    differs = ArrayField(models.CharField(max_length=24), help_text="Names of what differs.")
    was = models.JSONField(help_text="What the active policy said, as far as it is compared.")
    would = models.JSONField(help_text="What the shadow said.")

    class Meta:
        indexes = [
            models.Index(fields=["policy", "-proposal"], name="difference_by_policy"),
            models.Index(fields=["policy", "kind", "-proposal"], name="difference_by_kind"),
        ]

    def __str__(self) -> str:
        return f"{self.proposal_id}: {', '.join(self.differs)}"
