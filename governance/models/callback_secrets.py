"""What signs the messages to agents, where it was replaced."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from governance.models.agents import Agent


class CallbackSecretQuerySet(models.QuerySet["CallbackSecret"]):
    def in_force(self) -> CallbackSecretQuerySet:
        """Those that sign now, by the database's clock, the newest first."""
        return self.filter(Q(ends_at=None) | Q(ends_at__gt=Now())).order_by("-pk")


class CallbackSecret(models.Model):
    """A secret that signs what an agent is told. An agent whose secret was never replaced has no row."""

    agent = models.ForeignKey(Agent, models.CASCADE, related_name="callback_secrets")
    sealed = models.BinaryField(blank=True, help_text="Encrypted; empty: the first one, which is computed.")
    fingerprint = models.CharField(max_length=8, help_text="To recognise it by, without telling it.")
    created_at = models.DateTimeField(db_default=Now())
    ends_at = models.DateTimeField(null=True, help_text="From then on it signs nothing.")

    objects = CallbackSecretQuerySet.as_manager()

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["agent"], condition=Q(ends_at=None), name="callback_secret_newest_once"
            ),
        ]

    def __str__(self) -> str:
        return self.fingerprint
