"""Decisions that a second person takes as well, without knowing of the first."""

from __future__ import annotations

from typing import Self

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from audit.ground.canonical import new_salt
from audit.ground.ids import uuid7
from governance.models import Team, User


class SecondReviewQuerySet(models.QuerySet["SecondReview"]):
    def open(self) -> Self:
        return self.filter(status=SecondReview.Status.OPEN)

    def asked_of(self, user: User) -> Self:
        """Those that this person is to answer, and until then may see nothing else of."""
        return self.open().filter(second=user)


class SecondReview(models.Model):
    """One human decision, put before one other person who does not see it. It changes nothing decided.

    `first` is who ended the proposal; `verdict` and `suggestion` are the second answer.
    """

    class Status(models.TextChoices):
        OPEN = "open"
        AGREED = "agreed"
        DIFFERED = "differed", "said otherwise"
        EXPIRED = "expired", "not answered"

    id = models.UUIDField(primary_key=True, default=uuid7)
    proposal = models.OneToOneField("suggestions.Proposal", models.CASCADE, related_name="second_review")
    team = models.ForeignKey(Team, models.PROTECT, related_name="+", db_index=False)
    first = models.ForeignKey(User, models.PROTECT, related_name="+", db_index=False)
    second = models.ForeignKey(User, models.PROTECT, related_name="second_reviews", db_index=False)
    status = models.CharField(max_length=8, choices=Status, default=Status.OPEN)
    share = models.FloatField(help_text="Of what people decide, the share that was to be chosen.")
    chosen_at = models.DateTimeField(db_default=Now())
    deadline = models.DateTimeField()

    verdict = models.CharField(max_length=8, blank=True)
    suggestion = models.ForeignKey(
        "suggestions.Suggestion", models.PROTECT, null=True, related_name="+", db_index=False
    )
    reason = models.TextField(blank=True)
    salt = models.BinaryField(max_length=16, default=new_salt)
    ended_at = models.DateTimeField(null=True)
    settled_at = models.DateTimeField(null=True, help_text="When an operator had looked at it.")

    objects = SecondReviewQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=~Q(first=F("second")), name="second_look_by_another"),
            models.CheckConstraint(
                condition=~Q(status__in=["agreed", "differed"]) | Q(ended_at__isnull=False) & ~Q(verdict=""),
                name="second_look_says_what",
            ),
        ]
        indexes = [
            models.Index(
                fields=["second", "deadline"], condition=Q(status="open"), name="second_look_open_by_person"
            ),
            models.Index(
                fields=["deadline"], condition=Q(status="open"), name="second_look_open_by_deadline"
            ),
            models.Index(
                fields=["first", "-ended_at"],
                condition=Q(status__in=["agreed", "differed"]),
                name="second_look_ended_by_first",
            ),
            models.Index(
                fields=["second", "-ended_at"],
                condition=Q(status__in=["agreed", "differed"]),
                name="second_look_ended_by_second",
            ),
            models.Index(
                fields=["-ended_at"],
                condition=Q(status="differed", settled_at=None),
                name="second_look_differed_unsettled",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.proposal_id} {self.status}"
