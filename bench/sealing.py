"""(x) A change with its event beside one without, sealing events, proving them, and verifying a log."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.export import fill
from bench.figures import Figure, compared
from bench.processes import ROOT
from bench.scale import Scale
from bench.stage import Stage

EVENTS = 1_000_000
LEAST_SEALED = 20_000  # a second
MOST_SECONDS, MOST_MIB = 60.0, 512.0  # for a million entries
VERIFIER = ROOT / "audit" / "sealing" / "verifier.py"
_CHANGE = "INSERT INTO bench_change (id, body) VALUES (gen_random_uuid(), %(body)s)"
_WITH_EVENT = f"WITH change AS ({_CHANGE}) INSERT INTO audit_event (body) VALUES (%(body)s)"
# Runs a program that tells at its end how much memory it had at most.
_WATCHED = """
import runpy, sys
sys.argv = sys.argv[1:]
try:
    runpy.run_path(sys.argv[0], run_name="__main__")
finally:
    print(*(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


def measure(stage: Stage, *, scale: Scale) -> list[Figure]:
    stage.empty()
    events, changes, rounds = scale.of((EVENTS, 2_000, 3), (EVENTS // 10, 1_000, 3), (3_000, 50, 1))
    recorded = _recorded(stage, changes, rounds)
    fill(stage, events, sealed=False)
    return [recorded, _sealed(), _proved(scale), *_verified(events)]


def _recorded(stage: Stage, changes: int, rounds: int) -> Figure:
    """Transactions a second that write a row and its event, in one statement, and that write the row."""
    body = _body()
    with stage.owner() as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS bench_change (id uuid PRIMARY KEY, body text)")
        pairs = []
        for _ in range(rounds):
            pair = []
            for statement in (_WITH_EVENT, _CHANGE):
                started = time.perf_counter()
                for _ in range(changes):
                    connection.execute(statement, {"body": body})  # a transaction each
                pair.append(changes / (time.perf_counter() - started))
            pairs.append((pair[0], pair[1]))
        connection.execute("DROP TABLE bench_change")
    note = "limit: the same change alone"
    return compared("x", "a change with its event", "transactions/s", pairs, least=0.8, note=note)


def _body() -> str:
    from audit.ground.actors import SYSTEM
    from audit.log.record import compose

    before, after = compose("proposal.rejected", actor=SYSTEM, data={"by": "human", "reason": "a" * 70})
    return f"{before}2026-11-22T16:00:00.000000Z{after}"


def _sealed() -> Figure:
    from audit.sealing.seal import seal

    total, started = 0, time.perf_counter()
    while found := seal():
        total += found
    rate = total / (time.perf_counter() - started)
    target = f"≥ {LEAST_SEALED:,}"
    return Figure(
        "x", f"sealing {total:,} events", rate, None, "events/s", None, target, rate >= LEAST_SEALED
    )


def _proved(scale: Scale) -> Figure:
    """Milliseconds for the inclusion proof of an event, of many over the whole log."""
    from audit.sealing import checkpoints

    size = checkpoints.newest().size
    asked = scale.of(500, 200, 5)
    started = time.perf_counter()
    for number in range(asked):
        checkpoints.proof_of(number * (size - 1) // asked, size)
    each = (time.perf_counter() - started) * 1_000 / asked
    return Figure("x", f"a proof in a log of {size:,}", each, None, "ms", None, "≤ 50", each <= 50)


def _verified(events: int) -> list[Figure]:
    """A whole log, by the one file that auditors get, in a bare Python without libraries."""
    from django.core.management import call_command

    from audit.sealing import checkpoints
    from audit.sealing.keys import public_keys

    checkpoint = checkpoints.newest()
    key = public_keys(checkpoint.origin)[0].vkey
    with TemporaryDirectory() as folder:
        entries, note = Path(folder) / "entries.jsonl", Path(folder) / "checkpoint"
        call_command("export_audit", format="jsonl", output=str(entries))
        note.write_text(checkpoint.note)
        bare = [sys.executable, "-I", "-S", "-c", _WATCHED]
        command = [*bare, str(VERIFIER), "log", str(entries), str(note), "--key", key]
        started = time.perf_counter()
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        seconds = time.perf_counter() - started
    *_, verdict, kib = said.split()
    if verdict != "OK":
        raise RuntimeError(f"The log did not verify: {said}")
    mib = int(kib) / 1_024
    most = MOST_SECONDS * events / EVENTS
    return [
        Figure(
            "x", f"verifying {events:,} entries", seconds, None, "s", None, f"≤ {most:g}", seconds <= most
        ),
        Figure("x", "peak memory of that", mib, None, "MiB", None, f"≤ {MOST_MIB:g}", mib <= MOST_MIB),
    ]
