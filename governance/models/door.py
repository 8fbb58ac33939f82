"""How people get in: single-use links, and browsers that somebody signed in from before."""

from __future__ import annotations

from datetime import datetime
from typing import Self

from django.db import models
from django.db.models.functions import Now

from audit.ground.ids import uuid7
from governance.models.people import User


class AccountLinkQuerySet(models.QuerySet["AccountLink"]):
    def good(self) -> Self:
        """Those that still open something."""
        return self.filter(used_at=None, revoked_at=None, expires_at__gt=Now(), user__is_active=True)


class AccountLink(models.Model):
    """A link that lets one person choose a password, once. Kept as a hash."""

    class Purpose(models.TextChoices):
        INVITATION = "invitation"
        RESET = "reset", "new password"

    id = models.UUIDField(primary_key=True, default=uuid7)
    user = models.ForeignKey(User, models.CASCADE, related_name="account_links")
    purpose = models.CharField(max_length=10, choices=Purpose)
    hash = models.CharField(max_length=64, unique=True)
    made_by = models.ForeignKey(
        User,
        models.SET_NULL,
        null=True,
        related_name="+",
        help_text="Nobody where it was asked for by e-mail, or made at the console.",
    )
    by_mail = models.BooleanField(default=False)
    created_at: models.DateTimeField[datetime, datetime] = models.DateTimeField(db_default=Now())
    expires_at: models.DateTimeField[datetime, datetime] = models.DateTimeField()
    used_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)
    objects = AccountLinkQuerySet.as_manager()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.purpose} for {self.user_id}"


class KnownDevice(models.Model):
    """A browser that a person signed in from: it has a cookie, of which the hash is kept here."""

    id = models.UUIDField(primary_key=True, default=uuid7)
    user = models.ForeignKey(User, models.CASCADE, related_name="known_devices")
    hash = models.CharField(max_length=64, unique=True)
    created_at: models.DateTimeField[datetime, datetime] = models.DateTimeField(db_default=Now())
    used_at: models.DateTimeField[datetime, datetime] = models.DateTimeField(db_default=Now())

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"of {self.user_id}"
