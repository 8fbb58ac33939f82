from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families

from execution.models import Heartbeat
from execution.running import heartbeats
from tests.sealed import seal_all

ROOT = Path(__file__).resolve().parents[3]


def get(path: str, **extra: Any) -> Any:
    return Client(raise_request_exception=False, **extra).get(path)


def samples(text: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_healthz_asks_nobody(django_assert_num_queries: Any, db: None) -> None:
    with django_assert_num_queries(0):
        answer = get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_readyz_says_which_part_is_missing(db: None, settings: Any) -> None:
    parts = {"database": "ok", "valkey": "ok", "broker": "ok", "heartbeats": "failed"}
    answer = get("/readyz")
    assert (answer.status_code, answer.json()) == (503, parts)

    for name in heartbeats.PARTS:
        heartbeats.beat(name)
    answer = get("/readyz")
    assert (answer.status_code, answer.json()) == (200, {**parts, "heartbeats": "ok"})

    settings.VALKEY_URL = "redis://127.0.0.1:1/0"
    answer = get("/readyz")
    assert (answer.status_code, answer.json()["valkey"]) == (503, "failed")


def test_readyz_hears_when_a_part_falls_silent(db: None) -> None:
    for name in heartbeats.PARTS:
        heartbeats.beat(name)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE execution_heartbeat SET at = now() - interval '61 seconds' WHERE name = 'beat'"
        )
    assert get("/readyz").json()["heartbeats"] == "failed"


def test_readyz_answers_without_a_database(db: None, monkeypatch: Any) -> None:
    from django.db import OperationalError

    from reviewapp.processes import health

    def down() -> None:
        raise OperationalError("password of the database")

    monkeypatch.setattr(health, "_ask_database", down)
    answer = get("/readyz")
    assert (answer.status_code, answer.json()) == (
        503,
        {"database": "failed", "valkey": "ok", "broker": "ok", "heartbeats": "failed"},
    )


def test_metrics_tell_how_things_stand(proposal: Any, propose: Any, ana: Any) -> None:
    from approvals.deciding import decide
    from tests.conftest import actor_of

    approved = propose(title="Another")
    suggestion = approved.suggestions.get()
    decide.approve(suggestion, reviewer=ana, actor=actor_of(ana), shown_digest=suggestion.action_digest)
    heartbeats.beat("worker")
    Client().get("/healthz")
    seal_all()

    found = samples(get("/metrics").content.decode())

    assert found["reviewapp_database_up", ()] == 1
    assert found["reviewapp_pending_proposals", (("team", "operations"),)] == 1
    assert found["reviewapp_open_executions", (("status", "handed_back"),)] == 1
    assert found["reviewapp_open_executions", (("status", "running"),)] == 0
    assert found["reviewapp_waiting_callbacks", ()] == 0
    assert 0 <= found["reviewapp_oldest_pending_seconds", ()] < 60
    assert 0 <= found["reviewapp_heartbeat_age_seconds", (("part", "worker"),)] < 60
    assert found["reviewapp_log_entries", ()] > 0
    assert found["reviewapp_log_lag_entries", ()] == 1, "the sealer's own word of its key"
    assert 0 <= found["reviewapp_log_lag_seconds", ()] < 60
    assert (
        found["reviewapp_requests_total", (("method", "GET"), ("route", "healthz"), ("status", "200"))] >= 1
    )
    assert found["reviewapp_request_seconds_count", (("method", "GET"), ("route", "healthz"))] >= 1


def test_no_caller_can_invent_a_label(db: None) -> None:
    client = Client(raise_request_exception=False)
    for number in range(5):
        client.get(f"/nowhere-{number}/")
        client.generic(f"MAGIC{number}", "/healthz")

    text = get("/metrics").content.decode()

    assert "nowhere" not in text
    assert "MAGIC" not in text
    assert 'route="unmatched"' in text


def test_counts_stop_at_a_limit(proposal: Any, propose: Any, monkeypatch: Any) -> None:
    from reviewapp.processes import metrics

    propose()
    monkeypatch.setattr(metrics, "_STATE", metrics._STATE.replace("LIMIT 10000", "LIMIT 1"))
    assert (
        samples(get("/metrics").content.decode())["reviewapp_pending_proposals", (("team", "operations"),)]
        == 1
    )


def test_metrics_answer_without_a_database(db: None, monkeypatch: Any) -> None:
    from django.db import OperationalError

    from reviewapp.processes import metrics

    def down() -> None:
        raise OperationalError

    monkeypatch.setattr(metrics, "_rows", down)
    assert samples(get("/metrics").content.decode())["reviewapp_database_up", ()] == 0


@pytest.mark.parametrize(
    ("token", "extra", "status"),
    [
        ("", {}, 200),
        ("", {"REMOTE_ADDR": "::1"}, 200),
        ("", {"REMOTE_ADDR": "192.0.2.7"}, 403),
        ("", {"HTTP_X_FORWARDED_FOR": "192.0.2.7"}, 403),
        ("", {"HTTP_AUTHORIZATION": "Bearer "}, 200),
        ("word", {}, 403),
        ("word", {"HTTP_AUTHORIZATION": "Bearer wor"}, 403),
        ("word", {"HTTP_AUTHORIZATION": "Bearer wörd"}, 403),
        ("word", {"HTTP_AUTHORIZATION": "Bearer word", "REMOTE_ADDR": "192.0.2.7"}, 200),
    ],
)
def test_metrics_are_for_this_machine_or_for_who_knows_the_word(
    db: None, settings: Any, token: str, extra: dict[str, str], status: int
) -> None:
    settings.METRICS_TOKEN = token
    assert get("/metrics", **extra).status_code == status


def test_processes_that_share_a_folder_are_added_up(tmp_path: Path) -> None:
    script = (
        "import django; django.setup()\n"
        "from django.test import RequestFactory\n"
        "from django.http import HttpResponse\n"
        "from reviewapp.processes import metrics\n"
        "request = RequestFactory().get('/'); request.resolver_match = None\n"
        "metrics.observe(request, HttpResponse(), 0.01)\n"
        "metrics._rows = lambda: []\n"
        "print(metrics.page().decode())\n"
    )
    environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}

    def run() -> str:
        command = [sys.executable, "-c", script]
        return subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True
        ).stdout

    run()
    found = samples(run())
    assert (
        found["reviewapp_requests_total", (("method", "GET"), ("route", "unmatched"), ("status", "200"))] == 2
    )


def test_heartbeats_are_rows(db: None) -> None:
    heartbeats.beat("worker")
    heartbeats.beat("worker")
    assert Heartbeat.objects.count() == 1
