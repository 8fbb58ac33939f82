"""Executions that were taken away since somebody suggests other arguments, and their stories."""

from __future__ import annotations

from typing import Self
from uuid import UUID

from django.db import models
from django.db.models.functions import Now

from governance.models import User
from suggestions.models import Proposal, Suggestion


class FormerExecutionQuerySet(models.QuerySet["FormerExecution"]):
    def newest_of(self, proposal_id: UUID) -> FormerExecution | None:
        """The one whose arguments are before the reviewers of a proposal."""
        return self.of(proposal_id).first()

    def of(self, proposal_id: UUID) -> Self:
        """Those of a proposal, the newest first, each with who took it away."""
        return self.filter(proposal=proposal_id).select_related("by").order_by("-at", "-id")


class FormerExecution(models.Model):
    """An execution of which no step was carried out, until an operator suggested other arguments.

    Its proposal went back to its reviewers, who can approve those by their digest. `story` is that of the
    execution as it stood then, as the API tells it.
    """

    id = models.UUIDField(primary_key=True, help_text="The execution's.")
    proposal = models.ForeignKey(Proposal, models.CASCADE, related_name="former_executions", db_index=False)
    suggestion = models.ForeignKey(Suggestion, models.CASCADE, related_name="+", db_index=False)
    approved = models.JSONField(help_text="The arguments that had been approved.")
    action_digest = models.CharField(max_length=71, help_text="Of what had been approved.")
    arguments = models.JSONField(help_text="Those that are suggested in their place.")
    edited_digest = models.CharField(max_length=71, help_text="Of what is suggested.")
    story = models.JSONField()
    by = models.ForeignKey(User, models.PROTECT, related_name="+", db_index=False)
    reason = models.CharField(max_length=2000)
    at = models.DateTimeField(db_default=Now())

    objects = FormerExecutionQuerySet.as_manager()

    class Meta:
        default_permissions = ()
        indexes = [models.Index(fields=["proposal", "-at"], name="former_execution_by_proposal")]

    def __str__(self) -> str:
        return f"{self.pk} until {self.at}"
