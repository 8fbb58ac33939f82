"""What an agent is told without asking, each attempt to tell it, and the addresses that are called."""

from __future__ import annotations

from typing import Self

from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Now

from audit.ground.ids import uuid7
from governance.models import Agent, User
from suggestions.models.proposals import Proposal

LONGEST_ANSWER = 1_000  # characters that are kept of what an endpoint answered
LONGEST_ORIGIN = 300


class CallbackQuerySet(models.QuerySet["Callback"]):
    def visible_to(self, user: User) -> Self:
        """Those about proposals that this person may know of."""
        return self.filter(proposal__in=Proposal.objects.visible_to(user).order_by())

    def unsent(self) -> Self:
        """What is owed still, put on hold or not."""
        return self.filter(status__in=(Callback.Status.WAITING, Callback.Status.PAUSED))

    def with_endpoint(self) -> Self:
        """With `endpoint_paused`: nothing is tried at its address at present."""
        of_this = CallbackEndpoint.objects.paused().filter(agent=OuterRef("agent"), origin=OuterRef("origin"))
        return self.annotate(endpoint_paused=Exists(of_this))


class Callback(models.Model):
    """A message owed to an agent: written with the change it tells of, sent until it arrives."""

    class Status(models.TextChoices):
        WAITING = "waiting"
        PAUSED = "paused"  # its address is: it waits until that is resumed
        SENT = "sent"
        GIVEN_UP = "given_up", "given up"

    id = models.UUIDField(primary_key=True, default=uuid7)
    proposal = models.ForeignKey(Proposal, models.CASCADE, related_name="callbacks")
    agent = models.ForeignKey(Agent, models.PROTECT, related_name="callbacks", db_index=False)
    origin = models.CharField(max_length=LONGEST_ORIGIN, help_text="Scheme, host and port of the address.")
    type = models.CharField(max_length=64)
    data = models.JSONField()
    status = models.CharField(max_length=8, choices=Status, default=Status.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0)
    attempts_before = models.PositiveSmallIntegerField(
        default=0, db_default=0, help_text="Those that count no more: it was sent anew since."
    )
    due_at = models.DateTimeField(db_default=Now())
    queued_at = models.DateTimeField(null=True, help_text="When the broker was last told of it.")
    created_at = models.DateTimeField(db_default=Now())
    last_error = models.CharField(max_length=300, blank=True)

    objects = CallbackQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["due_at"], condition=Q(status="waiting"), name="callback_waiting_by_due"),
            models.Index(fields=["agent", "-id"], name="callback_by_agent"),
            models.Index(
                fields=["agent", "-id"],
                condition=Q(status__in=["waiting", "paused"]),
                name="callback_unsent_by_agent",
            ),
            models.Index(
                fields=["agent", "-id"], condition=Q(status="given_up"), name="callback_given_up_by_agent"
            ),
            models.Index(
                fields=["agent", "origin", "due_at"],
                condition=Q(status="paused"),
                name="callback_paused_by_origin",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.status}"


class CallbackAttempt(models.Model):
    """One try to bring a message to its agent, and what was answered."""

    callback = models.ForeignKey(Callback, models.CASCADE, related_name="tries", db_index=False)
    number = models.PositiveSmallIntegerField()
    at = models.DateTimeField()
    took_ms = models.PositiveIntegerField()
    http_status = models.PositiveSmallIntegerField(null=True)
    answer = models.CharField(
        max_length=LONGEST_ANSWER, blank=True, help_text="How the answer begins, without secrets."
    )
    error = models.CharField(max_length=300, blank=True, help_text="Empty: it arrived.")

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["callback", "number"], name="callback_attempt_once_per_number")
        ]

    def __str__(self) -> str:
        return f"{self.callback_id} {self.number}"


class CallbackEndpointQuerySet(models.QuerySet["CallbackEndpoint"]):
    def paused(self) -> Self:
        return self.filter(paused_at__isnull=False)


class CallbackEndpoint(models.Model):
    """Where an agent is called, by the origin of the address; a row from the first failure on."""

    class Because(models.TextChoices):
        FAILING = "failing", "nothing arrives"
        GONE = "gone", "it says that it is gone"

    id = models.UUIDField(primary_key=True, default=uuid7)
    agent = models.ForeignKey(Agent, models.CASCADE, related_name="callback_endpoints", db_index=False)
    origin = models.CharField(max_length=LONGEST_ORIGIN)
    failures = models.PositiveIntegerField(default=0, db_default=0, help_text="Attempts in a row.")
    failing_since = models.DateTimeField(null=True, help_text="The first of them.")
    last_error = models.CharField(max_length=300, blank=True, default="", db_default="")
    paused_at = models.DateTimeField(null=True, help_text="Since then nothing is tried but a probe.")
    paused_because = models.CharField(max_length=8, choices=Because, blank=True, default="", db_default="")
    probe = models.UUIDField(null=True, help_text="The one message that may be tried meanwhile.")
    probes = models.PositiveSmallIntegerField(default=0, db_default=0, help_text="Since it was paused.")
    probe_due_at = models.DateTimeField(null=True, help_text="When to try the next one; null: never.")
    busy_until = models.DateTimeField(
        null=True, help_text="So long what was to be sent anew takes, one after the other."
    )

    objects = CallbackEndpointQuerySet.as_manager()

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["agent", "origin"], name="callback_endpoint_once"),
            models.CheckConstraint(
                condition=Q(paused_at__isnull=True, paused_because="", probe_due_at=None)
                | Q(paused_at__isnull=False, paused_because__in=["failing", "gone"]),
                name="callback_endpoint_says_why_it_is_paused",
            ),
        ]
        indexes = [
            models.Index(
                fields=["probe_due_at"],
                condition=Q(probe_due_at__isnull=False),
                name="callback_endpoint_by_probe",
            ),
            models.Index(
                fields=["-paused_at"],
                condition=Q(paused_at__isnull=False),
                name="callback_endpoint_paused",
            ),
        ]

    def __str__(self) -> str:
        return self.origin
