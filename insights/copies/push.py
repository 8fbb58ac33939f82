"""Checkpoints leave the house: each place gets the newest, and what it knows is held against the log.

A place that knows another log than ours, or a longer one, says that ours was changed or rolled back: an
incident. What a place does not take is tried again, and shown.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from django.conf import settings
from django.db import connection, transaction
from django.db.models.functions import Now

from audit.ground.actors import Actor
from audit.ground.egress import Lost, NotSent, Refused
from audit.models import Checkpoint, CheckpointCopy
from audit.sealing import checkpoints, places
from audit.sealing.places import Place, PlaceKind
from governance.models import Incident
from governance.trust.incidents import open_incident
from insights.copies import file, network
from insights.copies.known import Contradiction, NotTaken

EVERY = timedelta(seconds=30)  # at most so often to one place
AGAIN = timedelta(minutes=1)  # after something went wrong
COPIER = Actor("system", "copier", "Copier")
_WAYS: dict[PlaceKind, Callable[[Place, int, Checkpoint], None]] = {
    PlaceKind.FILE: file.append,
    PlaceKind.WEBHOOK: network.post,
    PlaceKind.WITNESS: network.ask_witness,
}


def push_newest() -> int:
    """Give every place whose time has come the newest checkpoint; returns how many took it."""
    try:
        newest = checkpoints.newest()
    except checkpoints.NoCheckpoint:
        return 0
    known = places.by_name(settings.CHECKPOINT_COPIES)
    _note_places(list(known))
    return sum(_push(name, place, newest) for name, place in known.items())


@transaction.atomic
def _push(name: str, place: Place, newest: Checkpoint) -> bool:
    """Push to one place, unless another worker is at it."""
    due = CheckpointCopy.objects.filter(place=name, size__lt=newest.size, due_at__lte=Now())
    copy = due.select_for_update(skip_locked=True).first()
    if copy is None:
        return False
    copy.error, wait = "", EVERY
    try:
        _WAYS[place.kind](place, copy.size, newest)
        copy.size, copy.at = newest.size, Now()
    except Contradiction as found:
        copy.error, wait = str(found), AGAIN
        kind = Incident.Kind.LOG_FORKED
        open_incident(kind, f"{name}: {found}", actor=COPIER, cause=f"log {name}")
    except (NotTaken, NotSent, Lost, Refused, OSError) as error:
        copy.error, wait = f"{error}"[:300], AGAIN
    copy.due_at = Now() + wait
    copy.save()
    return not copy.error


def _note_places(names: list[str]) -> None:
    """A row for every place that is configured, and none for others."""
    CheckpointCopy.objects.exclude(place__in=names).delete()
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO audit_copy (place) SELECT unnest(%s::text[]) ON CONFLICT DO NOTHING", [names]
        )
