"""Who said lately that they work, and who fell silent. Loads no models, for the clock has none."""

from __future__ import annotations

from collections.abc import Mapping

from django.conf import settings
from django.db import connection

from audit.statements.prepared import execute

PARTS = ("worker", "beat")


def beat(name: str) -> None:
    """Note that this part of the installation works, by the database's clock."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO execution_heartbeat (name, at) VALUES (%s, statement_timestamp())"
            " ON CONFLICT (name) DO UPDATE SET at = excluded.at",
            [name],
        )


# Seconds since each of them said something, by the database's clock.
AGES = f"""
SELECT coalesce(json_object_agg(name, extract(epoch FROM statement_timestamp() - at)), '{{}}')
  FROM execution_heartbeat WHERE name IN {PARTS}
"""


def silences() -> list[str]:
    """A sentence for every part that should have said something by now."""
    [(ages,)] = execute(AGES, [])
    return in_words(ages)


def in_words(ages: Mapping[str, float]) -> list[str]:
    """The same of what `AGES` found."""
    return [sentence for name in PARTS if (sentence := _sentence(name, ages.get(name)))]


def _sentence(name: str, age: float | None) -> str:
    if age is None:
        return f"The {name} has not said anything yet."
    if age <= settings.SILENT_AFTER_SECONDS:
        return ""
    return f"The {name} has been silent for {_for_how_long(age)}."


def _for_how_long(seconds: float) -> str:
    for unit, length in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= length:
            count = int(seconds // length)
            return f"{count} {unit}{'s' if count != 1 else ''}"
    return f"{int(seconds)} seconds"
