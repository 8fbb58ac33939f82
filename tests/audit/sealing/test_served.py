"""The log as others read it: by the API, and as tlog-tiles by a client written apart from the product."""

from __future__ import annotations

import base64
from hashlib import sha256
from typing import Any

import pytest
from django.test import Client

from audit.models import Checkpoint
from audit.sealing import keys, verifier
from audit.sealing.verifier import VerifierKey, open_checkpoint, verify_consistency, verify_inclusion
from tests.audit.sealing import rfc6962
from tests.audit.sealing.test_seal import a_checkpoint_is_due, many
from tests.audit.sealing.test_verifier import read_entry_bundle
from tests.sealed import seal_all, sealed_bodies


@pytest.fixture
def sealed(dora: Any) -> int:
    """A log of some full tiles and a partial one, signed to its end; its size."""
    many(700)
    seal_all()
    a_checkpoint_is_due()
    seal_all()
    return Checkpoint.objects.latest("size").size


def decoded(texts: list[str]) -> list[bytes]:
    return [base64.b64decode(text) for text in texts]


# --- The API --------------------------------------------------------------------------------------


def test_the_newest_checkpoint(api_as: Any, dora: Any, sealed: int) -> None:
    answer = api_as(dora).get("checkpoint/").json()
    checkpoint = open_checkpoint(answer["note"], map(VerifierKey.parse, answer["keys"]))
    assert (
        (checkpoint.size, checkpoint.origin)
        == (answer["size"], answer["origin"])
        == (sealed, "localhost:8000/log")
    )
    assert checkpoint.root == base64.b64decode(answer["root"])
    assert (answer["lag_entries"], answer["lag_seconds"] < 60) == (1, True), (
        "the token that was made just now"
    )


def test_an_earlier_checkpoint_by_its_size(api_as: Any, dora: Any, sealed: int) -> None:
    first = Checkpoint.objects.earliest("size")
    assert first.size < sealed
    assert api_as(dora).get(f"checkpoint/?size={first.size}").json()["note"] == first.note
    assert api_as(dora).get("checkpoint/?size=3").status_code == 404


def test_every_event_has_its_proof(api_as: Any, dora: Any, sealed: int) -> None:
    api = api_as(dora)
    for place, body in list(enumerate(sealed_bodies()))[:sealed:97]:
        answer = api.get(f"events/{place}/proof/").json()
        leaf = base64.b64decode(answer["leaf_hash"])
        assert leaf == sha256(b"\0" + body.encode()).digest()
        checkpoint = open_checkpoint(answer["checkpoint"], [keys.signers("localhost:8000/log")[0].public])
        verify_inclusion(place, checkpoint.size, leaf, decoded(answer["hashes"]), checkpoint.root)
        assert verifier.read_proof(answer["tlog_proof"]) == (
            place,
            decoded(answer["hashes"]),
            answer["checkpoint"],
        )


def test_what_is_not_signed_yet_has_no_proof(api_as: Any, dora: Any, sealed: int) -> None:
    assert api_as(dora).get(f"events/{sealed}/proof/").status_code == 404


def test_an_earlier_checkpoint_is_the_beginning_of_a_later_one(api_as: Any, dora: Any, sealed: int) -> None:
    api, first = api_as(dora), Checkpoint.objects.earliest("size")
    answer = api.get(f"checkpoint/consistency/?old={first.size}").json()
    newest = Checkpoint.objects.get(size=answer["size"])
    hashes = decoded(answer["hashes"])
    verify_consistency(first.size, newest.size, hashes, bytes(first.root), bytes(newest.root))


@pytest.mark.parametrize("query", ["", "?old=0", "?old=-1", "?old=9999", "?old=x", "?old=1&colour=red"])
def test_a_question_that_means_nothing_names_what_is_wrong(
    api_as: Any, dora: Any, sealed: int, query: str
) -> None:
    answer = api_as(dora).get(f"checkpoint/consistency/{query}")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == ("?colour" if "colour" in query else "?old")


def test_where_nothing_was_signed_there_is_no_checkpoint(api_as: Any, dora: Any) -> None:
    api = api_as(dora)
    assert [api.get(path).status_code for path in ("checkpoint/", "events/0/proof/")] == [404, 404]


@pytest.mark.parametrize("count", [1, 1_200])
def test_a_proof_costs_the_same_however_long_the_log_is(
    api_as: Any, dora: Any, count: int, django_assert_max_num_queries: Any
) -> None:
    api = api_as(dora)
    many(count)
    seal_all()
    api.get("checkpoint/")  # the first use of a token is noted
    with django_assert_max_num_queries(8):
        assert api.get("events/0/proof/").status_code == 200


# --- Tiles ----------------------------------------------------------------------------------------


class TilesClient:
    """Mirrors a log from what it serves and believes nothing: written from the specification alone."""

    def __init__(self, headers: dict[str, str] | None = None) -> None:
        self.client, self.headers = Client(), headers or {}

    def get(self, path: str) -> bytes:
        answer = self.client.get(f"/log/{path}", headers=self.headers)
        assert answer.status_code == 200, path
        return bytes(answer.content)

    def size_and_root(self) -> tuple[int, bytes]:
        _, size, root, *_ = self.get("checkpoint").decode().split("\n")
        return int(size), base64.b64decode(root)

    def hashes(self, level: int, count: int) -> list[bytes]:
        data = b"".join(self.get(f"tile/{level}/{one}") for one in self.places(count))
        return [data[at : at + 32] for at in range(0, len(data), 32)]

    def entries(self, count: int) -> list[bytes]:
        bundles = [self.get(f"tile/entries/{one}") for one in self.places(count)]
        return [entry for bundle in bundles for entry in read_entry_bundle(bundle)]

    @staticmethod
    def places(count: int) -> list[str]:
        full, part = divmod(count, 256)
        return [f"{number:03d}" for number in range(full)] + ([f"{full:03d}.p/{part}"] if part else [])


def test_a_client_of_such_logs_mirrors_it(api_as: Any, dora: Any, sealed: int) -> None:
    log = TilesClient(api_as(dora).headers)
    size, root = log.size_and_root()
    entries, lowest = log.entries(size), log.hashes(0, size)
    assert [one.decode() for one in entries] == sealed_bodies()[:size]
    assert lowest == [sha256(b"\0" + one).digest() for one in entries]
    assert rfc6962.tree_hash(lowest) == root
    assert log.hashes(1, size // 256) == [rfc6962.tree_hash(lowest[at : at + 256]) for at in (0, 256)]


@pytest.mark.parametrize(
    "path",
    [
        "tile/0/003",
        "tile/0/002",
        "tile/0/002.p/255",
        "tile/1/000",
        "tile/1/000.p/3",
        "tile/0/1",
        "tile/7/000",
        "tile/63/x999/999",
        "tile/entries/009",
        "tile/entries/entries/000",
        "tile/x",
        "tile/0/x" + "9" * 60,
    ],
)
def test_what_is_not_there_is_not_found(api_as: Any, dora: Any, sealed: int, path: str) -> None:
    answer = Client().get(f"/log/{path}", headers=api_as(dora).headers)
    assert answer.status_code == 404
    assert answer["Content-Type"] == "application/problem+json"


def test_tiles_are_kept_for_ever_and_checkpoints_are_not(api_as: Any, dora: Any, sealed: int) -> None:
    client, headers = Client(), api_as(dora).headers
    told = {
        path: client.get(f"/log/{path}", headers=headers).headers["Cache-Control"]
        for path in ("checkpoint", "tile/0/000", "tile/0/002.p/3", "tile/entries/000")
    }
    assert told.pop("checkpoint") == "private, max-age=1"
    assert set(told.values()) == {"private, max-age=31536000, immutable"}


def test_a_public_log_tells_anybody_its_hashes_and_nobody_its_events(settings: Any, sealed: int) -> None:
    told = ("checkpoint", "tile/0/000", "tile/entries/000")
    assert [Client().get(f"/log/{path}").status_code for path in told] == [401, 401, 401]
    settings.PUBLIC_LOG = True
    assert [Client().get(f"/log/{path}").status_code for path in told] == [200, 200, 401]
    assert Client().get("/log/tile/0/000")["Cache-Control"].startswith("public, ")
