"""No code writes the log but through `compose`, and none changes what proves it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings

from reviewapp.privileges import LOGS

FLOORS = ("audit", "governance", "suggestions", "execution", "approvals", "insights", "reviewapp")
# Statements that write an event with what it tells of: each composes it by `audit.log.record.compose`.
OF_EVENTS = {"audit/log/record.py", "suggestions/intake/store.py", "execution/holding/attempts.py"}
COMPOSING = ("audit/log/record.py", "suggestions/intake/submitted.py", "execution/holding/attempts.py")
OF_PROOFS = {"audit/sealing/seal.py", "insights/copies/network.py"}
_INSERT = re.compile(r"\binto\s+(audit_\w+)|^(audit_\w+) \(", re.IGNORECASE)
_CHANGE = re.compile(
    r"\b(?:update|delete\s+from|truncate|alter\s+table|drop\s+table)\s+(audit_\w+)", re.IGNORECASE
)


def texts() -> Iterator[tuple[str, str]]:
    """Every text in the code of the product, with its file; no migration and no docstring."""
    root = Path(settings.BASE_DIR)
    for file in sorted(one for floor in FLOORS for one in (root / floor).rglob("*.py")):
        if "migrations" in file.parts:
            continue
        tree = ast.parse(file.read_text())
        described = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in described:
                yield file.relative_to(root).as_posix(), node.value


def who(pattern: re.Pattern[str], tables: set[str]) -> set[str]:
    found = set()
    for file, text in texts():
        named = {name for match in pattern.finditer(text) for name in match.groups() if name}
        if named & tables:
            found.add(file)
    return found


def test_events_are_written_in_these_places_alone() -> None:
    assert who(_INSERT, {"audit_event"}) == OF_EVENTS


def test_what_they_write_was_composed() -> None:
    root = Path(settings.BASE_DIR)
    composing = {
        file.relative_to(root).as_posix()
        for floor in FLOORS
        for file in (root / floor).rglob("*.py")
        if re.search(r"\bcompose\(", file.read_text())
    }
    assert composing == {*COMPOSING}


def test_proofs_are_written_by_the_sealer_and_for_witnesses_alone() -> None:
    assert who(_INSERT, {*LOGS} - {"audit_event"}) == OF_PROOFS


def test_nothing_changes_or_removes_them() -> None:
    assert who(_CHANGE, {*LOGS}) == set()


def test_models_of_the_log_are_created_nowhere() -> None:
    root = Path(settings.BASE_DIR)
    writes = re.compile(
        r"\b(Event|Checkpoint)(\.objects)?\.(create|bulk_create|get_or_create|update_or_create)\b"
    )
    found = [
        file
        for floor in FLOORS
        for file in (root / floor).rglob("*.py")
        if "migrations" not in file.parts and writes.search(file.read_text())
    ]
    assert found == []
