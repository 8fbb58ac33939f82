"""(i) Questions about the past, while it grows to a million proposals of one agent.

They are spread over ninety days, the longest window there is; a tenth are about one and the same subject.
Each question is asked the product's way, from Python, with its way to the database and back.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import psycopg

from bench import filling
from bench.figures import Figure, measured
from bench.given import proposal
from bench.scale import Scale
from bench.stage import Stage

SIZES = (10_000, 1_000_000)
AT_ONCE = 500_000
DATABASE = "bench_history"
MOST = 2.0  # milliseconds
WARM = 6  # the first times PostgreSQL makes a plan
TABLE = "suggestions_proposal"
QUESTIONS = (
    ("agent", "count", "1h", "", "", ()),
    ("agent", "count", "24h", "", "refund_payment", ("approved",)),
    ("agent", "sum", "24h", "amount", "", ("pending", "approved")),
    ("agent", "sum", "90d", "amount", "refund_payment", ()),
    ("agent", "max", "30d", "amount", "", ("approved",)),
    ("agent", "seen", "90d", "order_id", "", ()),
    ("subject", "count", "7d", "", "", ()),
    ("subject", "sum", "90d", "amount", "", ("approved",)),
)


def measure(stage: Stage, *, scale: Scale) -> list[Figure]:
    return asked_at(stage, scale.of(SIZES, (10_000, 100_000), (2_000,)), times=scale.of(200, 50, 3))


def asked_at(stage: Stage, sizes: Sequence[int], *, times: int) -> list[Figure]:
    """Each question so many times, while the past has this size, then that."""
    filling.first(stage)
    figures = []
    with stage.copy(DATABASE), _connected_to(DATABASE):
        for size in sizes:
            _fill(stage, size)
            rows = {question: _asked(stage, question, times, seconds=2.0) for question in QUESTIONS}
            seconds = _settle(stage)
            sums = {question: _asked(stage, question, times) for question in QUESTIONS}
            figures += [_figure(q, size, sums[q], rows[q]) for q in QUESTIONS]
            figures.append(Figure("i", f"adding up {size:,} proposals", size / seconds, None, "proposals/s"))
        _keep_plan(stage)
    return sorted(figures, key=lambda figure: figure.what.partition(",")[0])


@contextmanager
def _connected_to(database: str) -> Iterator[None]:
    """Django on another database of ours."""
    from django.db import connection

    connection.close()
    before = connection.settings_dict["NAME"]
    connection.settings_dict["NAME"] = database
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict["NAME"] = before


# --- Much of a past -------------------------------------------------------------------------


def _fill(stage: Stage, size: int) -> None:
    """So many proposals like the first one. Their indexes are made afterwards: the same, and sooner."""
    own = {
        "id": "uuidv7()",
        "idempotency_key": f"'{size}-' || n",
        "status": "(ARRAY['pending', 'rejected', 'approved', 'approved', 'approved'])[1 + n % 5]",
        "subject_id": "CASE n % 10 WHEN 0 THEN first.subject_id ELSE 'customer-' || n % 50000 END",
        "context": "'{}'",
        "verdict": "'{}'",
        "numbers": """jsonb_build_object(
            '', 'refund_payment', 'amount', (n::bigint * 7919 % 50000) / 100.0)""",
        "created_at": f"now() - interval '90 days' * (({size} - n)::float8 / {size})",
    }
    columns = filling.columns_of(TABLE)
    selected = ", ".join(own.get(name, f"first.{name}") for name in columns)
    with psycopg.connect(stage.services.superuser_url, dbname=DATABASE, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute("SET maintenance_work_mem = '256MB'")
        connection.execute(f"CREATE TEMPORARY TABLE first AS SELECT * FROM {TABLE} ORDER BY id LIMIT 1")
        indexes = connection.execute(
            """SELECT indexname, indexdef FROM pg_indexes
                WHERE tablename = %s AND indexname LIKE 'proposal_past%%'""",
            [TABLE],
        ).fetchall()
        for (name,) in connection.execute(
            """SELECT indexrelid::regclass::text FROM pg_index
                WHERE indrelid = %s::regclass AND NOT indisunique""",
            [TABLE],
        ).fetchall():
            connection.execute(f"DROP INDEX {name}")  # type: ignore[arg-type]
        for table in ("settled", "subtotal", "correction", "precedent"):
            connection.execute(f"TRUNCATE suggestions_{table}")  # type: ignore[arg-type]
        for start in range(0, size, AT_ONCE):
            connection.execute(
                f"INSERT INTO {TABLE} ({', '.join(columns)}) SELECT {selected} "  # type: ignore[arg-type]
                f"FROM first, generate_series({start + 1}, {min(start + AT_ONCE, size)}) AS n"
            )
        connection.execute(
            """INSERT INTO suggestions_precedent (key, mark, at)
               SELECT agent_id, md5(n::text)::uuid, now() - interval '90 days' * random()
                 FROM first, generate_series(1, %s) AS n""",
            [size // 2],
        )
        for _, definition in indexes:
            connection.execute(definition)
        filling.settle(connection, TABLE, "suggestions_precedent")


def _settle(stage: Stage) -> float:
    """Add all of it up; the seconds that it took."""
    from suggestions.past import rollups

    agent, subject = _keys(stage)
    started = time.perf_counter()
    rollups.ask_for([agent], of_subject=False)
    rollups.ask_for([subject], of_subject=True)
    while rollups.settle(60):
        pass
    seconds = time.perf_counter() - started
    with psycopg.connect(stage.services.superuser_url, dbname=DATABASE, autocommit=True) as connection:
        connection.execute("VACUUM (ANALYZE) suggestions_subtotal")
    return seconds


# --- Questions ------------------------------------------------------------------------------


def _keys(stage: Stage) -> tuple[object, object]:
    from suggestions.past.numbers import subject_key

    subject = proposal()["subject"]
    return stage.agent.pk, subject_key(subject["type"], subject["id"])


def _question(question: tuple) -> object:
    from governance.expressions.past import Question

    of, kind, window, argument, action, statuses = question
    return Question(kind, of, window, argument=argument, value="#W1", action=action, statuses=statuses)


def _asked(stage: Stage, question: tuple, times: int, *, seconds: float = 60.0) -> list[float]:
    """Milliseconds of each time, for so long at most."""
    from suggestions.past.answers import Past

    past, asked, took = Past(*_keys(stage)), _question(question), []
    for _ in range(times + WARM):
        started = time.perf_counter()
        past.find(asked)
        took.append((time.perf_counter() - started) * 1000)
        if sum(took) > seconds * 1000:
            break
    return took[WARM:] or took[-1:]


def _figure(question: tuple, size: int, took: list[float], from_rows: list[float]) -> Figure:
    p95 = sorted(took)[int(len(took) * 0.95)]
    note = f"p95 {p95:.2f}; rows alone {statistics.median(from_rows):.2f}"
    return measured("i", f"{_question(question)}, {size:,}", "ms", took, most=MOST, note=note)


def _keep_plan(stage: Stage) -> None:
    """The plan of the widest sum, as it was carried out."""
    from suggestions.past import answers

    agent, _ = _keys(stage)
    statement = answers.now_sql("sum", "agent")
    given = {"key": agent, "seconds": 90 * 86_400.0, "statuses": list(answers.STATUSES)}
    given |= {"argument": "amount", "action": "refund_payment"}
    with psycopg.connect(stage.services.superuser_url, dbname=DATABASE) as connection:
        rows = connection.execute(f"EXPLAIN (ANALYZE, COSTS OFF, BUFFERS OFF) {statement}", given).fetchall()  # type: ignore[arg-type]
    (stage.var / "history-plan.txt").write_text("\n".join(line for (line,) in rows) + "\n")
