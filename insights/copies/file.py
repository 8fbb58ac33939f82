"""A file that grows: the application may append to it and not rewrite it (`chattr +a`, or elsewhere)."""

from __future__ import annotations

import os
from pathlib import Path

from audit.models import Checkpoint
from audit.sealing.checkpoints import known_keys
from audit.sealing.places import Place
from audit.sealing.verifier import Wrong, open_checkpoint
from insights.copies.known import Contradiction, compare

_TAIL = 64 * 1024  # bytes at its end, where the last checkpoint stands


def append(place: Place, known_size: int, newest: Checkpoint) -> None:
    """Add the newest checkpoint, after the last one there is held against the log.

    Raises `Contradiction`, and `OSError` where it can't be written.
    """
    path = Path(place.address)
    if last := _last(path, newest.origin):
        try:
            compare(open_checkpoint(last, known_keys()), newest)
        except Wrong as error:
            raise Contradiction(f"its last checkpoint is none that this log signs: {error}") from None
    elif known_size:
        raise Contradiction(f"it had a checkpoint of {known_size} entries, and is empty")
    with path.open("ab") as out:
        out.write(newest.note.encode() + b"\n")
        out.flush()
        os.fsync(out.fileno())


def _last(path: Path, origin: str) -> str:
    """The last checkpoint in the file; empty where there is none."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _TAIL))
            tail = file.read().decode(errors="replace")
    except FileNotFoundError:
        return ""
    _, gap, last = tail.rpartition(f"\n\n{origin}\n")
    found = f"{origin}\n{last}" if gap else tail  # without a gap there is one, or something else
    return found.rstrip("\n") + "\n" if found else ""
