"""Whatever is done to an exported log is found, the first bad entry named, and nothing true is refused."""

from __future__ import annotations

import base64
import json
import re
import sys
import time
import zipfile
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any

import pytest

from audit.sealing import tree, verifier
from audit.sealing.keys import Signer
from audit.sealing.verifier import (
    Bundle,
    Checkpoint,
    Tiles,
    Wrong,
    check_bundle,
    check_log,
    leaf_hash,
    tile_path,
)
from tests.audit.sealing import rfc6962
from tests.searching import examples

ORIGIN = "review.example.com/log"
SIGNER, THIEF = Signer(ORIGIN, bytes(32)), Signer(ORIGIN, bytes([9]) * 32)
SIZE, OLD = 700, 450


def entries(count: int = SIZE) -> list[bytes]:
    return [f'{{"data":{{"number":{number}}},"type":"a.done","v":1}}'.encode() for number in range(count)]


class Log:
    """A log as it is handed out: its lines, hash tiles and signed checkpoints."""

    def __init__(self, lines: list[bytes], signer: Signer = SIGNER) -> None:
        self.lines = lines
        self.leaves = list(map(leaf_hash, lines))
        self.signer = signer

    def note(self, size: int) -> str:
        text = Checkpoint(ORIGIN, size, tree.root(size, self.hashes)).text
        return text + "\n" + self.signer.line(text)

    def checkpoint(self, size: int) -> Checkpoint:
        return verifier.open_checkpoint(self.note(size), [self.signer.public])

    def hashes(self, level: int, first: int, count: int) -> list[bytes]:
        width = 256**level
        return [
            rfc6962.tree_hash(self.leaves[at * width : (at + 1) * width])
            for at in range(first, first + count)
        ]

    def tile(self, path: str) -> bytes | None:
        level, index, width = verifier.parse_tile_path(path)
        return b"".join(self.hashes(level, index * 256, width))

    def tiles(self, size: int) -> Tiles:
        kept = {path: self.tile(path) for path in paths(size)}
        return Tiles(kept.get, self.checkpoint(size))


def paths(size: int) -> list[str]:
    found, level = [], 0
    while size >> 8 * level:
        count = size >> 8 * level
        found += [tile_path(level, at // 256, min(256, count - at)) for at in range(0, count, 256)]
        level += 1
    return found


TRUE = Log(entries())
CHECKPOINT, BEFORE = TRUE.checkpoint(SIZE), TRUE.checkpoint(OLD)
PATHS = {path: TRUE.tile(path) for path in paths(SIZE)}


def checked(lines: list[bytes], *, tiles: bool = True, old: bool = True) -> str:
    """What the verifier says, and nothing where it finds all of it true."""
    try:
        check_log(lines, CHECKPOINT, [BEFORE] if old else [], Tiles(PATHS.get, CHECKPOINT) if tiles else None)
    except Wrong as error:
        return str(error)
    return ""


def flipped(line: bytes, random: Random) -> bytes:
    at, bit = random.randrange(len(line)), 1 << random.randrange(8)
    return line[:at] + bytes([line[at] ^ bit]) + line[at + 1 :]


def flip(lines: list[bytes], at: int, random: Random) -> list[bytes]:
    return [*lines[:at], flipped(lines[at], random), *lines[at + 1 :]]


def delete(lines: list[bytes], at: int, random: Random) -> list[bytes]:
    return [*lines[:at], *lines[at + 1 :]]


def insert(lines: list[bytes], at: int, random: Random) -> list[bytes]:
    return [*lines[:at], flipped(lines[at], random), *lines[at:]]


def repeat(lines: list[bytes], at: int, random: Random) -> list[bytes]:
    return [*lines[: at + 1], *lines[at:]]


def swap(lines: list[bytes], at: int, random: Random) -> list[bytes]:
    return [*lines[:at], lines[at + 1], lines[at], *lines[at + 2 :]]


def cut(lines: list[bytes], at: int, random: Random) -> list[bytes]:
    return lines[:at]


def replace(lines: list[bytes], at: int, random: Random) -> list[bytes]:
    return [*lines[:at], lines[random.randrange(at)], *lines[at + 1 :]]


def delete_three(lines: list[bytes], at: int, random: Random) -> list[bytes]:
    return [*lines[:at], *lines[at + 3 :]]


def insert_three(lines: list[bytes], at: int, random: Random) -> list[bytes]:
    return [*lines[:at], b"1", b"2", b"3", *lines[at:]]


def move_up(lines: list[bytes], at: int, random: Random) -> list[bytes]:
    return [*lines[:at], lines[at + 3], *lines[at : at + 3], *lines[at + 4 :]]


def move_down(lines: list[bytes], at: int, random: Random) -> list[bytes]:
    return [*lines[:at], *lines[at + 1 : at + 4], lines[at], *lines[at + 4 :]]


KINDS: dict[Callable[..., list[bytes]], str] = {
    flip: r"Entry {at} was changed",
    delete: r"Entry {at} is missing",
    insert: r"Entry {at} was added",
    repeat: r"Entry {next} was added",
    swap: r"Entries {at} and {next} were swapped",
    cut: r"Entry {at} is missing, and all after it",
    replace: r"Entry {at} was changed",
    delete_three: r"Entry {at} is missing, and 2 after it",
    insert_three: r"Entry {at} was added, and 2 after it",
    move_up: r"Entry {at} was added",
    move_down: r"Entry {at} is missing: entry {next} stands in its place",
}
# Where a tile ends or the log does, there is less to tell by what was done.
EDGES = [1, 252, 253, 254, 255, 256, 508, 511, 512, SIZE - 4]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: str(kind.__name__))
def test_what_was_done_to_an_entry_is_named(kind: Callable[..., list[bytes]], times: int) -> None:
    random = Random(kind.__name__)
    for at in [*EDGES, *(random.randrange(1, SIZE - 4) for _ in range(times))]:
        said = checked(kind(TRUE.lines, at, random))
        assert re.match(KINDS[kind].format(at=at, next=at + 1), said), (at, said)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: str(kind.__name__))
def test_without_tiles_it_is_found_as_well_and_the_part_named(kind: Callable[..., list[bytes]]) -> None:
    random = Random(kind.__name__)
    for at in (random.randrange(1, SIZE - 4) for _ in range(30)):
        said = checked(kind(TRUE.lines, at, random), tiles=False)
        part = "0 to 449" if at + (kind is repeat) < OLD else "450 to 699"
        assert part in said or (kind is cut and f"{SIZE - at} are missing" in said), (at, said)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([b"x", *TRUE.lines[1:]], "Entry 0 was changed"),
        (TRUE.lines[1:], "Entry 0 is missing"),
        ([b"x", *TRUE.lines], "Entry 0 was added"),
        ([*TRUE.lines[:-1], b"x"], "Entry 699 was changed"),
        (TRUE.lines[:-1], "Entry 699 is missing, and all after it"),
        ([*TRUE.lines[:-2], TRUE.lines[-1], TRUE.lines[-2]], "Entries 698 and 699 were swapped"),
        ([*TRUE.lines[:-2], TRUE.lines[-1]], "Entry 698 is missing"),
        ([*TRUE.lines[:154], TRUE.lines[155], *TRUE.lines[154:]], "Entry 154 was added"),
        ([*TRUE.lines[:154], TRUE.lines[155], *TRUE.lines[155:]], "Entry 154 was changed"),
        ([b"x"] * SIZE, "Entry 0 was changed"),
        ([], "Entry 0 is missing, and all after it"),
    ],
)
def test_what_was_done_at_the_ends_or_looks_like_something_else(lines: list[bytes], said: str) -> None:
    assert checked(lines).startswith(said)


def test_what_is_true_is_never_refused() -> None:
    assert checked(TRUE.lines) == checked(TRUE.lines, tiles=False) == checked(TRUE.lines, old=False) == ""
    newer = entries(SIZE + 20)
    assert checked(newer) == ""
    assert check_log(newer, CHECKPOINT, [], None) == 20


@pytest.fixture
def times() -> int:
    """Of each kind: more than 10,000 in all with THOROUGH=1."""
    return 1_000 if examples(100) == 100 else 50


# --- Who has the key, or the database -------------------------------------------------------------


def test_a_tail_that_was_written_and_signed_anew_is_found_by_the_old_checkpoint(times: int) -> None:
    random = Random("tail")
    for _ in range(times // 5):
        at = random.randrange(OLD)
        other = Log(flip(TRUE.lines, at, random))
        for tiles in (None, other.tiles(SIZE)):
            with pytest.raises(Wrong, match=r"450 entries are not|entries 0 to 449"):
                check_log(other.lines, other.checkpoint(SIZE), [BEFORE], tiles)
        check_log(other.lines, other.checkpoint(SIZE), [], None)  # nobody else could know


def test_a_tail_after_the_old_checkpoint_is_another_log_that_is_true() -> None:
    """What nobody holds a checkpoint of can't be proved: that is why they are to be kept often."""
    other = Log([*TRUE.lines[:OLD], b"other"])
    assert check_log(other.lines, other.checkpoint(OLD + 1), [BEFORE], other.tiles(OLD + 1)) == 0


@pytest.mark.parametrize("size", [1, 255, 256, 257, 449])
def test_an_old_backup_that_was_put_back_is_found(size: int) -> None:
    backup = Log(TRUE.lines[:size])
    for tiles in (None, backup.tiles(size)):
        with pytest.raises(Wrong, match=f"The log was cut: it had {OLD} entries and has {size}"):
            check_log(backup.lines, backup.checkpoint(size), [BEFORE], tiles)


def test_two_logs_of_one_size_are_a_fork() -> None:
    other = Log(flip(TRUE.lines, 3, Random(1)))
    with pytest.raises(Wrong, match="forked"):
        check_log(TRUE.lines, CHECKPOINT, [other.checkpoint(SIZE)], None)


def test_a_key_that_was_swapped_is_found() -> None:
    with pytest.raises(Wrong, match="None of the keys"):
        verifier.open_checkpoint(Log(TRUE.lines, THIEF).note(SIZE), [SIGNER.public])


def test_hashes_that_were_changed_with_their_entry_do_not_lead_to_the_root(times: int) -> None:
    random = Random("hashes")
    for _ in range(times):
        at = random.randrange(SIZE)
        other = Log(flip(TRUE.lines, at, random))
        path = tile_path(0, at // 256, min(256, SIZE - at // 256 * 256))
        with pytest.raises(Wrong) as found:
            check_log(other.lines, CHECKPOINT, [], Tiles({**PATHS, path: other.tile(path)}.get, CHECKPOINT))
        part = at // 256 * 256
        assert str(found.value).startswith(
            f"The hashes of the entries {part} to {part + 255}" if at < 512 else "The hash tiles do not lead"
        )


# --- Bundles --------------------------------------------------------------------------------------

CHOSEN = [0, 1, 5, 255, 256, 300, 449, 450, 512, 698]


def bundle(folder: Path, log: Log = TRUE, **changed: bytes | None) -> Path:
    """A bundle of some entries as a zip; files that are to be other than they should be by their names."""
    needed = {tile_path(0, at // 256, min(256, SIZE - at // 256 * 256)) for at in [*CHOSEN, OLD]} | {
        paths(SIZE)[-1]
    }
    files: dict[str, bytes] = {
        "entries.jsonl": b"".join(log.lines[at] + b"\n" for at in CHOSEN),
        "leaves.txt": "".join(f"{at}\n" for at in CHOSEN).encode(),
        "checkpoint": log.note(SIZE).encode(),
        "keys.txt": f"{log.signer.public.vkey}\n".encode(),
        **{path: log.tile(path) or b"" for path in needed},
    }
    files |= {name: data for name, data in changed.items() if data is not None}
    digests = {name: sha256(data).hexdigest() for name, data in files.items()}
    files["manifest.json"] = json.dumps({"format": verifier.BUNDLE, "files": digests}).encode()
    path = folder / f"bundle-{time.monotonic_ns()}.zip"
    with zipfile.ZipFile(path, "w") as out:
        for name, data in files.items():
            if name not in changed or changed[name] is not None:
                out.writestr(name, data)
    return path


def told(path: Path, *old: str, trusted: bool = True) -> str:
    try:
        return "\n".join(check_bundle(Bundle(path), [SIGNER.public] if trusted else [], old))
    except Wrong as error:
        return f"WRONG {error}"


def test_a_bundle_is_checked_whole(tmp_path: Path) -> None:
    said = told(bundle(tmp_path), TRUE.note(OLD))
    assert "All 10 entries are as the checkpoint of 700 entries signs them." in said
    assert "The first 450 entries are those that the earlier checkpoint signed." in said
    assert "compare it" in told(bundle(tmp_path), trusted=False)


def test_a_folder_is_a_bundle_too(tmp_path: Path) -> None:
    with zipfile.ZipFile(bundle(tmp_path)) as packed:
        packed.extractall(tmp_path / "open")
    assert not told(tmp_path / "open").startswith("WRONG")


def test_an_entry_of_a_bundle_that_was_changed_is_named(tmp_path: Path) -> None:
    random = Random(7)
    for place, at in enumerate(CHOSEN):
        lines = [TRUE.lines[one] for one in CHOSEN]
        lines[place] = flipped(lines[place], random).replace(b"\n", b"?")
        said = told(bundle(tmp_path, **{"entries.jsonl": b"\n".join([*lines, b""])}))
        assert said == f"WRONG Entry {at} was changed: it is not what was signed at its place."


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"leaves.txt": b"0\n1\n"}, "leaves.txt does not have a place for each entry"),
        ({"leaves.txt": "".join(f"{at}\n" for at in [*CHOSEN, 699]).encode()}, "Entry 699 is missing"),
        ({"leaves.txt": "".join(f"{at}\n" for at in [1, 0, *CHOSEN[2:]]).encode()}, "Entry 1 was added"),
        (
            {"leaves.txt": "".join(f"{at}\n" for at in [0, 0, *CHOSEN[2:]]).encode()},
            "Entry 0 stands after entry 0",
        ),
        ({"leaves.txt": b"0\n+1\n"}, "not the place of an entry"),
        ({"leaves.txt": "".join(f"{at}\n" for at in [*CHOSEN[:-1], 700]).encode()}, "Entry 700 was added"),
        ({"leaves.txt": None}, "leaves.txt is missing"),
        ({"checkpoint": TRUE.note(OLD).encode()}, "missing"),
        ({"checkpoint": Log(entries(), THIEF).note(SIZE).encode()}, "None of the keys"),
        ({"checkpoint": b"\xff"}, "checkpoint is not text"),
        ({"tile/0/000": None}, "tile/0/000 is missing"),
        ({"tile/0/000": bytes(32 * 256)}, "entries 0 to 255 are not those signed"),
        ({"tile/0/001": b"x"}, "does not hold 256 hashes"),
        ({"tile/1/000.p/2": bytes(64)}, "do not lead to the root"),
    ],
)
def test_a_bundle_that_does_not_fit_is_refused(tmp_path: Path, changed: dict[str, Any], said: str) -> None:
    found = told(bundle(tmp_path, **changed))
    assert found.startswith("WRONG")
    assert said in found


def test_swapped_and_missing_entries_of_a_bundle_are_named(tmp_path: Path) -> None:
    lines = [TRUE.lines[at] for at in CHOSEN]

    def said(of: list[bytes]) -> str:
        return told(bundle(tmp_path, **{"entries.jsonl": b"\n".join([*of, b""])}))

    assert said([*lines[:3], lines[4], lines[3], *lines[5:]]) == "WRONG Entries 255 and 256 were swapped."
    assert said([*lines[:5], *lines[6:]]).startswith("WRONG Entry 300 is missing: entry 449 stands in")
    assert said([*lines[:5], b"x", *lines[5:]]).startswith("WRONG Entry 300 was added")
    assert said(lines[:-1]).startswith("WRONG Entry 698 is missing")
    assert said([*lines, b"x"]).startswith("WRONG leaves.txt does not have a place")


def zipped(path: Path, files: list[tuple[str, bytes]], packed: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", packed) as out:
        for name, data in files:
            out.writestr(name, data)
    return path


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_zip_that_two_readers_may_read_in_two_ways_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(bundle(tmp_path)) as packed:
        files = [(name, packed.read(name)) for name in packed.namelist()]
    assert not told(zipped(tmp_path / "a.zip", files)).startswith("WRONG")
    for other in ([("entries.jsonl", b"{}\n"), *files], [*files, ("checkpoint", b"")]):
        with pytest.raises(Wrong, match="stands in the bundle more than once"):
            Bundle(zipped(tmp_path / "b.zip", other))
    with pytest.raises(Wrong, match="packed in another way"):
        Bundle(zipped(tmp_path / "c.zip", files, zipfile.ZIP_BZIP2))


def test_a_damaged_zip_is_wrong_or_not_readable_and_breaks_nothing(
    tmp_path: Path, times: int, capsys: Any
) -> None:
    with zipfile.ZipFile(bundle(tmp_path)) as packed:
        files = [(name, packed.read(name)) for name in packed.namelist()]
    whole = zipped(tmp_path / "a.zip", files).read_bytes()
    random, codes = Random("zip"), set()
    for _ in range(times):
        (tmp_path / "b.zip").write_bytes(flipped(whole, random))
        code, said = run(capsys, "bundle", tmp_path / "b.zip")
        assert code or not_read_by_anybody(tmp_path / "b.zip", files), said
        codes.add(code)
    assert 1 in codes


def not_read_by_anybody(path: Path, files: list[tuple[str, bytes]]) -> bool:
    """Whether what was changed in a zip is none of what it holds: a date, an attribute."""
    with zipfile.ZipFile(path) as packed:
        return [(name, packed.read(name)) for name in packed.namelist()] == files


@pytest.mark.parametrize("manifest", [b"[" * 100_000, b"{}", b"\xff", b'{"format":"x","files":{}}', b"3"])
def test_a_manifest_that_is_none_is_refused(tmp_path: Path, manifest: bytes) -> None:
    with zipfile.ZipFile(bundle(tmp_path)) as packed:
        packed.extractall(tmp_path / "open")
    (tmp_path / "open" / "manifest.json").write_bytes(manifest)
    assert told(tmp_path / "open").startswith("WRONG")


def test_what_would_fill_the_memory_is_not_read(tmp_path: Path, monkeypatch: Any) -> None:
    assert "longer than" in told(bundle(tmp_path, **{"entries.jsonl": bytes(3_000_000)}))
    monkeypatch.setattr(verifier, "MOST_TEXT", 8_000)
    assert "tile/0/000 in the bundle is too large" in told(bundle(tmp_path))


def test_any_byte_of_a_bundle_that_is_changed_is_found(tmp_path: Path, times: int) -> None:
    with zipfile.ZipFile(bundle(tmp_path)) as packed:
        packed.extractall(tmp_path / "open")
    files = sorted(one for one in (tmp_path / "open").rglob("*") if one.is_file())
    random = Random("bytes")
    for _ in range(times):
        file = random.choice(files)
        before = file.read_bytes()
        file.write_bytes(flipped(before, random))
        assert told(tmp_path / "open").startswith("WRONG"), file
        file.write_bytes(before)
    assert not told(tmp_path / "open").startswith("WRONG")


# --- The command line -----------------------------------------------------------------------------


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "log.jsonl").write_bytes(b"".join(line + b"\n" for line in TRUE.lines))
    (tmp_path / "new").write_text(TRUE.note(SIZE))
    (tmp_path / "old").write_text(TRUE.note(OLD))
    hashes = rfc6962.proof(OLD, TRUE.leaves)
    (tmp_path / "hashes").write_text("\n".join(base64.b64encode(one).decode() for one in hashes))
    (tmp_path / "entry").write_bytes(TRUE.lines[12] + b"\n")
    (tmp_path / "proof").write_text(verifier.write_proof(12, rfc6962.path(12, TRUE.leaves), TRUE.note(SIZE)))
    for path, data in PATHS.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(data or b"")
    return tmp_path


KEY = ("--key", SIGNER.public.vkey)


def run(capsys: Any, *arguments: object) -> tuple[int, str]:
    code = verifier.main([*map(str, arguments), *KEY])
    said = capsys.readouterr()
    return code, said.out + said.err


def test_what_is_true_is_ok(files: Path, capsys: Any) -> None:
    log, new, old = files / "log.jsonl", files / "new", files / "old"
    for arguments in (
        ("log", log, new, "--old", old),
        ("log", log, new, "--old", old, "--tiles", files),
        ("log", log, new, "--tiles", files / "tile"),
        ("bundle", bundle(files), "--old", old),
        ("consistency", old, new, "--proof", files / "hashes"),
        ("consistency", old, new, "--tiles", files),
        ("inclusion", files / "entry", files / "proof"),
    ):
        code, said = run(capsys, *arguments)
        assert (code, said.splitlines()[-1]) == (0, "OK"), said


def test_what_is_wrong_is_told(files: Path, capsys: Any) -> None:
    (files / "log.jsonl").write_bytes(b"\n".join([*flip(TRUE.lines, 620, Random(3)), b""]))
    log, new, old = files / "log.jsonl", files / "new", files / "old"
    assert run(capsys, "log", log, new, "--old", old, "--tiles", files)[1].startswith(
        "WRONG: Entry 620 was changed"
    )
    assert run(capsys, "log", log, new, "--old", old)[1].startswith(
        "WRONG: The first bad entry is one of the entries 450"
    )
    assert run(capsys, "consistency", new, old, "--proof", files / "hashes")[0] == 1
    (files / "entry").write_bytes(TRUE.lines[13])
    assert run(capsys, "inclusion", files / "entry", files / "proof")[0] == 1


def test_what_cannot_be_read_is_no_verdict(files: Path, capsys: Any) -> None:
    assert run(capsys, "log", files / "none", files / "new")[0] == 2
    assert run(capsys, "bundle", files / "new")[0] == 2
    for arguments in (["log"], ["log", "a", "b", "--key", "none"], ["log", "a", "b", "--key", "\udcff"]):
        with pytest.raises(SystemExit) as misused:
            verifier.main(arguments)
        assert misused.value.code == 2


def test_an_entry_is_its_exact_bytes(files: Path, capsys: Any) -> None:
    for end, code in ((b"", 0), (b"\n", 0), (b"\n\n", 1), (b" ", 1)):
        (files / "entry").write_bytes(TRUE.lines[12] + end)
        assert run(capsys, "inclusion", files / "entry", files / "proof")[0] == code


def test_no_name_in_a_bundle_writes_a_verdict(tmp_path: Path, capsys: Any) -> None:
    path = bundle(tmp_path)
    with zipfile.ZipFile(path, "a") as more:
        more.writestr("a\nOK\x1b[2J\u202e", b"")
    code, said = run(capsys, "bundle", path)
    assert (code, said.splitlines()[-1]) == (
        1,
        "WRONG: a\\nOK\\x1b[2J\\u202e is not in the manifest.",
    )


def test_a_million_entries_take_less_than_a_minute_and_little_memory(tmp_path: Path, capsys: Any) -> None:
    """A tenth of it here, at the same pace; `make bench` measures all of it."""
    import resource

    count = 100_000
    frontier = verifier.Frontier()
    with (tmp_path / "log").open("wb") as file:
        for number in range(count):
            line = b'{"data":{"number":%d,"text":"%s"}}' % (number, b"x" * 560)
            frontier.append(leaf_hash(line))
            file.write(line + b"\n")
    text = Checkpoint(ORIGIN, count, frontier.root()).text
    (tmp_path / "checkpoint").write_text(text + "\n" + SIGNER.line(text))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.process_time()
    assert run(capsys, "log", tmp_path / "log", tmp_path / "checkpoint")[0] == 0
    assert time.process_time() - began < 6
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 16_000, "KiB"
    assert sys.getsizeof(frontier._subtrees) < 1_000
