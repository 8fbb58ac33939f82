"""What is true of a signed Merkle log, in one file that needs nothing but Python 3.9 or later.

Whoever holds an old checkpoint checks with it, offline and without the product that wrote the log, that
no entry was changed, removed, added or reordered since. The product itself uses these functions.

Told here: the tree of RFC 6962 and RFC 9162 (section 2.1), Ed25519 of RFC 8032 (section 5.1), and of
https://c2sp.org signed-note, tlog-checkpoint, tlog-cosignature, tlog-tiles and tlog-proof.
Hashes are SHA-256, as 32 bytes. What is not as it should be raises `Wrong`, in a plain sentence.
"""

from __future__ import annotations

import argparse
import base64
import binascii
import io
import json
import re
import sys
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256, sha512
from itertools import islice
from pathlib import Path
from typing import IO, Any, TypeVar, cast

try:  # a hundred times as fast, where it is there
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
except ImportError:
    Ed25519PublicKey = None  # type: ignore[assignment,misc]


class Wrong(ValueError):
    """Something is not what it claims to be."""


# --- The tree -------------------------------------------------------------------------------------


def leaf_hash(body: bytes) -> bytes:
    """The hash of an entry, of its exact bytes."""
    return sha256(b"\0" + body).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of two subtrees that lie beside each other."""
    return sha256(b"\1" + left + right).digest()


def tree_hash(row: list[bytes]) -> bytes:
    """The hash over subtrees that lie beside each other, of which the last may be smaller."""
    while len(row) > 1:
        paired = [node_hash(row[at], row[at + 1]) for at in range(0, len(row) - 1, 2)]
        row = paired + row[len(row) & ~1 :]
    return row[0]


class Frontier:
    """The right edge of a tree that grows: of each full subtree in it the hash, the largest first."""

    def __init__(self) -> None:
        self.size = 0
        self._subtrees: list[bytes] = []

    def append(self, leaf: bytes) -> None:
        """Add the hash of the next entry."""
        self.size += 1
        size, subtrees = self.size, self._subtrees
        while not size & 1:
            leaf = node_hash(subtrees.pop(), leaf)
            size >>= 1
        subtrees.append(leaf)

    def root(self) -> bytes:
        """The hash of the whole tree. An empty one proves nothing: `Wrong`."""
        if not self._subtrees:
            raise Wrong("An empty tree has no root that proves anything.")
        found = self._subtrees[-1]
        for left in reversed(self._subtrees[:-1]):
            found = node_hash(left, found)
        return found


def verify_inclusion(index: int, size: int, leaf: bytes, proof: Sequence[bytes], root: bytes) -> None:
    """Raise `Wrong` unless the proof leads from the leaf at this place to the root of so many."""
    if not 0 <= index < size:
        raise Wrong(f"Entry {index} is not in a tree of {size}.")
    _check_hashes(leaf, *proof, root)
    # RFC 9162, section 2.1.3.2.
    place, last, found = index, size - 1, leaf
    for step in proof:
        if last == 0:
            raise Wrong("The inclusion proof is too long.")
        if place & 1 or place == last:
            found = node_hash(step, found)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            found = node_hash(found, step)
        place, last = place >> 1, last >> 1
    if last:
        raise Wrong("The inclusion proof is too short.")
    if found != root:
        raise Wrong(f"Entry {index} is not in the tree with this root.")


def verify_consistency(
    old_size: int, new_size: int, proof: Sequence[bytes], old_root: bytes, new_root: bytes
) -> None:
    """Raise `Wrong` unless the proof shows that the old tree is the beginning of the new one."""
    if not 0 < old_size <= new_size:
        raise Wrong(f"A tree of {old_size} is not the beginning of one of {new_size}.")
    if old_size == new_size:
        if proof or old_root != new_root:
            raise Wrong("Two trees of the same size have different roots: the log was forked.")
        return
    _check_hashes(*proof, old_root, new_root)
    # RFC 9162, section 2.1.4.2.
    steps = list(proof) if old_size & (old_size - 1) else [old_root, *proof]
    if not steps:
        raise Wrong("The consistency proof is too short.")
    place, last = old_size - 1, new_size - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    old_found = new_found = steps[0]
    for step in steps[1:]:
        if last == 0:
            raise Wrong("The consistency proof is too long.")
        if place & 1 or place == last:
            old_found, new_found = node_hash(step, old_found), node_hash(step, new_found)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            new_found = node_hash(new_found, step)
        place, last = place >> 1, last >> 1
    if last:
        raise Wrong("The consistency proof is too short.")
    if old_found != old_root or new_found != new_root:
        raise Wrong(f"The first {old_size} entries are not those that they were.")


def _check_hashes(*hashes: bytes) -> None:
    if any(len(one) != 32 for one in hashes):
        raise Wrong("A hash in the proof does not have 32 bytes.")


# --- Tiles ----------------------------------------------------------------------------------------

TILE_HEIGHT = 8  # levels of the tree in a tile
TILE_WIDTH = 1 << TILE_HEIGHT
ENTRIES = -1  # the level of entry bundles, which hold the entries themselves
_TILE = re.compile(
    r"tile/(?P<level>entries|0|[1-9][0-9]?)/(?P<index>(x[0-9]{3}/)*[0-9]{3})(\.p/(?P<width>[1-9][0-9]{0,2}))?"
)


def tile_path(level: int, index: int, width: int = TILE_WIDTH) -> str:
    """Where a tile is served: `tile/0/x001/234.p/5` are the first 5 hashes of tile 1234 of level 0."""
    digits = f"{index:03d}"
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    groups = [digits[at : at + 3] for at in range(0, len(digits), 3)]
    place = "/".join([*("x" + group for group in groups[:-1]), groups[-1]])
    part = f".p/{width}" if width < TILE_WIDTH else ""
    return f"tile/{'entries' if level == ENTRIES else level}/{place}{part}"


def parse_tile_path(path: str) -> tuple[int, int, int]:
    """Level, index and width of what is served at a path. Raises `Wrong` for any other way to write it."""
    found = _TILE.fullmatch(path) if len(path) < 100 else None
    if not found:
        raise Wrong("This is not the path of a tile.")
    level = ENTRIES if found["level"] == "entries" else int(found["level"])
    index = int(found["index"].replace("x", "").replace("/", ""))
    width = int(found["width"] or TILE_WIDTH)
    if level > 63 or tile_path(level, index, width) != path:
        raise Wrong("This is not the path of a tile.")
    return level, index, width


def entry_bundle(bodies: Iterable[bytes]) -> bytes:
    """Entries as they are served: each after its length, in 16 bits. Raises `Wrong` for a longer one."""
    pieces = []
    for body in bodies:
        if len(body) > 0xFFFF:
            raise Wrong("An entry is longer than an entry bundle can hold.")
        pieces += [len(body).to_bytes(2, "big"), body]
    return b"".join(pieces)


# --- Signed notes ---------------------------------------------------------------------------------

MOST_BYTES = 1_000_000  # of a note, or of a line
_ED25519, _COSIGNATURE = 0x01, 0x04
_SIGNATURE = re.compile("\N{EM DASH} (?P<name>[^\\s+]+) (?P<signature>[A-Za-z0-9+/]+={0,2})")
_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")


@dataclass(frozen=True)
class VerifierKey:
    """The public key of a log or a witness, under its name."""

    name: str
    public: bytes
    algorithm: int = _ED25519

    @classmethod
    def parse(cls, text: str) -> VerifierKey:
        """Read `name+id+key`, as signed-note writes it. Raises `Wrong`."""
        name, _, rest = text.strip().partition("+")
        given_id, _, encoded = rest.partition("+")
        key = _bytes(encoded, "The verifier key")
        known = len(key) == 33 and key[0] in (_ED25519, _COSIGNATURE)
        if not name or re.search(r"[\s\ud800-\udfff]", name) or not known:
            raise Wrong("This is not a verifier key: name+8 digits+base64 of an Ed25519 key.")
        found = cls(name, key[1:], key[0])
        if given_id != found.key_id.hex():
            raise Wrong(f"The digits in the verifier key of {name} are not those of its key.")
        return found

    @property
    def key_id(self) -> bytes:
        """The 4 bytes that mark its signatures."""
        return sha256(self.name.encode() + b"\n" + self._key).digest()[:4]

    @property
    def vkey(self) -> str:
        """What `parse` reads."""
        return f"{self.name}+{self.key_id.hex()}+{_text(self._key)}"

    @property
    def _key(self) -> bytes:
        return bytes([self.algorithm]) + self.public

    def has_signed(self, text: str, signature: bytes) -> bool:
        """Whether the signature is this key's, of this text; a witness's tells the time as well."""
        message = text.encode()
        if self.algorithm == _COSIGNATURE:
            stamp, signature = int.from_bytes(signature[:8], "big"), signature[8:]
            if stamp >= 1 << 63:
                return False
            message = f"cosignature/v1\ntime {stamp}\n".encode() + message
        return verify_ed25519(self.public, message, signature)


@dataclass(frozen=True)
class Note:
    """A text and the signatures under it, which are not checked yet: name, key id and signature of each."""

    text: str
    signatures: tuple[tuple[str, bytes, bytes], ...]

    @classmethod
    def parse(cls, note: str) -> Note:
        """Take a signed note apart. Raises `Wrong`."""
        if len(note) > MOST_BYTES or re.search(r"[\x00-\x09\x0b-\x1f\ud800-\udfff]", note):
            raise Wrong("The note is too long, or holds characters that are not text.")
        text, gap, rest = note.rpartition("\n\n")
        if not gap or not rest.endswith("\n"):
            raise Wrong("The note has no signatures after an empty line.")
        return cls(text + "\n", tuple(map(_signature, rest[:-1].split("\n"))))

    def signed_by(self, keys: Iterable[VerifierKey]) -> list[VerifierKey]:
        """Which of these keys signed it. Raises `Wrong` where one did not although its mark is there."""
        found = []
        for key in keys:
            own = [signed for *mark, signed in self.signatures if mark == [key.name, key.key_id]]
            if not all(key.has_signed(self.text, signed) for signed in own):
                raise Wrong(f"The signature of {key.name} is forged, or the text under it was changed.")
            if own:
                found.append(key)
        return found


@dataclass(frozen=True)
class Checkpoint:
    """The root of the first `size` entries of the log `origin`."""

    origin: str
    size: int
    root: bytes

    @classmethod
    def parse(cls, text: str) -> Checkpoint:
        """Read the text of a note as tlog-checkpoint writes it. Raises `Wrong`."""
        lines = text.split("\n")
        if len(lines) < 4 or lines.pop() or "" in lines or not _SIZE.fullmatch(lines[1]):
            raise Wrong("This is not a checkpoint: origin, size and root, a line each.")
        root = _bytes(lines[2], "The root in the checkpoint")
        if len(root) != 32:
            raise Wrong("The root in the checkpoint does not have 32 bytes.")
        return cls(lines[0], int(lines[1]), root)

    @property
    def text(self) -> str:
        """What is signed."""
        return f"{self.origin}\n{self.size}\n{_text(self.root)}\n"


def open_checkpoint(note: str, keys: Iterable[VerifierKey]) -> Checkpoint:
    """The checkpoint in a note that at least one of these keys signed as its log. Raises `Wrong`.

    That of an empty tree is refused: it is the beginning of every log.
    """
    parsed = Note.parse(note)
    checkpoint = Checkpoint.parse(parsed.text)
    if checkpoint.size == 0:
        raise Wrong("The checkpoint of an empty tree proves nothing.")
    signed = [key for key in parsed.signed_by(keys) if key.algorithm == _ED25519]
    if not any(key.name == checkpoint.origin for key in signed):
        raise Wrong("None of the keys that are trusted has signed the checkpoint.")
    return checkpoint


def _signature(line: str) -> tuple[str, bytes, bytes]:
    found = _SIGNATURE.fullmatch(line)
    signed = _bytes(found["signature"], "A signature") if found else b""
    if not found or len(signed) < 5:
        raise Wrong("A line under the note is no signature.")
    return found["name"], signed[:4], signed[4:]


def _bytes(text: str, what: str) -> bytes:
    """The bytes that a text in base64 stands for, which has one way of writing them. Raises `Wrong`."""
    try:
        found = base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, ValueError):
        found = b""
    if not found or _text(found) != text:
        raise Wrong(f"{what} is not base64.")
    return found


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode()


# --- Proofs as files ------------------------------------------------------------------------------

_PROOF = "c2sp.org/tlog-proof@v1"


def write_proof(index: int, hashes: Sequence[bytes], checkpoint: str) -> str:
    """An inclusion proof and the signed checkpoint that it leads to, as one text."""
    return "\n".join([_PROOF, f"index {index}", *map(_text, hashes), "", checkpoint])


def read_proof(text: str) -> tuple[int, list[bytes], str]:
    """Index, hashes and signed checkpoint of such a text; extra data in it is passed over. Raises `Wrong`."""
    head, gap, checkpoint = text.partition("\n\n")
    first, *lines = head.split("\n")
    if lines and lines[0].startswith("extra "):
        _bytes(lines.pop(0)[6:], "The extra data of the proof")
    place = lines.pop(0)[6:] if lines and lines[0].startswith("index ") else ""
    if first != _PROOF or not gap or not _SIZE.fullmatch(place) or len(lines) > 63:
        raise Wrong(f"This is not a proof of the form {_PROOF}.")
    hashes = [_bytes(line, "A hash of the proof") for line in lines]
    _check_hashes(*hashes)
    return int(place), hashes, checkpoint


# --- Ed25519 --------------------------------------------------------------------------------------

_P = 2**255 - 19
_L = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, _P - 2, _P) % _P
_ROOT_OF_MINUS_ONE = pow(2, (_P - 1) // 4, _P)
_Point = tuple  # X, Y, Z and T of extended homogeneous coordinates


def verify_ed25519(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether the signature is that of this key (RFC 8032, section 5.1.7, without the cofactor)."""
    if Ed25519PublicKey is None:
        return verify_slowly(public, message, signature)
    if _point(public) is None:  # the library takes points that are written in another way
        return False
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def verify_slowly(public: bytes, message: bytes, signature: bytes) -> bool:
    """The same without any library: a few milliseconds."""
    if len(public) != 32 or len(signature) != 64:
        return False
    scalar = int.from_bytes(signature[32:], "little")
    key, commitment = _point(public), _point(signature[:32])
    if scalar >= _L or key is None or commitment is None:
        return False
    challenge = int.from_bytes(sha512(signature[:32] + public + message).digest(), "little") % _L
    return _same(_times(scalar, _BASE), _plus(commitment, _times(challenge, key)))


def _point(encoded: bytes) -> _Point | None:
    """The point that 32 bytes stand for; None where they stand for none, or in another than the one way."""
    number = int.from_bytes(encoded, "little")
    sign, y = number >> 255, number & ((1 << 255) - 1)
    x = _x_of(y, sign) if len(encoded) == 32 else None
    return None if x is None else (x, y, 1, x * y % _P)


def _x_of(y: int, sign: int) -> int | None:
    if y >= _P:
        return None
    square = (y * y - 1) * pow(_D * y * y + 1, _P - 2, _P) % _P
    x = pow(square, (_P + 3) // 8, _P)
    if (x * x - square) % _P:
        x = x * _ROOT_OF_MINUS_ONE % _P
    if (x * x - square) % _P or (x == 0 and sign):
        return None
    return _P - x if x & 1 != sign else x


def _plus(one: _Point, other: _Point) -> _Point:
    a = (one[1] - one[0]) * (other[1] - other[0]) % _P
    b = (one[1] + one[0]) * (other[1] + other[0]) % _P
    c = 2 * one[3] * other[3] * _D % _P
    d = 2 * one[2] * other[2] % _P
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f % _P, g * h % _P, f * g % _P, e * h % _P)


def _times(factor: int, point: _Point) -> _Point:
    found: _Point = (0, 1, 1, 0)
    while factor:
        if factor & 1:
            found = _plus(found, point)
        point = _plus(point, point)
        factor >>= 1
    return found


def _same(one: _Point, other: _Point) -> bool:
    return not ((one[0] * other[2] - other[0] * one[2]) % _P or (one[1] * other[2] - other[1] * one[2]) % _P)


_BASE: _Point = _point((4 * pow(5, _P - 2, _P) % _P).to_bytes(32, "little")) or ()


# --- What tiles prove -----------------------------------------------------------------------------

# The bytes of a tile, by its path; None where it is not there.
ReadFile = Callable[[str], "bytes | None"]
T = TypeVar("T")


class Tiles:
    """The hash tiles of a log, each of which is checked against the signed root before it is believed."""

    def __init__(self, read: ReadFile, checkpoint: Checkpoint) -> None:
        """Raises `Wrong` where the tiles at the edge do not lead to the checkpoint's root."""
        self._read, self._size = read, checkpoint.size
        self._known: dict[tuple[int, int], list[bytes]] = {}
        self._lowest: tuple[int, list[bytes]] = (-1, [])  # of level 0 the last one: they are many
        if self._root(checkpoint.size, self._unchecked) != checkpoint.root:
            raise Wrong("The hash tiles do not lead to the root in the checkpoint.")

    def leaf(self, index: int) -> bytes:
        """The hash that was signed at this place. Raises `Wrong`."""
        if index >= self._size:
            raise Wrong(f"Entry {index} was added: the checkpoint does not have it.")
        number, place = divmod(index, TILE_WIDTH)
        if self._lowest[0] != number:
            self._lowest = (number, self._row(0, number))
        return self._lowest[1][place]

    def fitting(self, places: Iterator[int], lines: Iterator[bytes]) -> Iterator[bytes]:
        """The hash of the entry at each place. Raises `Wrong`, naming the first that does not fit."""
        for place in places:
            line = next(lines, None)
            if line is None:
                raise Wrong(f"Entry {place} is missing, and all after it.")
            leaf = leaf_hash(line)
            if leaf != self.leaf(place):
                found = [leaf, *map(leaf_hash, _ahead(lines))]
                expected = [place, *_ahead(places)]
                raise Wrong(_what_became_of(expected, list(_ahead(map(self.leaf, expected))), found))
            yield leaf

    def _row(self, level: int, index: int) -> list[bytes]:
        """The hashes in a tile. Raises `Wrong` where it is missing or does not lead to the root."""
        if (level, index) in self._known:
            return self._known[level, index]
        row = self._unchecked(level, index)
        if len(row) == TILE_WIDTH:
            above = self._row(level + 1, index // TILE_WIDTH)
            if above[index % TILE_WIDTH] != tree_hash(row):
                first, count = index << TILE_HEIGHT * (level + 1), 1 << TILE_HEIGHT * (level + 1)
                raise Wrong(f"The hashes of the entries {first} to {first + count - 1} are not those signed.")
        if level:
            self._known[level, index] = row
        return row

    def check_old(self, old: Checkpoint) -> None:
        """Raise `Wrong` unless an earlier checkpoint signed the beginning of this log."""
        if self._root(old.size, self._row) != old.root:
            raise Wrong(f"The first {old.size} entries are not those that they were.")

    def _root(self, size: int, row: Callable[[int, int], list[bytes]]) -> bytes:
        """The root of so many entries: of each level what comes after its last full tile."""
        right: list[bytes] = []
        level = 0
        while size >> TILE_HEIGHT * level:
            count = size >> TILE_HEIGHT * level
            edge = row(level, count // TILE_WIDTH)[: count % TILE_WIDTH] if count % TILE_WIDTH else []
            right = [tree_hash(edge + right)] if edge + right else []
            level += 1
        if not right:
            raise Wrong("An empty tree has no root that proves anything.")
        return right[0]

    def _unchecked(self, level: int, index: int) -> list[bytes]:
        width = min(TILE_WIDTH, (self._size >> TILE_HEIGHT * level) - index * TILE_WIDTH)
        path = tile_path(level, index, width)
        data = self._read(path)
        if data is None:
            raise Wrong(f"{path} is missing.")
        if len(data) != 32 * width:
            raise Wrong(f"{path} does not hold {width} hashes.")
        return [data[at : at + 32] for at in range(0, len(data), 32)]


def _ahead(source: Iterable[T]) -> Iterator[T]:
    """What comes next, as far as it can be read: it only helps to say what became of an entry."""
    try:
        yield from islice(source, TILE_WIDTH)
    except Wrong:
        return


def _what_became_of(places: list[int], signed: list[bytes], found: list[bytes]) -> str:
    """What the first entry looks like, which does not fit; by what was signed and found from its place on."""
    first, changed = places[0], found[1:2] == signed[1:2]
    if changed or (signed[0] not in found and found[0] not in signed):
        return f"Entry {first} was changed: it is not what was signed at its place."
    if found[:2] == signed[1::-1] and found[2:3] == signed[2:3]:
        return f"Entries {first} and {places[1]} were swapped."
    added = found.index(signed[0]) if signed[0] in found else TILE_WIDTH + 1
    missing = signed.index(found[0]) if found[0] in signed else TILE_WIDTH + 1
    more = f", and {min(added, missing) - 1} after it" if min(added, missing) > 1 else ""
    if added <= missing:
        return f"Entry {first} was added{more}: what was signed at its place comes later."
    return f"Entry {first} is missing{more}: entry {places[missing]} stands in its place."


def check_log(
    lines: Iterable[bytes], checkpoint: Checkpoint, old: Sequence[Checkpoint], tiles: Tiles | None
) -> int:
    """Check a whole log from its first entry on; returns how many entries are newer than the checkpoint.

    Every earlier checkpoint has to have signed its beginning. Raises `Wrong`, naming the first bad entry
    where there are tiles, and else the entries among which it is.
    """
    signed = _roots(checkpoint, old)
    if tiles is not None:
        for one in old:
            tiles.check_old(one)
    frontier, good, source = Frontier(), 0, iter(lines)
    if tiles is not None:
        hashes = tiles.fitting(iter(range(checkpoint.size)), source)
    else:
        hashes = map(leaf_hash, islice(source, checkpoint.size))
    for leaf in hashes:
        frontier.append(leaf)
        if frontier.size in signed:
            if frontier.root() != signed[frontier.size]:
                raise Wrong(f"The first bad entry is one of the entries {good} to {frontier.size - 1}.")
            good = frontier.size
    if frontier.size < checkpoint.size:
        missing = checkpoint.size - frontier.size
        raise Wrong(f"Of the entries {good} to {checkpoint.size - 1}, {missing} are missing.")
    return sum(1 for _ in source)


def _roots(checkpoint: Checkpoint, old: Sequence[Checkpoint]) -> dict[int, bytes]:
    """The roots by size. Raises `Wrong` where they can't all be of one log."""
    signed = {checkpoint.size: checkpoint.root}
    for one in old:
        if one.origin != checkpoint.origin:
            raise Wrong(f"The checkpoints are of two logs, {one.origin} and {checkpoint.origin}.")
        if one.size > checkpoint.size:
            raise Wrong(f"The log was cut: it had {one.size} entries and has {checkpoint.size}.")
        if signed.setdefault(one.size, one.root) != one.root:
            raise Wrong(f"Two checkpoints of {one.size} entries have different roots: the log was forked.")
    return signed


# --- Bundles --------------------------------------------------------------------------------------

BUNDLE = "reviewapp-bundle/1"


MOST_TEXT = 64 << 20  # bytes of a file that is read whole
_PACKED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
# What zipfile raises for bytes that it can't unpack, or that are not those that were packed.
_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError)


class Bundle:
    """The files of an evidence bundle: a folder, or a zip that is read as a stream."""

    def __init__(self, path: Path) -> None:
        """Raises `Wrong` for a zip with two files of one name: two readers may see two different ones."""
        self._folder = path
        self._zip = None if path.is_dir() else zipfile.ZipFile(path)
        if self._zip is None:
            inside = [one.relative_to(path).as_posix() for one in path.rglob("*") if one.is_file()]
        else:
            inside = [one.filename for one in self._zip.infolist() if not one.is_dir()]
            if any(one.compress_type not in _PACKED for one in self._zip.infolist()):
                raise Wrong("A file in the bundle is packed in another way than bundles are.")
        self.names = set(inside)
        if len(inside) > len(self.names):
            raise Wrong(f"{Counter(inside).most_common(1)[0][0]} stands in the bundle more than once.")

    @contextmanager
    def open(self, name: str) -> Iterator[IO[bytes]]:
        """A file in it. Raises `Wrong` where it is missing, or is found damaged while it is read."""
        if name not in self.names:
            raise Wrong(f"{name} is missing in the bundle.")
        try:
            with self._zip.open(name) if self._zip else (self._folder / name).open("rb") as file:
                yield io.BufferedReader(cast(Any, file), 1 << 20)
        except _DAMAGED:
            raise Wrong(f"{name} in the bundle is damaged.") from None

    def read(self, name: str) -> bytes | None:
        """The bytes of a file; None where it is missing. Raises `Wrong` for one that is far too large."""
        if name not in self.names:
            return None
        with self.open(name) as file:
            found = file.read(MOST_TEXT + 1)
        if len(found) > MOST_TEXT:
            raise Wrong(f"{name} in the bundle is too large.")
        return found

    def text(self, name: str) -> str:
        """A file of text. Raises `Wrong`."""
        found = self.read(name)
        if found is None:
            raise Wrong(f"{name} is missing in the bundle.")
        return _decoded(found, name)


def check_bundle(bundle: Bundle, keys: Sequence[VerifierKey], old: Sequence[str]) -> list[str]:
    """Check everything in a bundle; returns what was found true, a sentence each. Raises `Wrong`."""
    found = []
    if not keys:
        keys = [VerifierKey.parse(line) for line in bundle.text("keys.txt").splitlines()]
        found.append("The key came with the bundle: compare it with one that you got in another way.")
        found += [f"  {key.vkey}" for key in keys]
    checkpoint = open_checkpoint(bundle.text("checkpoint"), keys)
    tiles = Tiles(bundle.read, checkpoint)
    for note in old:
        before = open_checkpoint(note, keys)
        _roots(checkpoint, [before])
        tiles.check_old(before)
        found.append(f"The first {before.size} entries are those that the earlier checkpoint signed.")
    count = _check_entries(bundle, tiles)
    found.append(f"All {count} entries are as the checkpoint of {checkpoint.size} entries signs them.")
    _check_manifest(bundle)
    found.append("All other files are as the manifest tells, which is not signed.")
    return found


def _check_entries(bundle: Bundle, tiles: Tiles) -> int:
    """Check each entry at the place that it claims; returns how many there are."""
    lines = _lines_of(bundle, "entries.jsonl")
    count = sum(1 for _ in tiles.fitting(_places(bundle), lines))
    if next(lines, None) is not None:
        raise Wrong("leaves.txt does not have a place for each entry in entries.jsonl.")
    return count


def _places(bundle: Bundle) -> Iterator[int]:
    before = -1
    for line in _lines_of(bundle, "leaves.txt"):
        text = line.decode("latin-1")
        if not _SIZE.fullmatch(text):
            raise Wrong("A line of leaves.txt is not the place of an entry.")
        if int(text) <= before:
            raise Wrong(f"Entry {text} stands after entry {before}.")
        before = int(text)
        yield before


def _lines_of(bundle: Bundle, name: str) -> Iterator[bytes]:
    with bundle.open(name) as file:
        yield from _lines(file)


def _check_manifest(bundle: Bundle) -> None:
    try:
        manifest = json.loads(bundle.text("manifest.json"))
        told: dict[str, Any] = dict(manifest["files"])
        form = manifest["format"]
    except (ValueError, TypeError, KeyError, RecursionError):
        raise Wrong("manifest.json is not readable.") from None
    if form != BUNDLE:
        raise Wrong(f"This verifier reads bundles of the form {BUNDLE}, and this is {form!r}.")
    names = bundle.names - {"manifest.json"}
    if odd := sorted(names ^ told.keys()):
        raise Wrong(f"{odd[0]} is {'not in the manifest' if odd[0] in names else 'missing in the bundle'}.")
    for name in sorted(names):
        digest = sha256()
        with bundle.open(name) as file:
            for piece in iter(lambda: file.read(1 << 20), b""):
                digest.update(piece)
        if digest.hexdigest() != told[name]:
            raise Wrong(f"{name} is not what the manifest tells.")


# --- The command line -----------------------------------------------------------------------------


def main(arguments: Sequence[str] | None = None) -> int:
    """Check what is asked for; 0 where it is true, 1 where it is wrong, 2 where it can't be read."""
    asked = _parser().parse_args(arguments)
    try:
        for sentence in asked.check(asked):
            print(_printable(sentence))
    except Wrong as error:
        print(_printable(f"WRONG: {error}"))
        return 1
    except (OSError, zipfile.BadZipFile, NotImplementedError) as error:
        print(_printable(f"Not readable: {error}"), file=sys.stderr)
        return 2
    print("OK")
    return 0


def _printable(sentence: str) -> str:
    """The same, which no name in a bundle makes look like another: a terminal obeys some characters."""
    return "".join(one if " " <= one <= "~" else ascii(one)[1:-1] for one in sentence)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Check, offline, what a signed log claims.")
    commands = parser.add_subparsers(dest="command", required=True)

    def command(name: str, check: Callable[[Any], Iterable[str]], says: str, *, key: bool = True) -> Any:
        one = commands.add_parser(name, help=says, description=says)
        says = "verifier key of the log; more than one while a new one takes its place"
        one.add_argument("--key", action="append", default=[], type=_key, required=key, help=says)
        one.set_defaults(check=check)
        return one

    log = command("log", _log, "Check a whole log, an entry a line from the first on, against a checkpoint.")
    log.add_argument("events", type=Path)
    log.add_argument("checkpoint", type=Path)
    log.add_argument("--tiles", type=Path, help="folder with the hash tiles: they name the first bad entry")
    bundle = command("bundle", _bundle, "Check an evidence bundle, a zip or a folder.", key=False)
    bundle.add_argument("bundle", type=Path)
    for one in (log, bundle):
        one.add_argument("--old", type=Path, action="append", default=[], help="a checkpoint that you kept")
    pair = command("consistency", _consistency, "Check that one checkpoint is the beginning of another.")
    pair.add_argument("old", type=Path)
    pair.add_argument("new", type=Path)
    proof = pair.add_mutually_exclusive_group(required=True)
    proof.add_argument("--proof", type=Path, help="hashes in base64, one a line")
    proof.add_argument("--tiles", type=Path, help="folder with the hash tiles")
    entry = command("inclusion", _inclusion, "Check that an entry lies in the log by its proof.")
    entry.add_argument("entry", type=Path, help="its exact bytes; a line end is left out")
    entry.add_argument("proof", type=Path, help=f"of the form {_PROOF}")
    return parser


def _key(text: str) -> VerifierKey:
    try:
        return VerifierKey.parse(text)
    except Wrong as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _log(asked: Any) -> Iterator[str]:
    checkpoint = open_checkpoint(_file(asked.checkpoint), asked.key)
    old = [open_checkpoint(_file(path), asked.key) for path in asked.old]
    tiles = Tiles(_reader(asked.tiles), checkpoint) if asked.tiles else None
    with asked.events.open("rb") as file:
        newer = check_log(_lines(file), checkpoint, old, tiles)
    yield f"All {checkpoint.size} entries are as the checkpoint signs them."
    if old:
        yield "They begin with what the earlier checkpoints signed."
    if newer:
        yield f"{newer} more entries are newer than the checkpoint, which says nothing of them."


def _bundle(asked: Any) -> Iterable[str]:
    return check_bundle(Bundle(asked.bundle), asked.key, list(map(_file, asked.old)))


def _consistency(asked: Any) -> Iterator[str]:
    old, new = (open_checkpoint(_file(path), asked.key) for path in (asked.old, asked.new))
    _roots(new, [old])
    if asked.tiles:
        Tiles(_reader(asked.tiles), new).check_old(old)
    else:
        hashes = [_bytes(line, "A hash of the proof") for line in _file(asked.proof).split()]
        verify_consistency(old.size, new.size, hashes, old.root, new.root)
    yield f"The first {old.size} of {new.size} entries are those that the old checkpoint signed."


def _inclusion(asked: Any) -> Iterator[str]:
    index, hashes, note = read_proof(_file(asked.proof))
    checkpoint = open_checkpoint(note, asked.key)
    body = asked.entry.read_bytes()
    leaf = leaf_hash(body[:-1] if body.endswith(b"\n") else body)
    verify_inclusion(index, checkpoint.size, leaf, hashes, checkpoint.root)
    yield f"It is entry {index} of the {checkpoint.size} that the checkpoint signs."


def _lines(file: IO[bytes]) -> Iterator[bytes]:
    """The lines of a file without their ends. A last line without one is a line. Raises `Wrong`."""
    while line := file.readline(MOST_BYTES):
        if len(line) == MOST_BYTES:
            raise Wrong(f"A line is longer than {MOST_BYTES - 1} bytes, which no entry is.")
        yield line[:-1] if line.endswith(b"\n") else line


def _reader(folder: Path) -> ReadFile:
    def read(path: str) -> bytes | None:
        found = folder / path
        found = found if found.exists() else folder / path[len("tile/") :]
        return found.read_bytes() if found.exists() else None

    return read


def _file(path: Path) -> str:
    return _decoded(path.read_bytes(), path.name)


def _decoded(data: bytes, name: str) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise Wrong(f"{name} is not text.") from None


if __name__ == "__main__":
    sys.exit(main())
