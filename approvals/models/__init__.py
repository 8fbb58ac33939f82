from __future__ import annotations

from typing import Self

from django.db import models
from django.db.models import Q, Value
from django.db.models.functions import Lower, Now

from audit.ground.canonical import new_salt
from audit.ground.ids import uuid7
from governance.models import Team, User
from suggestions.models import Proposal, Suggestion


class DecisionQuerySet(models.QuerySet["Decision"]):
    def agreeing(self, proposal: Proposal, digest: str) -> Self:
        """Those who stand behind exactly this action."""
        return self.filter(
            proposal=proposal, standing=True, verdict=Decision.Verdict.APPROVE, action_digest=digest
        )


class Decision(models.Model):
    """What one reviewer said about a proposal, and exactly what they were shown."""

    class Verdict(models.TextChoices):
        APPROVE = "approve"
        REJECT = "reject"
        RETURN = "return"
        ESCALATE = "escalate"

    id = models.UUIDField(primary_key=True, default=uuid7)
    proposal = models.ForeignKey(Proposal, models.CASCADE, related_name="decisions", db_index=False)
    reviewer = models.ForeignKey(User, models.PROTECT, related_name="decisions", db_index=False)
    verdict = models.CharField(max_length=8, choices=Verdict)
    suggestion = models.ForeignKey(Suggestion, models.PROTECT, null=True, db_index=False)
    arguments = models.JSONField(null=True, help_text="As edited by the reviewer; null when unchanged.")
    changes = models.JSONField(
        default=list, db_default=Value([], models.JSONField()), help_text="What the edit changed, by place."
    )
    action_digest = models.CharField(max_length=71, blank=True)
    reason = models.TextField(blank=True)
    salt = models.BinaryField(max_length=16, default=new_salt)
    to_team = models.ForeignKey(Team, models.PROTECT, null=True, db_index=False, help_text="Escalated to.")
    looked_seconds = models.PositiveIntegerField(
        null=True, help_text="For how long the reviewer had it open, as their browser told."
    )
    reading_seconds = models.PositiveIntegerField(
        null=True,
        help_text="What reading all that was decided on takes, as `approvals.attention.reading` has it.",
    )
    for_user = models.ForeignKey(
        User,
        models.PROTECT,
        null=True,
        related_name="+",
        db_index=False,
        help_text="The absent person in whose place it was said.",
    )
    standing = models.BooleanField(default=True, help_text="False once it was taken back.")
    at = models.DateTimeField(db_default=Now())

    objects = DecisionQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["proposal", "reviewer"],
                condition=Q(standing=True),
                name="decision_one_standing_per_reviewer",
            ),
            models.UniqueConstraint(
                fields=["proposal", "for_user"],
                condition=Q(standing=True, for_user__isnull=False),
                name="decision_one_standing_per_absent_person",
            ),
            models.CheckConstraint(
                condition=~Q(verdict="approve") | Q(suggestion__isnull=False) & ~Q(action_digest=""),
                name="decision_names_what_it_approves",
            ),
            models.CheckConstraint(
                condition=Q(verdict="escalate", to_team__isnull=False)
                | ~Q(verdict="escalate") & Q(to_team__isnull=True),
                name="decision_escalated_to_a_team",
            ),
        ]
        indexes = [models.Index(fields=["reviewer", "-at"], name="decision_by_reviewer")]

    def __str__(self) -> str:
        return f"{self.verdict} by {self.reviewer_id}"


class ClaimQuerySet(models.QuerySet["Claim"]):
    def live(self) -> Self:
        """Those whose lease runs, of proposals that still wait."""
        return self.filter(until__gt=Now(), proposal__status=Proposal.Status.PENDING)


class Claim(models.Model):
    """A reviewer's short lease on a proposal, so that two people don't do the same work.

    It tells, and forbids nothing: whoever may decide still may. `by` is somebody else where the
    proposal was assigned. A lease that has run out is as good as none.
    """

    proposal = models.OneToOneField(Proposal, models.CASCADE, primary_key=True, related_name="claim")
    user = models.ForeignKey(User, models.PROTECT, related_name="claims", db_index=False)
    by = models.ForeignKey(User, models.PROTECT, related_name="+", db_index=False)
    at = models.DateTimeField(db_default=Now())
    until = models.DateTimeField()

    objects = ClaimQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["user", "until"], name="claim_by_user_and_end")]

    def __str__(self) -> str:
        return f"{self.proposal_id} by {self.user_id}"


class Comment(models.Model):
    """What somebody noted beside a proposal, for the others who decide; agents never see it."""

    id = models.UUIDField(primary_key=True, default=uuid7)
    proposal = models.ForeignKey(Proposal, models.CASCADE, related_name="comments", db_index=False)
    author = models.ForeignKey(User, models.PROTECT, related_name="+", db_index=False)
    text = models.TextField()
    salt = models.BinaryField(max_length=16, default=new_salt)
    at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["id"]
        indexes = [models.Index(fields=["proposal", "id"], name="comment_by_proposal")]

    def __str__(self) -> str:
        return f"by {self.author_id}"


class LookQuerySet(models.QuerySet["Look"]):
    def now(self) -> Self:
        """Those who have it on their screen, as far as their browsers told lately."""
        return self.filter(until__gt=Now())


class Look(models.Model):
    """That somebody has, or had, a proposal on their screen; told by their browser every few seconds.

    Telemetry, not a change of state: it has no event. What counts of it is written with the decision.
    """

    id = models.BigAutoField(primary_key=True)
    proposal = models.ForeignKey(Proposal, models.CASCADE, related_name="looks", db_index=False)
    user = models.ForeignKey(User, models.CASCADE, related_name="+", db_index=False)
    began_at = models.DateTimeField(db_default=Now())
    until = models.DateTimeField(help_text="Not heard of by then, it is not on the screen any more.")
    seconds = models.PositiveIntegerField(default=0, help_text="On the screen, in the foreground, in all.")
    all_shown = models.BooleanField(default=False, help_text="Everything of it was unfolded and passed by.")

    objects = LookQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["proposal", "user"], name="look_once_per_person"),
        ]
        indexes = [models.Index(fields=["until"], name="look_by_end")]

    def __str__(self) -> str:
        return f"{self.user_id} at {self.proposal_id}"


class SavedView(models.Model):
    """Filters and an order of the queue that somebody named for themselves; it opens first if they say so.

    A preference of one's own page: it changes nothing that anybody decides on, and has no event.
    """

    id = models.UUIDField(primary_key=True, default=uuid7)
    user = models.ForeignKey(User, models.CASCADE, related_name="saved_views", db_index=False)
    name = models.CharField(max_length=40)
    query = models.CharField(max_length=1500, help_text="As in the address, with its question mark.")
    opens_first = models.BooleanField(default=False)
    at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint("user", Lower("name"), name="saved_view_once_per_name"),
            models.UniqueConstraint(
                fields=["user"], condition=Q(opens_first=True), name="saved_view_one_opens_first"
            ),
        ]

    def __str__(self) -> str:
        return self.name


# Django looks for models here; these have files of their own.
from approvals.models.batches import Batch, BatchItem  # noqa: E402, F401
from approvals.models.checks import Check, CheckPlan, CheckTemplate  # noqa: E402, F401
from approvals.models.notices import (  # noqa: E402, F401
    Delivery,
    Follower,
    Here,
    Message,
    Notice,
    Target,
    Wishes,
)
