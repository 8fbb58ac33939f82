"""Views of the queue that people named for themselves."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower, Now

from audit.ground.ids import uuid7
from governance.models import User


class SavedView(models.Model):
    """Filters and an order of the queue that somebody named for themselves; it opens first if they say so.

    A preference of one's own page: it changes nothing that anybody decides on, and has no event.
    """

    id = models.UUIDField(primary_key=True, default=uuid7)
    user = models.ForeignKey(User, models.CASCADE, related_name="saved_views", db_index=False)
    name = models.CharField(max_length=40)
    query = models.CharField(max_length=1500, help_text="As in the address, with its question mark.")
    opens_first = models.BooleanField(default=False)
    at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint("user", Lower("name"), name="saved_view_once_per_name"),
            models.UniqueConstraint(
                fields=["user"], condition=Q(opens_first=True), name="saved_view_one_opens_first"
            ),
        ]

    def __str__(self) -> str:
        return self.name
