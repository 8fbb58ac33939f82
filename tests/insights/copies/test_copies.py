"""Checkpoints leave the house, and what is known outside is held against the log."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from django.test import Client

from audit.models import Checkpoint, CheckpointCopy
from audit.sealing import keys, places
from audit.sealing.verifier import Checkpoint as Signed
from audit.sealing.verifier import Note, VerifierKey, Wrong, open_checkpoint, verify_consistency
from governance.models import Incident
from insights.copies.push import push_newest
from tests.audit.sealing.test_seal import a_checkpoint_is_due, many
from tests.sealed import seal_all

ORIGIN = "localhost:8000/log"


def sign(count: int = 3) -> Checkpoint:
    many(count)
    seal_all()
    a_checkpoint_is_due()
    seal_all()
    return Checkpoint.objects.latest("size")


def push() -> int:
    """Whatever was tried a moment ago."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE audit_copy SET due_at = statement_timestamp()")
    return push_newest()


def copy() -> CheckpointCopy:
    return CheckpointCopy.objects.get()


def log_key() -> VerifierKey:
    return keys.signers(ORIGIN)[0].public


class Elsewhere(ThreadingHTTPServer):
    """A place outside. `answers` are given one after the other; without any it behaves as a witness does."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.key = Ed25519PrivateKey.from_private_bytes(bytes([3]) * 32)
        self.name = VerifierKey("witness.example.org", self.key.public_key().public_bytes_raw(), 0x04)
        self.answers: list[tuple[int, str]] = []
        self.heard: list[tuple[str, str, str]] = []
        self.knows: Signed | None = None

    @property
    def place(self) -> str:
        return f"127.0.0.1:{self.server_port}"

    def cosign(self, path: str, body: str) -> tuple[int, str]:
        """As C2SP tlog-witness tells it, written apart from the product."""
        if path != "/add-checkpoint":
            return 404, ""
        head, _, note = body.partition("\n\n")
        first, *proof = head.split("\n")
        old = int(first.removeprefix("old "))
        try:
            new = open_checkpoint(note, [log_key()])
        except Wrong:
            return 403, ""
        known = self.knows.size if self.knows else 0
        if old != known:
            return 409, f"{known}\n"
        if self.knows:
            try:
                hashes = [base64.b64decode(line) for line in proof]
                verify_consistency(known, new.size, hashes, self.knows.root, new.root)
            except Wrong:
                return 422, ""
        self.knows = new
        stamp = (1_790_000_000).to_bytes(8, "big")
        signed = self.key.sign(b"cosignature/v1\ntime 1790000000\n" + Note.parse(note).text.encode())
        line = base64.b64encode(self.name.key_id + stamp + signed).decode()
        return 200, f"\N{EM DASH} {self.name.name} {line}\n"


class _Handler(BaseHTTPRequestHandler):
    server: Elsewhere

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        self.server.heard.append((self.path, body, self.headers["idempotency-key"]))
        status, text = (
            self.server.answers.pop(0) if self.server.answers else self.server.cosign(self.path, body)
        )
        self.send_response(status)
        self.send_header("content-length", str(len(text.encode())))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: Any) -> None:
        """Says nothing."""


@pytest.fixture
def elsewhere(settings: Any, db: None) -> Iterator[Elsewhere]:
    server = Elsewhere()
    settings.CHECKPOINT_ALLOW = [server.place]
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


# --- Files ----------------------------------------------------------------------------------------


@pytest.fixture
def file(settings: Any, tmp_path: Path, db: None) -> Path:
    path = tmp_path / "checkpoints"
    settings.CHECKPOINT_COPIES = [f"file:{path}"]
    return path


def test_a_file_gets_every_newer_checkpoint(file: Path) -> None:
    first, second = sign(), None
    assert push() == 1
    assert push() == 0, "there is nothing newer"
    second = sign()
    assert push() == 1
    assert file.read_text() == f"{first.note}\n{second.note}\n"
    assert (copy().size, copy().error) == (second.size, "")


def test_not_more_often_than_every_half_minute(file: Path) -> None:
    sign()
    assert push_newest() == 1
    sign()
    assert push_newest() == 0
    assert push() == 1


def test_a_file_that_knows_more_says_that_the_log_was_rolled_back(file: Path) -> None:
    newest = sign()
    signer = keys.signers(ORIGIN)[0]
    longer = Signed(ORIGIN, newest.size + 40, bytes(32)).text
    file.write_text(f"{longer}\n{signer.line(longer)}\n")
    assert push() == 0
    [incident] = Incident.objects.all()
    assert (incident.kind, incident.cause) == ("log_forked", f"log file {file}")
    assert f"entries {newest.size} to {newest.size + 39} are missing" in incident.detail
    assert copy().error in incident.detail
    push()
    assert Incident.objects.get().count == 2, "the same cause opens one"


def test_a_file_that_knows_another_log_is_a_fork(file: Path) -> None:
    sign()
    push()
    other = Signed(ORIGIN, copy().size, bytes(32)).text
    file.write_text(f"{other}\n{keys.signers(ORIGIN)[0].line(other)}\n")
    sign()
    assert push() == 0
    assert "are not those that it knows" in Incident.objects.get().detail


def test_a_key_that_took_the_place_of_another_makes_no_fork(file: Path, settings: Any) -> None:
    """The log tells of both, though only the new one signs: as where AUDIT_SIGNING_KEY is set at last."""
    sign()
    push()
    settings.AUDIT_SIGNING_KEYS = [keys.new_key()]
    newest = sign()
    assert push() == 1, copy().error
    assert copy().size == newest.size
    assert not Incident.objects.exists()


@pytest.mark.parametrize("text", ["", "something else\n", "a\n\nb\n"])
def test_a_file_that_was_emptied_or_written_over_is_told_of(file: Path, text: str) -> None:
    sign()
    push()
    file.write_text(text)
    sign()
    assert push() == 0
    assert Incident.objects.get().kind == "log_forked"


def test_a_file_that_cannot_be_written_is_tried_again(file: Path) -> None:
    file.mkdir()
    sign()
    assert push() == 0
    assert "directory" in copy().error.lower()
    file.rmdir()
    assert push() == 1
    assert copy().error == ""
    assert not Incident.objects.exists()


# --- Webhooks -------------------------------------------------------------------------------------


def test_an_address_is_posted_the_note(elsewhere: Elsewhere, settings: Any) -> None:
    settings.CHECKPOINT_COPIES = [f"http://{elsewhere.place}/hook?token=secret"]
    elsewhere.answers = [(503, "later"), (204, "")]
    newest = sign()
    assert push() == 0
    assert (copy().error, copy().place) == ("it answered 503", "webhook 127.0.0.1")
    assert push() == 1
    assert elsewhere.heard == [("/hook?token=secret", newest.note, str(newest.size))] * 2


def test_two_addresses_of_one_host_are_two_places(elsewhere: Elsewhere, settings: Any) -> None:
    settings.CHECKPOINT_COPIES = [f"http://{elsewhere.place}/{name}?token=secret" for name in ("one", "two")]
    elsewhere.answers = [(200, ""), (200, "")]
    sign()
    assert push() == 2
    assert [path for path, *_ in elsewhere.heard] == ["/one?token=secret", "/two?token=secret"]
    names = list(CheckpointCopy.objects.values_list("place", flat=True))
    assert names == ["webhook 127.0.0.1", "webhook 127.0.0.1 (2)"], "and no secret"


def test_an_address_that_is_away_stops_nobody(elsewhere: Elsewhere, settings: Any, tmp_path: Path) -> None:
    settings.CHECKPOINT_COPIES = ["http://127.0.0.1:1/", f"file:{tmp_path / 'kept'}"]
    sign()
    assert push() == 1
    errors = dict(CheckpointCopy.objects.values_list("place", "error"))
    assert errors.pop(f"file {tmp_path / 'kept'}") == ""
    assert all(errors.values())


# --- Witnesses ------------------------------------------------------------------------------------


@pytest.fixture
def witness(elsewhere: Elsewhere, settings: Any) -> Elsewhere:
    settings.CHECKPOINT_COPIES = [f"witness:http://{elsewhere.place} {elsewhere.name.vkey}"]
    return elsewhere


def test_a_witness_cosigns_what_continues_the_log_that_it_knows(witness: Elsewhere, settings: Any) -> None:
    for count in (3, 300, 1):
        newest = sign(count)
        assert push() == 1, copy().error
        assert witness.knows == open_checkpoint(newest.note, [log_key()])
    settings.PUBLIC_LOG = True
    served = Client().get("/log/checkpoint").content.decode()
    assert Note.parse(served).signed_by([log_key(), witness.name]) == [log_key(), witness.name]


def test_a_witness_that_is_ahead_of_our_memory_is_caught_up_with(witness: Elsewhere) -> None:
    sign()
    push()
    CheckpointCopy.objects.update(size=0)  # the answer was lost
    sign()
    assert push() == 1
    assert copy().size == Checkpoint.objects.latest("size").size


def test_a_witness_that_knows_more_says_that_the_log_was_rolled_back(witness: Elsewhere) -> None:
    newest = sign()
    witness.answers = [(409, f"{newest.size + 5}\n")]
    assert push() == 0
    assert f"entries {newest.size} to {newest.size + 4} are missing" in Incident.objects.get().detail


def test_a_witness_that_knows_another_log_says_that_ours_was_forked(witness: Elsewhere) -> None:
    sign()
    push()
    assert witness.knows
    witness.knows = Signed(ORIGIN, witness.knows.size, bytes(32))
    sign()
    assert push() == 0
    assert "is not the continuation" in Incident.objects.get().detail


@pytest.mark.parametrize(
    ("status", "text", "said"),
    [
        (200, "", "cosignature"),
        (200, "\N{EM DASH} witness.example.org AAAAAAAAAAAA\n", "no cosignature of its key"),
        (200, "nonsense\n", "not true"),
        (403, "", "it answered 403"),
        (409, "many\n", "without the size"),
        (500, "", "it answered 500"),
    ],
)
def test_what_a_witness_answers_is_not_believed(
    witness: Elsewhere, status: int, text: str, said: str
) -> None:
    witness.answers = [(status, text)]
    sign()
    assert push() == 0
    assert said in copy().error
    assert not Incident.objects.exists()
    assert push() == 1


def test_a_forged_cosignature_is_refused(witness: Elsewhere) -> None:
    sign()
    forged = base64.b64encode(witness.name.key_id + bytes(72)).decode()
    witness.answers = [(200, f"\N{EM DASH} {witness.name.name} {forged}\n")]
    assert push() == 0
    assert "forged" in copy().error


# --- Settings and pages ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["", "file:relative", "ftp://x", "https://", "witness:https://x.example", "witness:https://x y+z"]
)
def test_a_place_that_is_none_stops_the_start(text: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="CHECKPOINT_COPIES"):
        places.read(text)


def test_hosts_are_allowed_as_they_are_named(elsewhere: Elsewhere) -> None:
    named = ["file:/x", "https://a.example/hook", f"witness:http://b.example:81/w {elsewhere.name.vkey}"]
    assert places.hosts(named) == ["a.example:443", "b.example:81"]
    assert places.hosts(["https://[fd00::5]:8443/hook", "http://[::1]/"]) == ["[fd00::5]:8443", "[::1]:80"]


def test_what_each_place_acknowledged_is_on_the_page(file: Path, dora: Any) -> None:
    client = Client()
    client.force_login(dora)
    assert (
        "Name places in <code>CHECKPOINT_COPIES</code>" in client.get("/audit/checkpoints/").content.decode()
    )
    newest = sign()
    push()
    page = client.get("/audit/checkpoints/").content.decode()
    assert f"file {file}" in page
    assert f'<b class="num">{newest.size}</b> entries' in page


def test_a_place_that_is_taken_out_is_forgotten(file: Path, settings: Any) -> None:
    sign()
    push()
    settings.CHECKPOINT_COPIES = []
    assert push() == 0
    assert not CheckpointCopy.objects.exists()
