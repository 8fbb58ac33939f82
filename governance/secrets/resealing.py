"""Encrypting anew under the newest key what is kept sealed for other purposes than routes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from audit.ground.actors import Actor
from audit.log.record import record
from governance.secrets import box


@dataclass(frozen=True)
class Resealed:
    """How many were encrypted anew, and which could not be read."""

    count: int
    unreadable: list[str]


@transaction.atomic
def reseal(rows: QuerySet[Any], field: str, *, purpose: str, actor: Actor) -> Resealed:
    """Of each row the field, which is a token or JSON whose texts are tokens; safe to call again."""
    unreadable, count = [], 0
    for row in rows.select_for_update(no_key=True):
        before = getattr(row, field)
        try:
            after = _anew(purpose, before)
        except box.Unreadable:
            unreadable.append(f"{purpose} {row.pk}")
            continue
        if after != before:
            rows.filter(pk=row.pk).update(**{field: after})
            count += 1
    if count:
        record("secret.resealed", actor=actor, data={"count": count, "what": purpose.replace("-", " ")})
    return Resealed(count, unreadable)


def _anew(purpose: str, kept: Any) -> Any:
    if isinstance(kept, dict):
        return {name: _anew(purpose, value) for name, value in kept.items()}
    if isinstance(kept, list):
        return [_anew(purpose, value) for value in kept]
    if isinstance(kept, str):
        return box.resealed_for(purpose, kept.encode()).decode()
    return box.resealed_for(purpose, bytes(kept)) if isinstance(kept, bytes | memoryview) else kept
