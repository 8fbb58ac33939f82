"""(c) The queue page and the API's list, while a thousand, a hundred thousand, a million proposals wait."""

from __future__ import annotations

import json
import statistics
import uuid

import psycopg
from django.apps import apps

from bench.figures import Figure, side_by_side
from bench.load import KEY, Heard, Load, request
from bench.scale import Scale
from bench.stage import Running, Stage, proposal

SIZES = (1_000, 100_000, 1_000_000)
SMALL = (2_000,)
FEW = "bench_few"  # the database that stays with a thousand, asked in turn with the other
MOST = 1.3  # times slower at the most


def measure(stage: Stage, *, scale: Scale) -> list[Figure]:
    stage.empty()
    with stage.process("web") as web:
        _one(stage, web)
    fill(stage, SIZES[0])
    requests, rounds = scale.of((100, 3), (100, 2), (5, 1))
    figures, pages = [], _pages(stage)  # the session has to be in both databases
    with stage.copy(FEW), stage.process("web", database=FEW) as few, stage.process("web") as many:
        for size in scale.of(SIZES[1:], SIZES[1:2], SMALL):
            fill(stage, size)
            for page, text in pages.items():
                pairs = [(_heard(many, text, requests), _heard(few, text, requests)) for _ in range(rounds)]
                figures.append(_figure(page, size, pairs))
    return sorted(figures, key=lambda figure: figure.what.partition(",")[0])


def _pages(stage: Stage) -> dict[str, str]:
    token, key = f"Bearer {stage.token}", f"Bearer {stage.key}"
    return {
        "queue page": request("GET", "/queue/", Cookie=stage.session(), Accept="text/html"),
        "API list for a reviewer": request("GET", "/api/v1/proposals/?status=pending", Authorization=token),
        "API list for an agent": request("GET", "/api/v1/proposals/", Authorization=key),
    }


def _heard(web: Running, text: str, requests: int) -> Heard:
    Load(web.port, text, count=requests // 5).run().checked()
    return Load(web.port, text, count=requests).run().checked()


def _figure(page: str, size: int, pairs: list[tuple[Heard, Heard]]) -> Figure:
    ours, limit, ratio = side_by_side([(many.percentile(95), few.percentile(95)) for many, few in pairs])
    p50 = statistics.median(many.percentile(50) for many, _ in pairs)
    return Figure(
        "c",
        f"{page}, {size:,} pending",
        ours,
        limit,
        "ms, p95",
        ratio,
        f"≤ {MOST}",
        ratio <= MOST,
        f"p50 {p50:.1f}; limit: {SIZES[0]:,}",
    )


def _one(stage: Stage, web: Running) -> None:
    """A proposal that came in as they do; the others are copies of it."""
    headers = {"Authorization": f"Bearer {stage.key}", "Idempotency_Key": KEY.decode()}
    text = request("POST", "/api/v1/proposals/", body=json.dumps(proposal()).encode(), **headers)
    Load(web.port, text, count=1).run().checked()


def fill(stage: Stage, size: int) -> None:
    """Copy the first proposal until there are so many, with priorities and deadlines of their own."""
    with psycopg.connect(stage.services.superuser_url, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")  # copies need no second check
        have = connection.execute("SELECT count(*) FROM suggestions_proposal").fetchone()[0]  # type: ignore[index]
        for start in range(have, size, 100_000):
            connection.execute(_copies(min(100_000, size - start), uuid.uuid4().hex))  # type: ignore[arg-type]
        connection.execute("RESET session_replication_role")
        for table in ("suggestions_proposal", "suggestions_suggestion"):
            connection.execute(f"VACUUM (ANALYZE) {table}")  # type: ignore[arg-type]
        connection.execute("CHECKPOINT")  # now, and not while we measure


def _copies(number: int, mark: str) -> str:
    own = {
        "id": "uuidv7()",
        "idempotency_key": f"'{mark}-' || n",
        "priority": "(random() * 100)::int",
        "deadline": "now() + make_interval(mins => 60 + (random() * 10000)::int)",
        "created_at": "now() - make_interval(secs => random() * 100000)",
    }
    of_one = {"id": "uuidv7()", "proposal_id": "proposal.id"}
    columns = {table: _columns(table) for table in ("suggestions_proposal", "suggestions_suggestion")}
    proposals = ", ".join(own.get(name, f"first.{name}") for name in columns["suggestions_proposal"])
    suggestions = ", ".join(of_one.get(name, f"its.{name}") for name in columns["suggestions_suggestion"])
    return f"""
        WITH first AS (SELECT * FROM suggestions_proposal ORDER BY id LIMIT 1),
        its AS (
            SELECT s.* FROM suggestions_suggestion s JOIN first ON first.id = s.proposal_id WHERE rank = 1
        ),
        proposal AS (
            INSERT INTO suggestions_proposal ({", ".join(columns["suggestions_proposal"])})
            SELECT {proposals} FROM first, generate_series(1, {number}) AS n RETURNING id
        )
        INSERT INTO suggestions_suggestion ({", ".join(columns["suggestions_suggestion"])})
        SELECT {suggestions} FROM proposal, its"""


def _columns(table: str) -> list[str]:
    [model] = [m for m in apps.get_models() if m._meta.db_table == table]
    return [f.column for f in model._meta.concrete_fields if not f.generated]
