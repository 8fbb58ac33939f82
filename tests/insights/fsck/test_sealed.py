"""fsck looks at the log itself: whatever its owner does to events, hashes, roots and signatures is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from audit.models import Checkpoint
from audit.sealing import keys
from insights.fsck.checks import CHECKS
from insights.fsck.sealed import against
from tests.audit.sealing.test_seal import a_checkpoint_is_due, many
from tests.database import owner_connection
from tests.insights.fsck.test_command import fsck
from tests.sealed import seal_all

pytestmark = pytest.mark.django_db(transaction=True)
TABLES = ("audit_event", "audit_leaf", "audit_node", "audit_checkpoint")


@pytest.fixture
def log(transactional_db: None) -> None:
    """Two full tiles and a half, with a checkpoint in between and one of all."""
    many(300)
    seal_all()
    many(340)
    a_checkpoint_is_due()
    seal_all()
    a_checkpoint_is_due()
    seal_all()
    assert found() == []


def found() -> list[str]:
    return [str(one) for check in CHECKS if check.name in ("leaves", "tree") for one in check.find()]


def as_owner(statement: str, *values: Any) -> None:
    """What the owner of the tables can do once the triggers are out of the way."""
    with owner_connection() as owner:
        for table in TABLES:
            owner.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        owner.execute(statement, values)
        for table in TABLES:
            owner.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")


def test_the_one_event_that_was_changed_is_named(log: None) -> None:
    as_owner(
        "UPDATE audit_event SET body = replace(body, '\"number\":7}', '\"number\":8}') WHERE id ="
        " (SELECT event_id FROM audit_leaf WHERE leaf_index = 6)"
    )
    [one] = found()
    assert one.startswith("leaves: entry 6: expected hash ")


def test_an_event_that_was_taken_out_is_named(log: None) -> None:
    as_owner("DELETE FROM audit_event WHERE id = (SELECT event_id FROM audit_leaf WHERE leaf_index = 100)")
    [one] = found()
    assert one.startswith("leaves: entry 100: expected hash ")
    assert "found no row" in one


def test_an_event_that_was_taken_out_with_its_place_is_named(log: None) -> None:
    as_owner("DELETE FROM audit_leaf WHERE leaf_index = 100")
    as_owner("DELETE FROM audit_event WHERE id NOT IN (SELECT event_id FROM audit_leaf)")
    said = found()
    assert said[0] == "leaves: entry 100: expected an event; found none up to entry 101"
    assert any(one.startswith(("tree: checkpoint 301", "tree: checkpoint 300")) for one in said)


def test_an_event_that_was_put_in_later_is_named(log: None) -> None:
    as_owner(
        "INSERT INTO audit_event (id, body) OVERRIDING SYSTEM VALUE SELECT -5, body FROM audit_event LIMIT 1"
    )
    assert found() == [
        "leaves: event -5: expected a place in the log; found none: it was put in later (event -5)"
    ]


def test_two_that_changed_places_are_named(log: None) -> None:
    as_owner("UPDATE audit_leaf SET event_id = -event_id WHERE leaf_index IN (10, 11)")
    as_owner(
        """UPDATE audit_leaf a SET event_id = -b.event_id, hash = b.hash FROM audit_leaf b
            WHERE a.leaf_index IN (10, 11) AND b.leaf_index = 21 - a.leaf_index"""
    )
    said = found()
    assert said
    assert all(one.startswith("tree: ") for one in said), "each event has its hash, and the root is another"


def test_a_hash_of_a_tile_that_was_changed_is_named(log: None) -> None:
    as_owner("UPDATE audit_node SET hash = sha256('x') WHERE index = 1")
    [one] = found()
    assert one.startswith("tree: tile 1/1: expected hash ")
    as_owner("DELETE FROM audit_node WHERE index = 1")
    [one] = found()
    assert one.endswith("found none")


def test_a_root_or_a_signature_that_was_changed_is_named(log: None) -> None:
    size = Checkpoint.objects.latest("size").size
    as_owner("UPDATE audit_checkpoint SET root = sha256('x') WHERE size = %s", size)
    [one] = found()
    assert one.startswith(f"tree: checkpoint {size}: expected root ")
    as_owner("UPDATE audit_checkpoint SET note = replace(note, '/log', '/dog')")
    assert any("None of the keys that are trusted" in one for one in found())


def test_an_old_key_is_known_from_the_log(log: None, settings: Any) -> None:
    settings.AUDIT_SIGNING_KEYS = [keys.new_key()]
    many(1_000)
    seal_all()
    settings.AUDIT_SIGNING_KEYS = [keys.new_key()]
    many(1_000)
    seal_all()
    seal_all()
    assert found() == []


# --- What was kept elsewhere ----------------------------------------------------------------------


def test_a_checkpoint_that_was_kept_says_that_all_is_there(log: None, tmp_path: Path) -> None:
    kept = tmp_path / "checkpoint"
    kept.write_text(Checkpoint.objects.earliest("size").note)
    status, lines, beside = fsck("--only", "leaves", "--checkpoint", str(kept))
    assert (status, lines) == (0, [])
    assert "kept checkpoint: ok" in beside


def test_an_old_backup_is_told_what_it_lacks(log: None, tmp_path: Path) -> None:
    newest = Checkpoint.objects.latest("size")
    kept = tmp_path / "checkpoint"
    kept.write_text(newest.note)
    for table in (
        "audit_leaf WHERE leaf_index >= 301",
        "audit_node WHERE index > 0",
        "audit_checkpoint WHERE size > 301",
    ):
        as_owner(f"DELETE FROM {table}")
    as_owner("DELETE FROM audit_event WHERE id NOT IN (SELECT event_id FROM audit_leaf)")
    status, lines, _ = fsck("--only", "leaves,tree", "--checkpoint", str(kept))
    assert status == 1
    assert lines == [
        f"kept checkpoint: log localhost:8000/log: expected {newest.size} entries; "
        "found 301: all from entry 301 on are missing"
    ]


def test_a_log_that_was_written_anew_is_another(log: None) -> None:
    kept = Checkpoint.objects.latest("size").note
    as_owner("UPDATE audit_leaf SET hash = sha256('x') WHERE leaf_index = 5")
    [one] = against(kept).find()
    assert one.found.endswith("some of them are others")


def test_a_checkpoint_of_another_log_is_refused(log: None, tmp_path: Path) -> None:
    from django.core.management import CommandError

    other = tmp_path / "checkpoint"
    other.write_text(Checkpoint.objects.latest("size").note.replace("localhost", "elsewhere"))
    with pytest.raises(CommandError, match="None of the keys") as refused:
        fsck("--checkpoint", str(other))
    assert refused.value.returncode == 2
