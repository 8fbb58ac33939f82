"""Who is on a proposal, and notes beside it."""

from __future__ import annotations

from typing import Self

from django.db import models
from django.db.models.functions import Now

from audit.ground.canonical import new_salt
from audit.ground.ids import uuid7
from governance.models import User
from suggestions.models import Proposal


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
