"""Who said lately that they work, and who fell silent. Loads no models, for the clock has none."""

from __future__ import annotations

from collections.abc import Mapping

from django.conf import settings
from django.db import connection

from audit.sealing import lag
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


# Seconds since each of them said something, and since what no checkpoint of the log covers, where there is
# any such event: by the database's clock.
AGES = f"""
SELECT (coalesce(jsonb_object_agg(name, extract(epoch FROM statement_timestamp() - at)), '{{}}')
        || jsonb_build_object('log', ({lag.SECONDS})))::json
  FROM execution_heartbeat WHERE name IN {PARTS}
"""


def silences() -> list[str]:
    """A sentence for every part that should have said something by now."""
    ages = _ages()
    return [sentence for name in PARTS if (sentence := _sentence(name, ages.get(name)))]


def warnings() -> list[str]:
    """The same, and one where the log was not sealed for too long, which stops nobody's work."""
    return in_words(_ages())


def in_words(ages: Mapping[str, float | None]) -> list[str]:
    """`warnings` of what `AGES` found."""
    found = [_sentence(name, ages.get(name)) for name in PARTS]
    behind = ages["log"] or 0.0
    if behind > lag.MOST_SECONDS:
        found.append(f"The audit log has not been sealed and signed for {_for_how_long(behind)}.")
    return list(filter(None, found))


def _ages() -> Mapping[str, float | None]:
    [(ages,)] = execute(AGES, [])
    found: Mapping[str, float | None] = ages
    return found


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
