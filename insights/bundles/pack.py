"""An evidence bundle: a zip that proves itself, written as a stream in flat memory.

The form is what `audit.sealing.verifier` reads: `entries.jsonl`, `leaves.txt`, `checkpoint`, `keys.txt`, the
hash tiles, and `manifest.json` with the SHA-256 of every file.
"""

from __future__ import annotations

import json
import zipfile
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from django.db import connection, transaction
from django.template.loader import render_to_string

from audit.evidence.rows import row_of
from audit.ground.actors import Actor
from audit.log.read import Filters
from audit.log.record import record
from audit.models import Checkpoint, Event
from audit.sealing import stored, verifier
from audit.sealing.checkpoints import cosigned
from audit.sealing.keys import public_keys
from insights.bundles.chosen import entries, tiles
from insights.bundles.versions import Named

CHUNK_BYTES = 64 * 1024
MOST_IN_SUMMARY = 2_000
LONG_AGO = (1980, 1, 1, 0, 0, 0)  # of every file: the same question gets the same bytes


def bundle(
    filters: Filters, checkpoint: Checkpoint, *, old: Iterable[verifier.Checkpoint] = (), actor: Actor
) -> Iterator[bytes]:
    """The bundle of the entries that fit and that `checkpoint` covers, in pieces of about 64 KiB.

    With an earlier checkpoint in `old` it also proves that the log begins with what that one signed.
    That it was asked for stands in the log before the first piece.
    """
    with transaction.atomic():
        data = {"format": "bundle", "filters": filters.as_json(), "size": checkpoint.size}
        record("events.exported", actor=actor, data=data)
    return _alone(_packed(filters, checkpoint, [one.size for one in old]))


def _alone(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The same; whichever thread sends them gives its connection back."""
    try:
        yield from pieces
    finally:
        if not connection.in_atomic_block:
            connection.close()


def _packed(filters: Filters, checkpoint: Checkpoint, old: list[int]) -> Iterator[bytes]:
    packing = _Packing()
    named, leaves, first = Named(), array("Q"), list[int]()

    def lines() -> Iterator[bytes]:
        for place, body in entries(filters, size=checkpoint.size):
            leaves.append(place)
            named.look_at(body)
            if len(first) < MOST_IN_SUMMARY:
                first.append(place)
            yield body.encode() + b"\n"

    yield from packing.file("entries.jsonl", lines())
    yield from packing.file("leaves.txt", (b"%d\n" % place for place in leaves))
    yield from packing.file("checkpoint", [cosigned(checkpoint).encode()])
    keys = [key.vkey for key in public_keys(checkpoint.origin)]
    yield from packing.file("keys.txt", ["".join(f"{key}\n" for key in keys).encode()])
    for level, index, width in tiles(leaves, size=checkpoint.size, old=old):
        row = stored.hashes(level, index * verifier.TILE_WIDTH, width)
        yield from packing.file(verifier.tile_path(level, index, width), [b"".join(row)])
    versions = [name for name, _ in named.files()]
    for name, text in named.files():
        yield from packing.file(name, [text])
    yield from packing.file("verify.py", [Path(verifier.__file__).read_bytes()])
    about = _About(filters, checkpoint, keys, versions, len(leaves))
    yield from packing.file("summary.html", [_summary(about, first)])
    yield from packing.file("README.txt", [_readme(about)])
    yield from packing.end()


class _Packing:
    """A zip that is taken away while it is written."""

    def __init__(self) -> None:
        self._out = _Taken()
        self._zip = zipfile.ZipFile(self._out, "w", zipfile.ZIP_DEFLATED)  # type: ignore[call-overload]
        self._digests: dict[str, str] = {}

    def file(self, name: str, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """Put a file in; yields what can be sent by then."""
        digest, info = sha256(), zipfile.ZipInfo(name, LONG_AGO)
        info.compress_type, info.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
        with self._zip.open(info, "w", force_zip64=True) as inside:
            for piece in pieces:
                digest.update(piece)
                inside.write(piece)
                yield from self._out.take(CHUNK_BYTES)
        self._digests[name] = digest.hexdigest()

    def end(self) -> Iterator[bytes]:
        """The manifest, and the end of the zip."""
        manifest = {"format": verifier.BUNDLE, "files": self._digests}
        text = json.dumps(manifest, indent=1, sort_keys=True).encode() + b"\n"
        yield from self.file("manifest.json", [text])
        self._zip.close()
        yield from self._out.take(1)


class _Taken:
    """A file that can't be sought in, of which the beginning is taken away."""

    def __init__(self) -> None:
        self._waiting = bytearray()
        self._at = 0

    def write(self, data: bytes) -> int:
        self._waiting += data
        self._at += len(data)
        return len(data)

    def tell(self) -> int:
        return self._at

    def flush(self) -> None:
        """Nothing is held back."""

    def take(self, least: int) -> Iterator[bytes]:
        if len(self._waiting) >= least:
            piece, self._waiting = bytes(self._waiting), bytearray()
            yield piece


# --- For people -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class _About:
    """What is in a bundle."""

    filters: Filters
    checkpoint: Checkpoint
    keys: list[str]
    versions: list[str]
    count: int


def _summary(about: _About, places: list[int]) -> bytes:
    """A page that is read without the product, and printed."""
    found = Event.objects.raw(
        "SELECT e.*, leaf_index FROM audit_leaf JOIN audit_event e ON e.id = event_id"
        " WHERE leaf_index = ANY(%s) ORDER BY leaf_index",
        [places],
    )
    rows = [{**row_of(event), "place": vars(event)["leaf_index"]} for event in found]
    context = {
        "about": about,
        "asked": about.filters.as_json().items(),
        "root": bytes(about.checkpoint.root).hex(),
        "events": rows,
        "left_out": about.count - len(rows),
    }
    return render_to_string("insights/bundles/summary.html", context).encode()


def _readme(about: _About) -> bytes:
    return f"""\
Evidence from the log {about.checkpoint.origin}: {about.count} entries of {about.checkpoint.size}.

To check it, on any machine with Python 3.9 or later:

    python verify.py bundle THIS.zip --key 'PUBLIC KEY OF THE LOG' --old CHECKPOINT-THAT-YOU-KEPT

Take the key from the operator in another way than this file. keys.txt has the one that the log says it is:
{"".join(f"    {key}" + chr(10) for key in about.keys)}
entries.jsonl   the entries, a line each: the exact bytes that were sealed
leaves.txt      the place of each in the log, from 0
checkpoint      the signed root of the log (C2SP signed note)
tile/           the hashes that lead from the entries to the root (C2SP tlog-tiles)
policies/, action-types/   the versions that the entries name
summary.html    the same for people
manifest.json   the SHA-256 of every file
""".encode()
