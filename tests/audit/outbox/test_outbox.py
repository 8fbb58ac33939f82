"""The engine of outboxes, on a table of its own."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection, transaction

from audit.outbox import outbox as engine
from audit.outbox.outbox import Outbox, Sending, Waits
from audit.outbox.tell_worker import LOST_AFTER
from reviewapp.celery import app

LETTERS = Sending(table="letter", task="test.send_letter", claimed_seconds=30, pauses=(10, 20))


@pytest.fixture(autouse=True)
def table(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "lost_after", lambda queue="celery": LOST_AFTER)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            CREATE TEMPORARY TABLE letter (
                id uuid PRIMARY KEY, status text DEFAULT 'waiting', attempts int DEFAULT 0,
                last_error text DEFAULT '', queued_at timestamptz, urgent bool DEFAULT false,
                due_at timestamptz DEFAULT statement_timestamp()
            ) ON COMMIT DROP"""
        )


def letter(**columns: str) -> UUID:
    """A row; its columns are SQL."""
    row = uuid4()
    names = ", ".join(["id", *columns])
    with connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO letter ({names}) VALUES ({', '.join(['%s', *columns.values()])})", [row])
    return row


def column(row: UUID, name: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {name} FROM letter WHERE id = %s", [row])
        return cursor.fetchone()[0]


def ago(seconds: float) -> str:
    return f"statement_timestamp() - interval '{seconds} seconds'"


@pytest.mark.parametrize(
    ("columns", "is_due"),
    [
        ({}, True),
        ({"due_at": ago(-5)}, False),
        ({"status": "'sent'"}, False),
        ({"due_at": ago(3), "queued_at": ago(1)}, False),
        ({"due_at": ago(3), "queued_at": ago(4)}, True),
        ({"due_at": ago(60), "queued_at": ago(LOST_AFTER - 1)}, False),
        ({"due_at": ago(60), "queued_at": ago(LOST_AFTER + 1)}, True),
    ],
    ids=["new", "later", "sent", "told of", "told too early", "on its way", "lost"],
)
def test_what_is_due_is_what_waits_and_was_not_told_of_since(columns: dict[str, str], is_due: bool) -> None:
    row = letter(**columns)

    assert LETTERS.due() == ([row] if is_due else [])
    assert LETTERS.due() == []  # it was told of just now


def test_the_oldest_come_first_and_no_more_than_fit_a_turn() -> None:
    box = Outbox("letter", "test.send_letter", (Waits("status = 'waiting'", "due_at"),), at_once=2)
    rows = [letter(due_at=ago(age)) for age in (1, 3, 2)]

    assert set(box.due()) == {rows[1], rows[2]}
    assert box.due() == [rows[0]]


def test_what_is_left_alone_is_told_of_to_nobody_and_values_reach_the_statement() -> None:
    box = Outbox(
        "letter", "test.send_letter", (Waits("status = %(wanted)s", "due_at"),), unless="NOT e.urgent"
    )
    letter()
    urgent = letter(urgent="true")

    assert box.due(wanted="waiting") == [urgent]
    assert box.due(wanted="sent") == []


def test_each_kind_of_waiting_has_its_own_moment() -> None:
    both = (
        Waits("status = 'waiting'", "due_at"),
        Waits("status = 'held'", f"due_at + interval '{60} seconds'"),
    )
    box = Outbox("letter", "test.send_letter", both)
    waiting, held = letter(due_at=ago(5)), letter(due_at=ago(70), status="'held'")
    letter(due_at=ago(50), status="'held'")

    assert set(box.due()) == {waiting, held}


def test_everything_that_is_due_is_told_of_by_the_name_of_its_task(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[tuple[str, tuple[str, ...]]] = []
    monkeypatch.setattr(app, "send_task", lambda name, args: sent.append((name, args)))
    rows = {letter(), letter()}

    LETTERS.tell_due()

    assert {name for name, _ in sent} == {"test.send_letter"}
    assert {UUID(row) for _, (row,) in sent} == rows


def test_one_sender_takes_it_and_it_comes_back_when_that_one_is_gone() -> None:
    row = letter()

    first = LETTERS.take(row)
    assert first is not None
    assert (first.number, LETTERS.take(row), LETTERS.due()) == (1, None, [])
    assert (column(row, "due_at") - first.at).total_seconds() == LETTERS.claimed_seconds

    with connection.cursor() as cursor:
        cursor.execute("UPDATE letter SET due_at = statement_timestamp()")
    again = LETTERS.take(row)
    assert again is not None
    assert again.number == 2


def test_the_next_is_what_has_been_due_longest() -> None:
    second, first = letter(due_at=ago(10)), letter(due_at=ago(20))
    letter(due_at=ago(-60))
    letter(due_at=ago(30), status="'sent'")

    taken = [LETTERS.take_next() for _ in range(3)]

    assert [one and (one[0], one[1].number) for one in taken] == [(first, 1), (second, 1), None]


def test_only_the_newest_attempt_writes_what_came_of_it() -> None:
    row = letter(attempts="2")

    assert not LETTERS.end(row, 1, "sent")
    assert not LETTERS.put_off(row, 1, 5, error="late")
    assert (column(row, "status"), column(row, "last_error")) == ("waiting", "")

    assert LETTERS.put_off(row, 2, 600, error="closed")
    assert column(row, "due_at > statement_timestamp() + interval '590 seconds'")
    assert LETTERS.end(row, 2, "sent")
    assert (column(row, "status"), column(row, "last_error")) == ("sent", "")
    assert not LETTERS.end(row, 2, "given_up", error="twice")


def test_there_is_one_attempt_more_than_there_are_pauses() -> None:
    assert LETTERS.attempts == 3


def test_a_row_is_told_of_once_its_transaction_is_committed(
    monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    told: list[tuple[str, str]] = []
    monkeypatch.setattr(
        "audit.outbox.tell_worker._hand_over", lambda task, row, _room: told.append((task, row))
    )
    row = letter()
    with django_capture_on_commit_callbacks(execute=True), transaction.atomic():
        LETTERS.tell(row)
        assert told == []

    assert told == [("test.send_letter", str(row))]


def test_every_task_that_is_named_exists() -> None:
    app.loader.import_default_modules()
    root = Path(__file__).resolve().parents[3]
    named = {
        name
        for floor in ("audit", "governance", "suggestions", "execution", "approvals", "insights", "reviewapp")
        for file in (root / floor).rglob("*.py")
        for name in re.findall(r'(?:tell_worker\(|task=)"([\w.]+)"', file.read_text(encoding="utf-8"))
    }
    assert len(named) >= 6
    assert named <= set(app.tasks)
