"""What somebody wants of a bundle, and the checkpoints that they hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from audit.ground.refusals import Invalid
from audit.log.read import NAMES, Filters
from audit.models import Checkpoint
from audit.sealing import checkpoints
from audit.sealing.verifier import Checkpoint as Signed
from audit.sealing.verifier import Wrong, open_checkpoint

LONGEST_NOTE = 10_000


@dataclass(frozen=True)
class Wanted:
    """Which entries, under which checkpoint, and from which one that was kept."""

    filters: Filters
    checkpoint: Checkpoint
    old: list[Signed]


def read(asked: Mapping[str, str]) -> Wanted:
    """What a form or a query asks for. Raises `Invalid`, naming each parameter that is wrong."""
    filters = Filters.read(asked, allowed=NAMES)
    try:
        checkpoint = checkpoints.newest()
    except checkpoints.NoCheckpoint:
        raise Invalid.field("?", "Nothing is signed yet: try again in ten seconds.") from None
    kept = asked.get("old", "").replace("\r\n", "\n").strip()
    return Wanted(filters, checkpoint, [_kept(kept + "\n", checkpoint)] if kept else [])


def _kept(note: str, checkpoint: Checkpoint) -> Signed:
    """The checkpoint that somebody kept, where the log still begins with it. Raises `Invalid`."""
    try:
        if len(note) > LONGEST_NOTE:
            raise Wrong("The note is too long.")
        kept = open_checkpoint(note, checkpoints.known_keys())
    except Wrong as error:
        raise Invalid.field("?old", f"This checkpoint is not one of this log. {error}") from None
    if not 0 < kept.size <= checkpoint.size:
        said = f"This checkpoint has {kept.size} entries, and the log is signed up to {checkpoint.size}."
        raise Invalid.field("?old", said)
    if not checkpoints.begins_with(kept):
        said = f"The log does not begin with the {kept.size} entries that this checkpoint signed."
        raise Invalid.field("?old", said)
    return kept
