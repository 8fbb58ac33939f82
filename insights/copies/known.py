"""What a place outside knows of the log, held against it."""

from __future__ import annotations

from audit.models import Checkpoint
from audit.sealing import stored, tree
from audit.sealing.verifier import Checkpoint as Signed


class Contradiction(Exception):
    """A place knows a log that ours is not the continuation of; the message says how they differ."""


class NotTaken(Exception):
    """A place did not take the checkpoint; the message says why."""


def compare(known: Signed, newest: Checkpoint) -> None:
    """Raise `Contradiction` unless the log begins with what somebody outside knows that we signed."""
    if known.size > newest.size:
        missing = f"entries {newest.size} to {known.size - 1} are missing"
        raise Contradiction(f"it knows {known.size} entries and the log has {newest.size}: {missing}")
    if known.size and tree.root(known.size, stored.hashes) != known.root:
        raise Contradiction(f"the first {known.size} entries are not those that it knows")
