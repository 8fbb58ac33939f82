"""What services said is there now, and what would change: each answer as it came."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from audit.ground.ids import uuid7
from governance.expressions.known_facts import NO_LOOK
from suggestions.models import Proposal, Suggestion


class Look(models.Model):
    """One question to a service about one suggestion, and its answer: what is there now (`look`), or what
    carrying it out would change (`preview`, a dry run).

    Until `at` it is on its way. What came is kept within bounds: JSON of 64 KB, else the start of its text.
    """

    class Kind(models.TextChoices):
        LOOK = "look"
        PREVIEW = "preview"

    class Occasion(models.TextChoices):
        SUBMISSION = "submission"  # a policy wanted to know
        OPENED = "opened"  # somebody is about to decide
        ACTING = "acting"  # a worker was about to carry it out

    id = models.UUIDField(primary_key=True, default=uuid7)
    proposal = models.ForeignKey(Proposal, models.CASCADE, related_name="+", db_index=False)
    suggestion = models.ForeignKey(Suggestion, models.CASCADE, related_name="+", db_index=False)
    kind = models.CharField(max_length=7, choices=Kind, default=Kind.LOOK)
    occasion = models.CharField(max_length=10, choices=Occasion)
    execution = models.UUIDField(null=True, help_text="That was about to begin; it may be gone since.")
    round = models.PositiveSmallIntegerField(default=1, help_text="Of that execution.")
    question = models.CharField(max_length=71, blank=True, help_text="Digest of what was asked, and where.")
    says = models.CharField(max_length=60, blank=True, help_text="Who was asked, as people call it.")
    asked_at = models.DateTimeField(db_default=Now())
    at = models.DateTimeField(null=True, help_text="When it was answered, or nobody waited any longer.")
    known = models.BooleanField(default=False, help_text="There is an answer.")
    status = models.PositiveSmallIntegerField(null=True)
    answer = models.JSONField(null=True)
    text = models.TextField(blank=True, help_text="The start of an answer that is no JSON.")
    error = models.CharField(max_length=300, blank=True, help_text="Why there is no answer.")
    digest = models.CharField(max_length=71, blank=True, help_text="Of what came back.")
    shown = models.JSONField(default=list, help_text="What people are shown of it: labels and values.")
    reason = models.CharField(max_length=500, blank=True, help_text="Why nothing was carried out.")
    moved = models.JSONField(default=list, help_text="What was otherwise before: label, before, now.")

    class Meta:
        indexes = [models.Index(fields=["proposal", "-asked_at"], name="look_by_proposal")]
        constraints = [
            models.UniqueConstraint(
                fields=["suggestion", "kind"], condition=Q(at=None), name="look_asked_once_at_a_time"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} at {self.proposal_id}"

    @property
    def facts(self) -> dict[str, Any]:
        """The fact `look` of expressions."""
        if not self.known or self.at is None:
            return NO_LOOK
        return {
            "known": True,
            "status": self.status or 0,
            "json": self.answer,
            "text": self.text,
            "at": self.at.isoformat(),
        }
