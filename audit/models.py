from __future__ import annotations

from typing import Any

from django.db import models


class Event(models.Model):
    """One line of the audit log.

    `body` holds the exact bytes of the record: one canonical JSON line (RFC 8785).
    The other columns are computed from it by PostgreSQL, for looking things up.
    Rows are written by `audit.log.record` alone; the database refuses to change them.
    """

    id = models.BigIntegerField(primary_key=True)
    body = models.TextField()
    type = models.TextField()
    at = models.DateTimeField()
    actor = models.TextField()
    actor_name = models.TextField()
    proposal_id = models.UUIDField(null=True)

    class Meta:
        db_table = "audit_event"
        ordering = ["id"]
        default_permissions = ("view",)
        permissions = [("export_event", "Can export the audit log")]

    def __str__(self) -> str:
        return f"{self.pk} {self.type}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        raise TypeError("An event is written by audit.log.record and never changed.")

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        raise TypeError("An event is never deleted.")


class Checkpoint(models.Model):
    """The signed root of the first `size` leaves of the log. Written by `audit.sealing.seal` alone."""

    size = models.BigIntegerField(primary_key=True)
    root = models.BinaryField(help_text="SHA-256, of the tree of RFC 6962.")
    at = models.DateTimeField()
    note = models.TextField(help_text="The checkpoint as a C2SP signed note.")

    class Meta:
        db_table = "audit_checkpoint"
        ordering = ["size"]
        default_permissions = ()

    def __str__(self) -> str:
        return f"of {self.size}"

    @property
    def origin(self) -> str:
        """The name of the log that it is of."""
        return self.note.partition("\n")[0]


class CheckpointCopy(models.Model):
    """A place outside that checkpoints are pushed to, and what it acknowledged last."""

    place = models.TextField(primary_key=True)
    size = models.BigIntegerField(help_text="Of what it acknowledged last; 0: nothing yet.")
    at = models.DateTimeField(null=True)
    error = models.TextField(help_text="What went wrong last, in our words.")
    due_at = models.DateTimeField()

    class Meta:
        db_table = "audit_copy"
        ordering = ["place"]
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.place} up to {self.size}"
