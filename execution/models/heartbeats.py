"""Who said lately that they work."""

from __future__ import annotations

from django.db import models


class Heartbeat(models.Model):
    """When a part of the installation last said that it works."""

    name = models.CharField(primary_key=True, max_length=32)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return self.name
