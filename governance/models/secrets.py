"""What routes need to be let in elsewhere: kept encrypted, named in workflows."""

from __future__ import annotations

import re
from typing import Self

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Max, Q
from django.db.models.functions import Now

from audit.ground.ids import uuid7
from governance.models.people import User

NAME_PATTERN = r"[A-Za-z0-9_.-]{1,64}"


def is_secret_name(name: str) -> bool:
    """Whether a secret can be called so; one that is all dots would be no place in an address."""
    return bool(re.fullmatch(NAME_PATTERN, name)) and any(letter.isalnum() for letter in name)


class SecretQuerySet(models.QuerySet["Secret"]):
    def with_last_use(self) -> Self:
        """Each with `last_used_at`, to the minute: when a route was last given it, None where none was."""
        return self.annotate(last_used_at=Max("uses__at"))


class Secret(models.Model):
    """A value that is written once and never shown again.

    `governance.secrets.vault` hands it to routes of the action types in `granted_to`, and to nobody else;
    `governance.secrets.keep` writes it.
    """

    id = models.UUIDField(primary_key=True, default=uuid7)
    name = models.CharField(max_length=64, unique=True)
    description = models.CharField(max_length=200, blank=True, help_text="What it is for.")
    ciphertext = models.TextField(help_text="As `governance.secrets.box` seals it.")
    granted_to = ArrayField(
        models.CharField(max_length=128),
        default=list,
        blank=True,
        help_text="Names of the action types whose routes may use it.",
    )
    certificate_until = models.DateTimeField(
        null=True, help_text="When the client certificate in it ends; null where it holds none."
    )
    created_at = models.DateTimeField(db_default=Now())
    written_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", db_index=False)
    written_at = models.DateTimeField(db_default=Now(), help_text="When its value was last written.")
    rotated_at = models.DateTimeField(null=True, help_text="When it was last encrypted under another key.")

    objects = SecretQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=~Q(name="") & ~Q(ciphertext=""), name="secret_has_name_and_value"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class SecretUse(models.Model):
    """Where a secret is used, and when it last was, to the minute."""

    secret = models.ForeignKey(Secret, models.CASCADE, related_name="uses", db_index=False)
    place = models.CharField(max_length=300, help_text="Such as `refund_payment@3 refund 1`.")
    at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["secret", "place"], name="secret_use_once_per_place")]

    def __str__(self) -> str:
        return f"{self.secret_id} at {self.place}"
