"""What a place outside knows of the log, held against it."""

from __future__ import annotations

from audit.models import Checkpoint
from audit.sealing.checkpoints import begins_with
from audit.sealing.verifier import Checkpoint as Signed


class Contradiction(Exception):
    """A place knows a log that ours is not the continuation of; the message says how they differ."""


class NotTaken(Exception):
    """A place did not take the checkpoint; the message says why."""


def check_size(known: int, newest: Checkpoint) -> None:
    """Raise `Contradiction` where somebody outside knows more entries than there are: it was rolled back."""
    if known > newest.size:
        missing = f"entries {newest.size} to {known - 1} are missing"
        raise Contradiction(f"it knows {known} entries and the log has {newest.size}: {missing}")


def compare(known: Signed, newest: Checkpoint) -> None:
    """Raise `Contradiction` unless the log begins with what somebody outside knows that we signed."""
    check_size(known.size, newest)
    if not begins_with(known):
        raise Contradiction(f"the first {known.size} entries are not those that it knows")
