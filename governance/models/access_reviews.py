"""Reviews of access: every grant of one moment, what was answered to each, and who signed for it."""

from __future__ import annotations

from datetime import datetime
from typing import Self

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from audit.ground.ids import uuid7
from governance.models.people import LONGEST_NAME, User


class AccessReviewQuerySet(models.QuerySet["AccessReview"]):
    def unfinished(self) -> Self:
        return self.exclude(status=AccessReview.Status.SIGNED)


class AccessReview(models.Model):
    """open → submitted → signed, or sent back to open. A trigger refuses every change to what is signed."""

    class Status(models.TextChoices):
        OPEN = "open"
        SUBMITTED = "submitted", "waits for a second person"
        SIGNED = "signed"

    class Meaning(models.TextChoices):
        """What a signature says."""

        LOOKED_THROUGH = "looked_through", "I have looked through every grant and agree with each answer."
        SAMPLED = "sampled", "I have looked at a part of the grants, and agree with the answers to those."

    id = models.UUIDField(primary_key=True, default=uuid7)
    status = models.CharField(max_length=9, choices=Status, default=Status.OPEN)
    opened_at: models.DateTimeField[datetime, datetime] = models.DateTimeField(db_default=Now())
    opened_by = models.ForeignKey(
        User, models.PROTECT, null=True, related_name="+", db_index=False, help_text="Nobody: it was time."
    )
    due_at: models.DateTimeField[datetime, datetime] = models.DateTimeField()
    grants_count = models.PositiveIntegerField(help_text="How many there were.")
    kept = models.PositiveIntegerField(null=True, help_text="Of those; written when it is submitted.")
    removed = models.PositiveIntegerField(null=True, help_text="The same.")
    submitted_at = models.DateTimeField(null=True)
    submitted_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", db_index=False)
    signed_at = models.DateTimeField(null=True)
    signed_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", db_index=False)
    signed_name = models.CharField(max_length=LONGEST_NAME, blank=True, help_text="As it was then.")
    meaning = models.CharField(max_length=14, choices=Meaning, blank=True)

    objects = AccessReviewQuerySet.as_manager()

    class Meta:
        default_permissions = ("view", "change")
        permissions = [("sign_accessreview", "Can sign a review of access as the second person")]
        constraints = [
            models.CheckConstraint(
                condition=Q(signed_by=None) | ~Q(signed_by=F("submitted_by")),
                name="access_review_signed_by_somebody_else",
            ),
            models.CheckConstraint(
                condition=Q(status="open", submitted_by=None, submitted_at=None)
                | Q(
                    ~Q(status="open"),
                    submitted_by__isnull=False,
                    submitted_at__isnull=False,
                    kept__isnull=False,
                    removed__isnull=False,
                    grants_count=F("kept") + F("removed"),
                ),
                name="access_review_submitted_with_every_answer",
            ),
            models.CheckConstraint(
                condition=Q(signed_by=None, signed_at=None, signed_name="", meaning="") & ~Q(status="signed")
                | Q(status="signed", signed_by__isnull=False, signed_at__isnull=False)
                & ~Q(signed_name="")
                & ~Q(meaning=""),
                name="access_review_signed_with_name_and_meaning",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.status}, of {self.opened_at}"


class ReviewedGrant(models.Model):
    """One grant as it was when the review began, and what somebody answered to it."""

    class Answer(models.TextChoices):
        KEPT = "kept"
        REMOVED = "removed"

    review = models.ForeignKey(AccessReview, models.PROTECT, related_name="grants", db_index=False)
    kind = models.CharField(max_length=10, help_text="As `governance.access.grants.Kind` has them.")
    holder = models.CharField(max_length=150, help_text="Username of a person, name of an agent.")
    holder_name = models.CharField(max_length=LONGEST_NAME)
    user = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", db_index=False)
    target = models.CharField(max_length=64, help_text="What of this kind it is: a role, a slug, an id.")
    what = models.CharField(max_length=300, help_text="The same in words.")
    since = models.DateTimeField(null=True)
    given_by = models.CharField(max_length=LONGEST_NAME, blank=True)
    last_used_at = models.DateTimeField(null=True)
    second_factor = models.BooleanField(null=True, help_text="Null where it is no person's.")
    answer = models.CharField(max_length=7, choices=Answer, blank=True)
    answered_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", db_index=False)
    answered_at = models.DateTimeField(null=True)
    had_ended = models.BooleanField(default=False, help_text="There was nothing left to remove.")

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["review", "holder", "kind", "target"], name="reviewed_grant_once_in_a_review"
            ),
            models.CheckConstraint(
                condition=Q(answer="", answered_by=None, answered_at=None)
                | ~Q(answer="") & Q(answered_by__isnull=False, answered_at__isnull=False),
                name="reviewed_grant_answered_by_somebody",
            ),
        ]
        indexes = [
            models.Index(fields=["review", "id"], condition=Q(answer=""), name="reviewed_grant_unanswered"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.target} of {self.holder}"
