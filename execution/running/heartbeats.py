"""Who said lately that they work, and who fell silent. Loads no models, for the clock has none."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.db import connection

PARTS = ("worker", "beat")


def beat(name: str) -> None:
    """Note that this part of the installation works, by the database's clock."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO execution_heartbeat (name, at) VALUES (%s, statement_timestamp())"
            " ON CONFLICT (name) DO UPDATE SET at = excluded.at",
            [name],
        )


def silences() -> list[str]:
    """A sentence for every part that should have said something by now."""
    ages = _ages()
    return [sentence for name in PARTS if (sentence := _sentence(name, ages.get(name)))]


def _ages() -> dict[str, timedelta]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT name, statement_timestamp() - at FROM execution_heartbeat")
        return dict(cursor.fetchall())


def _sentence(name: str, age: timedelta | None) -> str:
    if age is None:
        return f"The {name} has not said anything yet."
    if age.total_seconds() <= settings.SILENT_AFTER_SECONDS:
        return ""
    return f"The {name} has been silent for {_for_how_long(age)}."


def _for_how_long(age: timedelta) -> str:
    seconds = age.total_seconds()
    for unit, length in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= length:
            count = int(seconds // length)
            return f"{count} {unit}{'s' if count != 1 else ''}"
    return f"{int(seconds)} seconds"
