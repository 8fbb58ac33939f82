"""What is told to people, how they wish it, and to where."""

from __future__ import annotations

from typing import Any, Self

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from approvals.models.kinds import ALWAYS_ON_THE_PAGE, SECURITY, USUAL, Kind, Wish, topic_of
from audit.ground.ids import uuid7
from governance.models import Incident, Risk, Team, User


class Wishes(models.Model):
    """How a person wishes to be told. Who never said anything has no row and is told as usual."""

    user = models.OneToOneField(User, models.CASCADE, primary_key=True, related_name="notice_wishes")
    topics = models.JSONField(default=dict, help_text="Topic → page, browser, outside, where not as usual.")
    digest_every = models.PositiveSmallIntegerField(default=4, help_text="Hours; 24 is daily at `digest_at`.")
    digest_at = models.CharField(max_length=5, default="08:00")
    zone = models.CharField(max_length=64, default="UTC")
    quiet_days = ArrayField(
        models.CharField(max_length=3), default=list, help_text="On which quiet hours begin."
    )
    quiet_from = models.CharField(max_length=5, default="19:00")
    quiet_to = models.CharField(max_length=5, default="07:00")
    critical_breaks_quiet = models.BooleanField(default=False)
    sent_at = models.DateTimeField(null=True, help_text="The last message outside that was no digest.")

    def __str__(self) -> str:
        return f"of {self.user_id}"

    def wish(self, kind: str, *, urgent: bool) -> Wish:
        """How this person wishes to be told of this."""
        if kind in (Kind.FAILED_TRIES, Kind.NEW_DEVICE):
            return SECURITY
        return self.of_topic(topic_of(kind, urgent=urgent))

    def of_topic(self, topic: str) -> Wish:
        if not topic:
            return ALWAYS_ON_THE_PAGE
        said: dict[str, Any] | None = self.topics.get(topic)
        return Wish(**said) if said else USUAL[topic]


class Here(models.Model):
    """When somebody's browser last told that it shows one of our pages in the foreground. Telemetry."""

    user = models.OneToOneField(User, models.CASCADE, primary_key=True, related_name="+")
    at = models.DateTimeField()
    desk_at = models.DateTimeField(null=True, help_text="The same of the desk, where proposals come in.")

    def __str__(self) -> str:
        return f"{self.user_id} at {self.at}"


class Target(models.Model):
    """An address of a person outside: sealed, for it holds a secret, and never shown again."""

    id = models.UUIDField(primary_key=True, default=uuid7)
    user = models.ForeignKey(User, models.CASCADE, related_name="notice_targets")
    name = models.CharField(max_length=60)
    service = models.CharField(max_length=40, help_text="What kind of address, in words.")
    shown = models.CharField(max_length=200, help_text="As much of it as may be shown.")
    sealed = models.BinaryField(help_text="The address, encrypted under SECRETS_KEYS.")
    failures = models.PositiveSmallIntegerField(default=0, help_text="In a row.")
    last_error = models.CharField(max_length=200, blank=True)
    sent_at = models.DateTimeField(null=True, help_text="When something last arrived.")
    disabled_at = models.DateTimeField(null=True, help_text="When it had failed too often.")
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["id"]
        default_permissions = ()  # nobody but its owner ever sees it

    def __str__(self) -> str:
        return f"{self.service} of {self.user_id}"


class Message(models.Model):
    """What was sent to a person at one time: all that was due then, in one text."""

    id = models.UUIDField(primary_key=True, default=uuid7)
    user = models.ForeignKey(User, models.CASCADE, related_name="+")
    title = models.CharField(max_length=200)
    body = models.TextField()
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        default_permissions = ()
        indexes = [models.Index(fields=["created_at"], name="message_by_time")]

    def __str__(self) -> str:
        return self.title


class Delivery(models.Model):
    """A message on its way to one address. Its id travels along, so that a second copy is known as one."""

    class Status(models.TextChoices):
        WAITING = "waiting"
        SENT = "sent"
        GIVEN_UP = "given_up", "given up"
        DROPPED = "dropped"  # nothing of it was left to say

    id = models.UUIDField(primary_key=True, default=uuid7)
    message = models.ForeignKey(Message, models.CASCADE, related_name="deliveries", db_index=False)
    target = models.ForeignKey(Target, models.CASCADE, related_name="deliveries")
    status = models.CharField(max_length=8, choices=Status, default=Status.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0)
    due_at = models.DateTimeField(db_default=Now())
    queued_at = models.DateTimeField(null=True)
    last_error = models.CharField(max_length=200, blank=True)

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["message", "target"], name="delivery_once_per_target"),
        ]
        indexes = [
            models.Index(fields=["due_at"], condition=Q(status="waiting"), name="delivery_due"),
        ]

    def __str__(self) -> str:
        return f"{self.message_id} {self.status}"


class NoticeQuerySet(models.QuerySet["Notice"]):
    def unread(self) -> Self:
        return self.filter(on_page=True, read_at=None)


class Notice(models.Model):
    """One line told to one person: what happened, for which team, how risky, how many.

    What comes in for a team while a line is unread and not yet sent is added to it. `outside` says
    what is still owed to the person's addresses.
    """

    class Outside(models.TextChoices):
        NOT_WANTED = "none", "not wanted"
        WAITING = "waiting"
        SENT = "sent"
        DROPPED = "dropped"  # seen or decided before it was due

    id = models.BigAutoField(primary_key=True)
    user = models.ForeignKey(User, models.CASCADE, related_name="notices", db_index=False)
    kind = models.CharField(max_length=12, choices=Kind)
    team = models.ForeignKey(Team, models.PROTECT, null=True, db_index=False)
    risk = models.PositiveSmallIntegerField(choices=Risk, help_text="The highest among them.")
    urgent = models.BooleanField()
    proposals = ArrayField(models.UUIDField(), default=list, help_text="The first of them.")
    incident = models.ForeignKey(
        Incident,
        models.SET_NULL,
        null=True,
        db_index=False,
        related_name="+",
        help_text="If it is about one.",
    )
    count = models.PositiveIntegerField(default=1)
    occasion = models.CharField(max_length=120, blank=True, help_text="What makes it the same thing twice.")
    on_page = models.BooleanField(default=True)
    by_browser = models.BooleanField(default=False)
    at = models.DateTimeField(db_default=Now(), help_text="When the last of them was added.")
    read_at = models.DateTimeField(null=True)
    outside = models.CharField(max_length=8, choices=Outside, default=Outside.NOT_WANTED)
    due_at = models.DateTimeField(null=True, help_text="When to look whether it is to be sent.")
    in_digest = models.BooleanField(default=False, help_text="`due_at` is the time of a digest.")
    message = models.ForeignKey(Message, models.SET_NULL, null=True, related_name="notices")

    objects = NoticeQuerySet.as_manager()

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["user", "kind", "occasion"],
                condition=~Q(occasion=""),
                name="notice_once_per_occasion",
            ),
            models.UniqueConstraint(
                fields=["user", "kind", "team", "urgent"],
                condition=Q(occasion="", read_at=None, outside__in=["none", "waiting"]),
                name="notice_one_open_bundle",
            ),
            models.CheckConstraint(
                condition=~Q(outside="waiting") | Q(due_at__isnull=False), name="notice_waiting_is_due"
            ),
        ]
        indexes = [
            models.Index(fields=["user"], condition=Q(on_page=True, read_at=None), name="notice_unread"),
            models.Index(fields=["user", "-at", "-id"], name="notice_by_user"),
            models.Index(fields=["due_at"], condition=Q(outside="waiting"), name="notice_due"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} for {self.user_id}"


class Follower(models.Model):
    """How far the log was read: how many events of its sealed order."""

    name = models.CharField(primary_key=True, max_length=20)
    position = models.BigIntegerField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.name} at {self.position}"
