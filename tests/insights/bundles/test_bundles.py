"""An auditor who kept a checkpoint gets a bundle, and believes neither the product nor its operators."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from audit.models import Checkpoint, Event
from audit.sealing import keys
from audit.sealing.verifier import Bundle, Wrong, check_bundle, tile_path
from insights.bundles.chosen import tiles
from tests.audit.sealing.test_seal import a_checkpoint_is_due, many
from tests.audit.sealing.test_tampering import paths
from tests.conftest import in_force
from tests.database import owner_connection
from tests.sealed import seal_all, sealed_bodies

PERIOD = "type=a."
POLICY = """
version: 1
defaults: {verdict: review, team: operations}
"""


def sign() -> Checkpoint:
    seal_all()
    a_checkpoint_is_due()
    seal_all()
    return Checkpoint.objects.latest("size")


@pytest.fixture
def kept(dora: Any, propose: Callable[..., Any]) -> str:
    """The checkpoint of last week; by now the log is longer."""
    propose()
    many(700)
    old = sign().note
    many(600)
    propose(title="Another \u202e<b>refund</b>")
    sign()
    return old


def downloaded(person: Any, query: str = "", old: str = "") -> bytes:
    client = Client()
    client.force_login(person)
    answer = client.get(f"/audit/bundle/download/?{query}", {"old": old} if old and not query else None)
    assert answer.status_code == 200, answer.content.decode()[:3000]
    return b"".join(answer)


def key() -> Any:
    return keys.signers("localhost:8000/log")[0].public


def unpacked(data: bytes, folder: Path) -> Path:
    with zipfile.ZipFile(io.BytesIO(data)) as packed:
        packed.extractall(folder)
    return folder


# --- What it holds --------------------------------------------------------------------------------


def test_a_bundle_of_the_whole_log_verifies(dora: Any, kept: str, tmp_path: Path) -> None:
    file = tmp_path / "evidence.zip"
    file.write_bytes(downloaded(dora, old=kept))
    said = check_bundle(Bundle(file), [key()], [kept])
    assert any("are those that the earlier checkpoint signed" in one for one in said)
    newest = Checkpoint.objects.latest("size")
    with zipfile.ZipFile(file) as packed:
        lines = packed.read("entries.jsonl").decode().splitlines()
        assert packed.testzip() is None
    assert lines == sealed_bodies()[: newest.size]


@pytest.mark.parametrize(
    "query", ["type=proposal.", "actor=support-bot", "type=session.", "until=2026-06-01"]
)
def test_a_bundle_holds_what_its_filters_let_through(
    dora: Any, kept: str, tmp_path: Path, query: str
) -> None:
    folder = unpacked(downloaded(dora, query), tmp_path)
    check_bundle(Bundle(folder), [key()], [])
    places = [int(one) for one in (folder / "leaves.txt").read_text().split()]
    bodies, lines = sealed_bodies(), (folder / "entries.jsonl").read_text().splitlines()
    assert lines == [bodies[place] for place in places]
    name, value = query.split("=")
    fits = {
        "type": lambda body: json.loads(body)["type"].startswith(value),
        "actor": lambda body: json.loads(body)["actor"]["name"] == value,
        "until": lambda body: json.loads(body)["at"] < value,
    }[name]
    size = Checkpoint.objects.latest("size").size
    assert places == [place for place, body in enumerate(bodies[:size]) if fits(body)]


def test_a_case_comes_with_the_versions_that_were_in_force(
    dora: Any, kept: str, propose: Any, tmp_path: Path
) -> None:
    in_force(POLICY)
    proposal = propose(title="Under a policy")
    sign()
    folder = unpacked(downloaded(dora, f"proposal={proposal.pk}"), tmp_path)
    check_bundle(Bundle(folder), [key()], [])
    lines = list(map(json.loads, (folder / "entries.jsonl").read_text().splitlines()))
    assert {line["proposal"] for line in lines} == {str(proposal.pk)}
    [action] = (folder / "action-types").iterdir()
    assert json.loads(action.read_text())["name"] == "refund_payment"
    [policy] = {line["data"].get("policy") for line in lines} - {None}
    [file] = (folder / "policies").iterdir()
    assert (f"sha256:{file.stem}", file.read_text()) == (policy, POLICY)


def test_the_summary_is_for_people_and_quotes_nobody_as_markup(dora: Any, kept: str, tmp_path: Path) -> None:
    page = (unpacked(downloaded(dora), tmp_path) / "summary.html").read_text()
    assert "support-bot handed in a proposal." in page
    assert "the whole log" in page
    assert "<script" not in page
    assert "\u202e" not in page


def test_a_bundle_without_entries_says_so_and_verifies(dora: Any, kept: str, tmp_path: Path) -> None:
    folder = unpacked(downloaded(dora, "until=2001-01-01"), tmp_path)
    assert any("All 0 entries" in one for one in check_bundle(Bundle(folder), [key()], []))


def test_the_same_question_gets_the_same_bytes(dora: Any, kept: str) -> None:
    assert downloaded(dora, PERIOD) == downloaded(dora, PERIOD)


def test_who_took_what_stands_in_the_log(dora: Any, kept: str) -> None:
    size = Checkpoint.objects.latest("size").size
    downloaded(dora, PERIOD)
    told = json.loads(Event.objects.filter(type="events.exported").latest("pk").body)
    assert told["actor"]["name"] == "Dora"
    assert told["data"] == {"format": "bundle", "filters": {"type": "a."}, "size": size}


def test_the_tiles_of_everything_are_those_of_the_log() -> None:
    for size in (1, 255, 256, 257, 700, 65_536, 65_537, 66_000):
        found = [tile_path(*tile) for tile in tiles(range(size), size=size)]
        assert sorted(found) == sorted(paths(size))


def test_memory_stays_flat_however_long_the_log_is(dora: Any, db: None) -> None:
    import tracemalloc

    from audit.ground.actors import SYSTEM
    from audit.log.read import Filters
    from insights.bundles.pack import bundle

    many(60_000)
    newest = sign()
    tracemalloc.start()
    size = sum(len(piece) for piece in bundle(Filters(), newest, actor=SYSTEM))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert size > 3_000_000
    assert peak < 30_000_000


# --- On a machine without the product -------------------------------------------------------------


def run(folder: Path, *arguments: str) -> tuple[int, str]:
    """The verifier that came with the bundle, in a bare Python."""
    command = [sys.executable, "-I", "-S", str(folder / "verify.py"), "bundle", str(folder), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.django_db(transaction=True)
def test_an_auditor_who_kept_a_checkpoint_is_told_which_entry_was_altered(
    dora: Any, propose: Any, kept: str, tmp_path: Path
) -> None:
    last_week = tmp_path / "last-week"
    last_week.write_text(kept)
    trusted = ("--key", key().vkey, "--old", str(last_week))
    good = unpacked(downloaded(dora, old=kept), tmp_path / "good")
    assert run(good, *trusted)[0] == 0, run(good, *trusted)

    with owner_connection() as owner:
        owner.execute("ALTER TABLE audit_event DISABLE TRIGGER USER")
        [number] = owner.execute(
            "SELECT event_id FROM audit_leaf JOIN audit_event ON id = event_id WHERE type = 'a.done'"
            " ORDER BY leaf_index OFFSET 321 LIMIT 1"
        ).fetchone() or [0]
        owner.execute("UPDATE audit_event SET body = replace(body, 'bot', 'bob') WHERE id = %s", [number])
        [place] = owner.execute(
            "SELECT leaf_index FROM audit_leaf WHERE event_id = %s", [number]
        ).fetchone() or [0]
        owner.execute("ALTER TABLE audit_event ENABLE TRIGGER USER")

    bad = unpacked(downloaded(dora, old=kept), tmp_path / "bad")
    code, said = run(bad, *trusted)
    assert (code, said) == (
        1,
        f"WRONG: Entry {place} was changed: it is not what was signed at its place.\n",
    )


def test_a_bundle_that_was_made_of_another_log_is_found(dora: Any, kept: str, tmp_path: Path) -> None:
    file = tmp_path / "evidence.zip"
    file.write_bytes(downloaded(dora, old=kept))
    other = keys.Signer("localhost:8000/log", bytes(32)).public
    with pytest.raises(Wrong, match="None of the keys"):
        check_bundle(Bundle(file), [other], [])


# --- The form -------------------------------------------------------------------------------------


def test_a_checkpoint_that_does_not_fit_is_told_at_once(dora: Any, kept: str) -> None:
    client = Client()
    client.force_login(dora)
    refused = client.get(
        "/audit/bundle/download/", {"old": kept.replace("localhost", "elsewhere"), "type": "a."}
    )
    assert refused.status_code == 400
    page = refused.content.decode()
    assert "This checkpoint is not one of this log." in page
    assert 'value="a."' in page, "what was written stays"


def test_a_log_that_was_written_anew_is_told_at_once(dora: Any, kept: str, settings: Any) -> None:
    old = Checkpoint.objects.earliest("size")
    from audit.sealing.verifier import Checkpoint as Signed

    text = Signed("localhost:8000/log", old.size, bytes(32)).text
    forged = text + "\n" + keys.signers("localhost:8000/log")[0].line(text)
    client = Client()
    client.force_login(dora)
    page = client.get("/audit/bundle/download/", {"old": forged}).content.decode()
    assert f"does not begin with the {old.size} entries that this checkpoint signed" in page


def test_a_checkpoint_of_an_older_key_is_still_one_of_the_log(
    dora: Any, kept: str, settings: Any, tmp_path: Path
) -> None:
    old = key()
    settings.AUDIT_SIGNING_KEYS = [keys.new_key()]
    many(3)
    sign()
    client = Client()
    client.force_login(dora)
    answer = client.get("/audit/bundle/download/", {"old": kept, "type": "a."})
    assert answer.status_code == 200
    file = tmp_path / "evidence.zip"
    file.write_bytes(b"".join(answer))
    assert any("earlier checkpoint" in one for one in check_bundle(Bundle(file), [old, key()], [kept]))


def test_before_anything_is_signed_there_is_nothing_to_take(dora: Any) -> None:
    client = Client()
    client.force_login(dora)
    assert "Nothing was signed yet" in client.get("/audit/bundle/").content.decode()
    assert "Nothing is signed yet" in client.get("/audit/bundle/download/").content.decode()


def test_a_program_gets_it_too(api_as: Any, dora: Any, kept: str, tmp_path: Path) -> None:
    answer = api_as(dora).get(f"events/bundle/?{PERIOD}")
    assert answer["Content-Type"] == "application/zip"
    folder = unpacked(b"".join(answer), tmp_path)
    check_bundle(Bundle(folder), [key()], [])
    refused = api_as(dora).get("events/bundle/?since=never&colour=red")
    assert refused.status_code == 422
