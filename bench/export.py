"""(e) Streaming sealed events over HTTP as JSONL or CSV, against psql's COPY of the same columns."""

from __future__ import annotations

import http.client
import os
import subprocess
import time
import uuid

import psycopg

from bench.figures import Figure, compared
from bench.processes import Running
from bench.scale import Scale
from bench.stage import Stage

EVENTS = 1_000_000
FEW = 10_000
LEAST = {"jsonl": 0.7, "csv": 0.7}
HEADS = {"jsonl": 0, "csv": 1}  # lines before the first event
# Of CSV the columns as they are stored, and the body whole: the least that tells as much.
STORED = {"jsonl": "body", "csv": "id, at, type, actor, actor_name, proposal_id, body"}
FORMATS = {"jsonl": "", "csv": "(FORMAT csv, HEADER)"}
MOST_GROWTH = 32.0  # MiB that a hundred times as many events may cost


def measure(stage: Stage, *, scale: Scale) -> list[Figure]:
    stage.empty()
    events, some, rounds = scale.of(
        (EVENTS, EVENTS // 5, 3), (EVENTS // 10, EVENTS // 20, 2), (FEW * 2, FEW, 1)
    )
    with stage.process("web") as web, stage.process("api") as api:
        servers = {"web": web, "api": api}
        fill(stage, FEW)
        small = {name: _peak(stage, server, FEW) for name, server in servers.items()}
        fill(stage, some - FEW)
        figures = [_beside_copy(stage, servers["api"], "csv", some, rounds)]
        fill(stage, events - some)
        for name, server in servers.items():
            figures.append(_beside_copy(stage, server, "jsonl", events, rounds))
            figures.append(_memory(name, events, small[name], _peak(stage, server, events)))
    return figures


def _beside_copy(stage: Stage, server: Running, format: str, events: int, rounds: int) -> Figure:
    pairs = [
        (_exported(stage, server, events, format), _copied(stage, events, format)) for _ in range(rounds)
    ]
    what = f"export of {events:,} events as {format.upper()} by {server.name}"
    return compared("e", what, "events/s", pairs, least=LEAST[format])


def _memory(name: str, events: int, few: float, many: float) -> Figure:
    return Figure(
        "e",
        f"peak memory of {name}, {events:,} events",
        many,
        few,
        "MiB",
        many / few,
        f"≤ {MOST_GROWTH:.0f} more",
        many - few <= MOST_GROWTH,
        f"limit: {FEW:,} events",
    )


def _peak(stage: Stage, server: Running, events: int) -> float:
    _exported(stage, server, FEW if events == FEW else events)
    server.forget_peak_memory()
    _exported(stage, server, events)
    return server.peak_memory()


def _exported(stage: Stage, server: Running, events: int, format: str = "jsonl") -> float:
    """Events a second, all of which arrived."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)
    started = time.perf_counter()
    headers = {"Host": "localhost", "Authorization": f"Bearer {stage.auditor_token}"}
    path = f"/api/v1/events/export/?format={format}&type=proposal.approved"
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    if answer.status != 200:
        raise RuntimeError(f"export: {answer.status} {answer.read(500).decode()}")
    lines = 0
    while piece := answer.read1(1 << 20):
        lines += piece.count(b"\n")
    seconds = time.perf_counter() - started
    connection.close()
    if lines != events + HEADS[format]:
        raise RuntimeError(f"{lines:,} lines for {events:,} events arrived.")
    return events / seconds


def _copied(stage: Stage, events: int, format: str) -> float:
    query = f"SELECT {STORED[format]} FROM audit_event WHERE type = 'proposal.approved' ORDER BY id"
    psql = stage.services.postgres.programs.postgres / "bin" / "psql"
    command = [
        str(psql),
        "--no-psqlrc",
        "--quiet",
        "-c",
        f"COPY ({query}) TO STDOUT {FORMATS[format]}",
        os.environ["DATABASE_URL"],
    ]
    started = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE) as copying:
        lines = 0
        while piece := os.read(copying.stdout.fileno(), 1 << 20):  # type: ignore[union-attr]
            lines += piece.count(b"\n")
    seconds = time.perf_counter() - started
    if copying.returncode or lines != events + HEADS[format]:
        raise RuntimeError(f"psql copied {lines:,} lines for {events:,} events.")
    return events / seconds


def fill(stage: Stage, events: int, *, sealed: bool = True) -> None:
    """So many approvals in the log, each an event as the product writes them."""
    from audit.ground.actors import Actor
    from audit.log.record import NOW_SQL, compose
    from audit.sealing.seal import seal

    mark = uuid.uuid4()
    reviewer = Actor("user", str(stage.reviewer.pk), "Ana Reviewer", "b3c1d9e2", "password")
    data = {
        "rank": 1,
        "edited": False,
        "by": "human",
        "action_digest": "sha256:" + "7" * 64,
        "reason": "sha256:" + "a" * 64,
        "policy": stage.policy.digest,
    }
    before, after = compose("proposal.approved", actor=reviewer, data=data, proposal=mark)
    with psycopg.connect(stage.services.superuser_url, autocommit=True) as connection:
        connection.execute(
            f"INSERT INTO audit_event (body) SELECT %s || {NOW_SQL} || replace(%s, %s, uuidv7()::text)"
            "  FROM generate_series(1, %s)",  # type: ignore[arg-type]
            [before, after, str(mark), events],
        )
        while sealed and seal():
            pass
        connection.execute("VACUUM (ANALYZE) audit_event, audit_leaf")
        connection.execute("CHECKPOINT")
