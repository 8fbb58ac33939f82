"""The rules of signed logs, against the vectors of others and against whatever is not as it should be."""

from __future__ import annotations

import base64
import json
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from audit.sealing import verifier
from audit.sealing.keys import Signer
from audit.sealing.verifier import (
    ENTRIES,
    Checkpoint,
    Frontier,
    Note,
    VerifierKey,
    Wrong,
    entry_bundle,
    open_checkpoint,
    parse_tile_path,
    read_proof,
    tile_path,
    verify_consistency,
    verify_ed25519,
    verify_inclusion,
    verify_slowly,
    write_proof,
)
from tests.audit.sealing import rfc6962
from tests.searching import searched

VECTORS = Path(__file__).parent / "vectors"


def vectors(name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((VECTORS / name).read_text())
    return found


def decoded(text: str | None) -> bytes:
    return base64.b64decode(text or "")


# --- The tree -------------------------------------------------------------------------------------


def is_true(check: Any, *about: Any) -> bool:
    try:
        check(*about)
    except Wrong:
        return False
    return True


def test_inclusion_proofs_of_others() -> None:
    found = {
        one["file"]: is_true(
            verify_inclusion,
            one["leafIdx"],
            one["treeSize"],
            decoded(one["leafHash"]),
            list(map(decoded, one["proof"] or [])),
            decoded(one["root"]),
        )
        for one in vectors("inclusion.json")
    }
    assert found == {one["file"]: not one["wantErr"] for one in vectors("inclusion.json")}
    assert len(found) == 98


def test_consistency_proofs_of_others() -> None:
    found = {
        one["file"]: is_true(
            verify_consistency,
            one["size1"],
            one["size2"],
            list(map(decoded, one["proof"] or [])),
            decoded(one["root1"]),
            decoded(one["root2"]),
        )
        for one in vectors("consistency.json")
    }
    assert found == {one["file"]: not one["wantErr"] for one in vectors("consistency.json")}
    assert len(found) == 98


LEAVES = [verifier.leaf_hash(str(number).encode()) for number in range(70)]
SIZE = st.integers(1, len(LEAVES))


@given(SIZE)
def test_a_frontier_has_the_root_of_what_was_added(size: int) -> None:
    frontier = Frontier()
    for leaf in LEAVES[:size]:
        frontier.append(leaf)
    assert (frontier.size, frontier.root()) == (size, rfc6962.tree_hash(LEAVES[:size]))


def test_an_empty_tree_proves_nothing() -> None:
    with pytest.raises(Wrong, match="empty tree"):
        Frontier().root()
    with pytest.raises(Wrong):
        verify_consistency(0, 3, [], b"", rfc6962.tree_hash(LEAVES[:3]))


@searched(300)
@given(st.data(), SIZE)
def test_no_changed_inclusion_proof_is_true(data: st.DataObject, size: int) -> None:
    place = data.draw(st.integers(0, size - 1))
    path, root = rfc6962.path(place, LEAVES[:size]), rfc6962.tree_hash(LEAVES[:size])
    verify_inclusion(place, size, LEAVES[place], path, root)
    changed = data.draw(st.sampled_from(list(changes(path))))
    assert not is_true(verify_inclusion, place, size, LEAVES[place], changed, root)
    other = data.draw(SIZE)
    if other - 1 != place:
        assert not is_true(verify_inclusion, other - 1, size, LEAVES[place], path, root)


@searched(300)
@given(st.data(), SIZE)
def test_no_changed_consistency_proof_is_true(data: st.DataObject, size: int) -> None:
    old = data.draw(st.integers(1, size))
    proof = rfc6962.proof(old, LEAVES[:size])
    roots = rfc6962.tree_hash(LEAVES[:old]), rfc6962.tree_hash(LEAVES[:size])
    verify_consistency(old, size, proof, *roots)
    changed = data.draw(st.sampled_from(list(changes(proof))))
    assert not is_true(verify_consistency, old, size, changed, *roots)
    assert not is_true(verify_consistency, old, size, proof, bytes(32), roots[1])
    assert not is_true(verify_consistency, old, size, proof, roots[0], bytes(32))


def changes(hashes: list[bytes]) -> Any:
    """Proofs that are like this one and are not this one."""
    yield [*hashes, bytes(32)]
    for at, one in enumerate(hashes):
        yield [*hashes[:at], bytes([one[0] ^ 1]) + one[1:], *hashes[at + 1 :]]
        yield [*hashes[:at], *hashes[at + 1 :]]
        if at and hashes[at - 1] != one:
            yield [*hashes[: at - 1], one, hashes[at - 1], *hashes[at + 1 :]]


# --- Ed25519 --------------------------------------------------------------------------------------

RFC_8032 = [  # section 7.1: public key, message, signature
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f05"
        "95bbe24655141438e7a100b",
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb"
        "4302aeeb00d291612bb0c00",
    ),
    (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e97"
        "16ed28dc027beceea1ec40a",
    ),
]
BOTH = pytest.mark.parametrize("verify", [verify_ed25519, verify_slowly])


@BOTH
def test_signatures_of_the_rfc(verify: Any) -> None:
    for public, message, signature in RFC_8032:
        key, text, signed = map(bytes.fromhex, (public, message, signature))
        assert verify(key, text, signed)
        assert not verify(key, text + b"x", signed)


@BOTH
def test_signatures_that_try_everything(verify: Any) -> None:
    found = {
        one["id"]: verify(*(bytes.fromhex(one[part]) for part in ("public", "message", "signature")))
        for one in vectors("ed25519.json")
    }
    assert found == {one["id"]: one["valid"] for one in vectors("ed25519.json")}
    assert len(found) == 151


@BOTH
@pytest.mark.parametrize(
    "public",
    [
        (2**255 - 19).to_bytes(32, "little"),  # zero, written in another way
        (2**255 - 1).to_bytes(32, "little"),
        bytes([2]) + bytes(31),  # y = 2 is on no point
        b"",
        bytes(31),
    ],
)
def test_a_key_that_is_no_point_has_signed_nothing(verify: Any, public: bytes) -> None:
    assert not verify(public, b"", bytes(64))


@BOTH
@pytest.mark.parametrize("number", [1, 1 | 1 << 255, 2**255 - 18, 2**255 - 20, (2**255 - 20) | 1 << 255])
def test_a_point_has_one_way_to_be_written(verify: Any, number: int) -> None:
    """Of (0, 1) and (0, -1), under which zero signs: with a sign that zero does not have, or y beyond p."""
    key, nothing = number.to_bytes(32, "little"), (1).to_bytes(32, "little") + bytes(32)
    signed = [verify(key, bytes([one]), nothing) for one in range(20)]
    assert any(signed) is (number in (1, 2**255 - 20))


@searched(60)
@given(st.binary(max_size=80), st.integers(0, 511))
def test_both_ways_agree(message: bytes, flipped: int) -> None:
    key = Ed25519PrivateKey.from_private_bytes(verifier.leaf_hash(message))
    public, signed = key.public_key().public_bytes_raw(), key.sign(message)
    assert verify_slowly(public, message, signed)
    other = bytearray(signed)
    other[flipped // 8] ^= 1 << flipped % 8
    assert not verify_slowly(public, message, bytes(other))
    assert not verify_ed25519(public, message, bytes(other))


# --- Notes ----------------------------------------------------------------------------------------

ORIGIN = "review.example.com/log"
SIGNER, OTHER = Signer(ORIGIN, bytes(32)), Signer(ORIGIN, bytes([1]) * 32)
CHECKPOINT = Checkpoint(ORIGIN, 70, rfc6962.tree_hash(LEAVES))


def note(*signers: Signer, text: str = CHECKPOINT.text) -> str:
    return text + "\n" + "".join(signer.line(text) for signer in signers)


def test_a_checkpoint_is_what_was_signed() -> None:
    assert open_checkpoint(note(SIGNER), [SIGNER.public]) == CHECKPOINT
    assert open_checkpoint(note(OTHER, SIGNER), [SIGNER.public]) == CHECKPOINT, "while keys are replaced"
    assert open_checkpoint(note(SIGNER), [VerifierKey.parse(SIGNER.public.vkey)]) == CHECKPOINT


def test_a_checkpoint_with_more_lines_is_read() -> None:
    text = CHECKPOINT.text + "more\n"
    assert open_checkpoint(note(SIGNER, text=text), [SIGNER.public]) == CHECKPOINT


def test_a_key_that_is_not_trusted_signs_nothing() -> None:
    with pytest.raises(Wrong, match="None of the keys"):
        open_checkpoint(note(OTHER), [SIGNER.public])
    with pytest.raises(Wrong, match="None of the keys"):
        open_checkpoint(note(Signer("else/log", bytes(32))), [Signer("else/log", bytes(32)).public])


def test_every_signature_of_a_key_is_checked() -> None:
    forged = note(SIGNER) + Signer.line(SIGNER, "another text\n")
    assert forged.count(ORIGIN) == 3
    with pytest.raises(Wrong, match="forged"):
        open_checkpoint(forged, [SIGNER.public])


def test_the_checkpoint_of_an_empty_tree_is_refused() -> None:
    text = Checkpoint(ORIGIN, 0, verifier.sha256().digest()).text
    with pytest.raises(Wrong, match="empty tree"):
        open_checkpoint(note(SIGNER, text=text), [SIGNER.public])


@searched(300)
@given(st.integers(0, len(note(SIGNER)) - 1), st.characters(exclude_categories=["Cs"]))
def test_no_letter_of_a_note_can_be_changed(at: int, letter: str) -> None:
    whole = note(SIGNER)
    if whole[at] != letter:
        with pytest.raises(Wrong):
            open_checkpoint(whole[:at] + letter + whole[at + 1 :], [SIGNER.public])


@pytest.mark.parametrize("keep", range(0, len(note(SIGNER)), 7))
def test_a_note_that_was_cut_is_none(keep: int) -> None:
    with pytest.raises(Wrong):
        open_checkpoint(note(SIGNER)[:keep], [SIGNER.public])


@pytest.mark.parametrize(
    "text",
    [
        f"{ORIGIN}\n070\n{'A' * 43}=\n",
        f"{ORIGIN}\n-1\n{'A' * 43}=\n",
        f"{ORIGIN}\n7 0\n{'A' * 43}=\n",
        f"{ORIGIN}\n٧\n{'A' * 43}=\n",
        f"{ORIGIN}\n70\nAAAA\n",
        f"{ORIGIN}\n70\n{'A' * 42}B=\n",
        f"\n70\n{'A' * 43}=\n",
        f"{ORIGIN}\n70\n",
        f"{ORIGIN}\n70\n{'A' * 43}=",
        f"{ORIGIN}\n70\n{'A' * 43}=\n\nmore\n",
    ],
)
def test_a_text_that_is_no_checkpoint_is_refused_though_it_is_signed(text: str) -> None:
    with pytest.raises(Wrong):
        open_checkpoint(note(SIGNER, text=text), [SIGNER.public])


def test_a_cosignature_tells_its_time_and_vouches_for_no_log() -> None:
    key = Ed25519PrivateKey.from_private_bytes(bytes([7]) * 32)
    witness = VerifierKey("witness.example.org", key.public_key().public_bytes_raw(), 0x04)
    stamp = (1_790_000_000).to_bytes(8, "big")
    signed = key.sign(b"cosignature/v1\ntime 1790000000\n" + CHECKPOINT.text.encode())
    line = f"\N{EM DASH} {witness.name} {base64.b64encode(witness.key_id + stamp + signed).decode()}\n"

    whole = note(SIGNER) + line
    assert Note.parse(whole).signed_by([witness, SIGNER.public]) == [witness, SIGNER.public]
    assert VerifierKey.parse(witness.vkey) == witness
    with pytest.raises(Wrong, match="None of the keys"):
        open_checkpoint(whole, [witness])
    other = f"\N{EM DASH} {witness.name} {base64.b64encode(witness.key_id + bytes(8) + signed).decode()}\n"
    with pytest.raises(Wrong, match="forged"):
        Note.parse(note(SIGNER) + other).signed_by([witness])
    late = f"cosignature/v1\ntime {1 << 63}\n{CHECKPOINT.text}".encode()
    assert not witness.has_signed(CHECKPOINT.text, (1 << 63).to_bytes(8, "big") + key.sign(late))


def test_a_key_is_written_as_go_writes_it() -> None:
    """The example of golang.org/x/mod/sumdb/note, whose format it is."""
    text = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
    key = VerifierKey.parse(text)
    assert (key.name, key.key_id.hex(), key.vkey) == ("PeterNeumann", "c74f20a3", text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "name",
        "name+c74f20a3",
        "Peter+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeumann+C74F20A3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10T",
        "PeterNeumann+c74f20a3+AhpcBQ==",
        "\udcff+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
    ],
)
def test_what_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(Wrong):
        VerifierKey.parse(text)


# --- Tiles, bundles and proofs as files -----------------------------------------------------------


@pytest.mark.parametrize(
    ("place", "path"),
    [
        ((0, 0, 256), "tile/0/000"),
        ((0, 1_234_067, 256), "tile/0/x001/x234/067"),
        ((0, 999, 1), "tile/0/999.p/1"),
        ((2, 1_000, 255), "tile/2/x001/000.p/255"),
        ((ENTRIES, 5, 256), "tile/entries/005"),
        ((63, 0, 9), "tile/63/000.p/9"),
    ],
)
def test_paths_of_tiles(place: tuple[int, int, int], path: str) -> None:
    assert tile_path(*place) == path
    assert parse_tile_path(path) == place


@pytest.mark.parametrize(
    "path",
    [
        "",
        "tile/0/0",
        "tile/0/0000",
        "tile/00/000",
        "tile/64/000",
        "tile/0/x000/000",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/01",
        "tile/0/000/",
        "tile/0/000\n",
        "tile/entries",
        "tile/-1/000",
        "tile/0/٠٠٠",
        "tile/0/" + "x001/" * 40 + "000",
    ],
)
def test_a_path_has_one_way_to_be_written(path: str) -> None:
    with pytest.raises(Wrong):
        parse_tile_path(path)


def read_entry_bundle(data: bytes) -> list[bytes]:
    bodies, at = [], 0
    while at < len(data):
        (length,) = struct.unpack_from(">H", data, at)
        bodies.append(data[at + 2 : at + 2 + length])
        at += 2 + length
    return bodies


@given(st.lists(st.binary(max_size=300), max_size=20))
def test_a_bundle_holds_its_entries(bodies: list[bytes]) -> None:
    assert read_entry_bundle(entry_bundle(bodies)) == bodies


def test_an_entry_that_is_too_long_is_refused() -> None:
    assert len(entry_bundle([bytes(65_535)])) == 65_537
    with pytest.raises(Wrong):
        entry_bundle([bytes(65_536)])


@given(SIZE.map(lambda size: size - 1), st.lists(st.binary(min_size=32, max_size=32), max_size=30))
def test_a_proof_is_read_as_it_was_written(place: int, hashes: list[bytes]) -> None:
    assert read_proof(write_proof(place, hashes, note(SIGNER))) == (place, hashes, note(SIGNER))


def test_extra_data_in_a_proof_is_passed_over() -> None:
    proof = write_proof(3, [bytes(32)], note(SIGNER))
    head, _, rest = proof.partition("\n")
    assert read_proof(f"{head}\nextra AAAA\n{rest}") == read_proof(proof)
    for other in ("extra", "extra A", "extra AAAA\nextra AAAA", "Extra AAAA"):
        with pytest.raises(Wrong):
            read_proof(f"{head}\n{other}\n{rest}")


# --- Whatever comes, nothing but `Wrong` ----------------------------------------------------------

PIECES = st.sampled_from(
    [
        *(
            "\n",
            "\n\n",
            "\N{EM DASH} ",
            "a+b",
            "index 1",
            "index -1",
            "c2sp.org/tlog-proof@v1",
            "tile/",
            "0/",
        ),
        *("x001/", ".p/", "000", "AAAA", "=", " ", "\0", "\x1f", "é", "9" * 40, ORIGIN),
        *(note(SIGNER), SIGNER.line("x"), "\udcff", "extra AAAA\n"),
    ]
)
SURROGATES = st.text(st.characters(), max_size=9)
NOISE = st.lists(PIECES | st.text(max_size=9) | SURROGATES, max_size=12).map("".join)


@searched(500)
@given(NOISE)
def test_no_text_breaks_a_parser(text: str) -> None:
    for parse in (Note.parse, Checkpoint.parse, VerifierKey.parse, read_proof, parse_tile_path):
        is_true(parse, text)
    is_true(open_checkpoint, text, [SIGNER.public])


# --- Alone ----------------------------------------------------------------------------------------


def test_it_runs_where_there_is_nothing_but_python() -> None:
    code = (
        "import sys; sys.modules['cryptography'] = None; sys.path.insert(0, sys.argv[1])\n"
        "import verifier as v\n"
        "assert v.Ed25519PublicKey is None\n"
        "print(v.open_checkpoint(sys.argv[2], [v.VerifierKey.parse(sys.argv[3])]).size)"
    )
    command = [sys.executable, "-I", "-S", "-c", code, str(Path(verifier.__file__).parent)]
    done = subprocess.run([*command, note(SIGNER), SIGNER.public.vkey], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("70\n", "")
