"""Policies: immutable texts, and how far each has come."""

from __future__ import annotations

from typing import Self

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from governance.models.people import User


class PolicyVersionQuerySet(models.QuerySet["PolicyVersion"]):
    def active(self) -> Self:
        """The one in force; none before any was activated."""
        return self.filter(status=PolicyVersion.Status.ACTIVE)


class PolicyVersion(models.Model):
    """An immutable policy; `digest` (SHA-256 of its canonical content) is its name.

    draft → validated (a backtest has been run) → approved by somebody other than its author →
    active; retired when another one takes its place. Its moves are in `governance.policies.lifecycle`.
    """

    class Status(models.TextChoices):
        DRAFT = "draft"
        VALIDATED = "validated"
        APPROVED = "approved"
        ACTIVE = "active"
        RETIRED = "retired"

    digest = models.CharField(primary_key=True, max_length=71)
    text = models.TextField(help_text="As it was written, comments included.")
    status = models.CharField(max_length=9, choices=Status, default=Status.DRAFT)
    author = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="policies")
    note = models.CharField(max_length=300, blank=True, help_text="What it changes, and why.")
    score = models.JSONField(null=True, blank=True, help_text="What its last finished backtest measured.")
    validated_at = models.DateTimeField(null=True, blank=True)
    approved_by = models.ForeignKey(
        User, models.PROTECT, null=True, blank=True, related_name="approved_policies"
    )
    approved_at = models.DateTimeField(null=True, blank=True)
    activated_at = models.DateTimeField(null=True, blank=True, help_text="The last time.")
    rolled_back_because = models.CharField(
        max_length=500,
        blank=True,
        help_text="Why it was left for the one before; going back passes it by.",
    )
    shadow = models.BooleanField(default=False, help_text="It runs beside the active one, without effect.")
    created_at = models.DateTimeField(db_default=Now())

    objects = PolicyVersionQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["status"], condition=Q(status="active"), name="policy_one_active"
            ),
            models.UniqueConstraint(fields=["shadow"], condition=Q(shadow=True), name="policy_one_shadow"),
            models.CheckConstraint(
                condition=Q(approved_by=None) | ~Q(approved_by=models.F("author")),
                name="policy_approved_by_somebody_else",
            ),
        ]

    def __str__(self) -> str:
        return self.digest[:19]
