"""The log itself: every event in its place, every hash, root and signature as the rows have them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from itertools import zip_longest

from audit.sealing.checkpoints import known_keys
from audit.sealing.verifier import (
    TILE_WIDTH,
    Checkpoint,
    Frontier,
    VerifierKey,
    Wrong,
    open_checkpoint,
    tree_hash,
)
from insights.fsck.checking import Check, Finding, rows

_LEAVES = r"""
SELECT leaf_index, event_id, encode(hash, 'hex'),
       encode(sha256('\x00'::bytea || convert_to(body, 'UTF8')), 'hex') AS found
  FROM audit_leaf LEFT JOIN audit_event ON id = event_id
 WHERE id IS NULL OR hash <> sha256('\x00'::bytea || convert_to(body, 'UTF8')) ORDER BY leaf_index"""

_GAPS = """
SELECT before, leaf_index FROM (
    SELECT leaf_index, lag(leaf_index, 1, -1::bigint) OVER (ORDER BY leaf_index) AS before
      FROM audit_leaf) places
 WHERE leaf_index <> before + 1 ORDER BY leaf_index"""

_LEFT_OUT = """
SELECT id FROM audit_event e, audit_sealer s
 WHERE e.id <= s.floor AND NOT EXISTS (SELECT FROM audit_leaf WHERE event_id = e.id) ORDER BY id"""


def _leaves() -> Iterator[Finding]:
    """Events that were changed or taken out since they were sealed, places without one, events without."""
    for place, number, sealed, found in rows(_LEAVES):
        is_now = f"hash {found}" if found else "no row"
        yield Finding("leaves", "entry", str(place), f"hash {sealed}", is_now, number)
    for before, after in rows(_GAPS):
        yield Finding("leaves", "entry", str(before + 1), "an event", f"none up to entry {after}")
    for (number,) in rows(_LEFT_OUT):
        yield Finding(
            "leaves", "event", str(number), "a place in the log", "none: it was put in later", number
        )


def _tree() -> Iterator[Finding]:
    """Hashes of tiles and signed roots, derived anew from the hashes of the leaves."""
    checkpoints = {size: (bytes(root), note) for size, root, note in rows(_CHECKPOINTS)}
    keys = known_keys()
    frontier, tiles = Frontier(), _Tiles()
    for (leaf,) in rows("SELECT hash FROM audit_leaf ORDER BY leaf_index"):
        frontier.append(bytes(leaf))
        tiles.add(bytes(leaf))
        if signed := checkpoints.pop(frontier.size, None):
            yield from _signed(frontier, *signed, keys)
    for size in sorted(checkpoints):
        yield Finding(
            "tree", "checkpoint", str(size), f"{size} entries", f"{frontier.size}: some are missing"
        )
    stored = rows("SELECT level, index, hash FROM audit_node ORDER BY level, index")
    for expected, node in zip_longest(tiles.above(), stored):
        if expected is None or node is None or expected != (node[0], node[1], bytes(node[2])):
            level, index, *_ = expected or node
            yield Finding("tree", "tile", f"{level}/{index}", _hash_of(expected), _hash_of(node))
            return  # what comes after one that is missing is out of step


_CHECKPOINTS = "SELECT size, root, note FROM audit_checkpoint ORDER BY size"


def _signed(frontier: Frontier, root: bytes, note: str, keys: Iterable[VerifierKey]) -> Iterator[Finding]:
    """What is wrong with the checkpoint of the tree as it is now."""
    expected, subject = frontier.root(), str(frontier.size)
    if root != expected:
        yield Finding("tree", "checkpoint", subject, f"root {expected.hex()}", f"root {root.hex()}")
    try:
        signed = open_checkpoint(note, keys)
    except Wrong as error:
        yield Finding("tree", "checkpoint", subject, "a signature of the log", str(error))
        return
    if signed != Checkpoint(signed.origin, frontier.size, expected):
        said = f"{signed.size} entries with root {signed.root.hex()}"
        yield Finding("tree", "checkpoint", subject, f"root {expected.hex()}", f"signed are {said}")


class _Tiles:
    """The hashes of full tiles, level by level, of leaves that are added one after the other."""

    def __init__(self) -> None:
        self._rows: list[list[bytes]] = [[]]
        self._above: list[list[bytes]] = []

    def add(self, leaf: bytes, level: int = 0) -> None:
        self._rows[level].append(leaf)
        if len(self._rows[level]) < TILE_WIDTH:
            return
        full, self._rows[level] = tree_hash(self._rows[level]), []
        if len(self._rows) == level + 1:
            self._rows.append([])
            self._above.append([])
        self._above[level].append(full)
        self.add(full, level + 1)

    def above(self) -> Iterator[tuple[int, int, bytes]]:
        """Level, index and hash of each, as `audit_node` has them."""
        for level, found in enumerate(self._above, 1):
            for index, value in enumerate(found):
                yield level, index, value


def _hash_of(node: tuple[int, int, bytes] | tuple[object, ...] | None) -> str:
    return f"hash {bytes(node[2]).hex()}" if node else "none"  # type: ignore[call-overload]


# --- Against a checkpoint that was kept elsewhere -------------------------------------------------


def against(note: str) -> Check:
    """A check that the log begins with what this note signs. Raises `Wrong` where the log never signed it."""
    kept = open_checkpoint(note, known_keys())
    sentence = f"The first {kept.size} entries are those that the checkpoint signed which was kept."
    return Check("kept checkpoint", sentence, partial(_compared, kept))


def _compared(kept: Checkpoint) -> Iterator[Finding]:
    frontier = Frontier()
    for (leaf,) in rows(
        "SELECT hash FROM audit_leaf ORDER BY leaf_index LIMIT %(size)s", {"size": kept.size}
    ):
        frontier.append(bytes(leaf))
    if frontier.size < kept.size:
        missing = f"{frontier.size}: all from entry {frontier.size} on are missing"
        yield Finding("kept checkpoint", "log", kept.origin, f"{kept.size} entries", missing)
    elif frontier.root() != kept.root:
        found = f"root {frontier.root().hex()}: some of them are others"
        yield Finding("kept checkpoint", "log", kept.origin, f"root {kept.root.hex()}", found)


LEAVES = Check("leaves", "Each event has its place in the log, and is what was sealed there.", _leaves)
TREE = Check("tree", "Each hash and each signed root of the log is that of its entries.", _tree)
CHECKS = (LEAVES, TREE)
