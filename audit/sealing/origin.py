"""The name of the log: where it is served, without `https://` (C2SP tlog-checkpoint)."""

from __future__ import annotations

from django.conf import settings
from django.db import connection

PLACE = "log"


def origin() -> str:
    """The name of a log that begins now. One that has begun keeps its own."""
    address: str = settings.PUBLIC_URL
    return f"{address.partition('://')[2]}/{PLACE}"


def origin_in_use() -> str:
    """The name that checkpoints have, else the one that they will have."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT origin FROM audit_sealer")
        row = cursor.fetchone()
    return str(row[0]) if row else origin()
