"""What Prometheus reads: requests as they are counted here, the state as PostgreSQL has it.

With `PROMETHEUS_MULTIPROC_DIR` set, the requests of all processes that share the
folder are added up. No label holds anything a caller can choose.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from django.db import DatabaseError, connection, transaction
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from approvals.queue.read import BESIDES, FIRST
from audit.outbox import broker
from audit.sealing import lag
from reviewapp.processes import queues

NEWEST = 1_000  # executions whose verdicts are counted
MOST = 10_000  # counts stop here: no scrape grows with the queue
METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}

_registry = CollectorRegistry()
_requests = Counter(
    "reviewapp_requests", "Answered requests.", ["method", "route", "status"], registry=_registry
)
_seconds = Histogram(
    "reviewapp_request_seconds",
    "From the first middleware to the answer.",
    ["method", "route"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
    registry=_registry,
)
_database = Counter(
    "reviewapp_database_errors",
    "Requests that the database failed: it was away, or refused what it was asked (alarm on any).",
    ["kind"],
    registry=_registry,
)


def database_failed(kind: str) -> None:
    """`away` or `error`."""
    _database.labels(kind).inc()


def observe(request: HttpRequest, response: HttpResponseBase, seconds: float) -> None:
    method = request.method if request.method in METHODS else "other"
    match = request.resolver_match
    route = (match.view_name or match.route) if match else "unmatched"
    counted, timed = _of_route(method, route, response.status_code)
    counted.inc()
    timed.observe(seconds)


@lru_cache(
    maxsize=4_096
)  # routes by methods and statuses are few; to look two series up takes as long as both
def _of_route(method: str, route: str, status: int) -> tuple[Counter, Histogram]:
    return _requests.labels(method, route, str(status)), _seconds.labels(method, route)


def page() -> bytes:
    """Everything in the text form that Prometheus reads."""
    registry = CollectorRegistry()
    registry.register(_State())
    registry.register(_Messages())
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        MultiProcessCollector(registry)
        return generate_latest(registry)
    return generate_latest(registry) + generate_latest(_registry)


_STATE = f"""
SELECT 'pending', team.slug, (
       SELECT count(*) FROM (
              (SELECT 1 FROM suggestions_proposal WHERE {FIRST} AND NOT is_check LIMIT {MOST}) UNION ALL
              (SELECT 1 FROM suggestions_proposal WHERE {BESIDES} AND NOT is_check LIMIT {MOST})) p)
  FROM governance_team team
UNION ALL
SELECT 'oldest', '', coalesce(extract(epoch FROM clock_timestamp() - min(p.created_at)), 0)
  FROM (SELECT created_at FROM suggestions_proposal
         WHERE status = 'pending' AND NOT is_check ORDER BY deadline LIMIT {MOST}) p
UNION ALL
SELECT 'executions', s.status, (
       SELECT count(*) FROM (SELECT 1 FROM execution_execution e
                              WHERE e.status = s.status LIMIT {MOST}) e)
  FROM unnest(ARRAY['scheduled', 'running', 'needs_attention', 'handed_back']) s(status)
UNION ALL
SELECT 'unknown', '', count(*)
  FROM (SELECT id, round FROM execution_execution WHERE status = 'needs_attention' LIMIT {MOST}) e
 WHERE EXISTS (SELECT FROM execution_step s JOIN execution_attempt a ON a.step_id = s.id
                WHERE s.execution_id = e.id AND s.status = 'waiting' AND a.round = e.round
                  AND a.outcome = 'unknown')
UNION ALL
SELECT 'verdicts', v.verdict, count(e.verdict)
  FROM unnest(ARRAY['verified', 'unverified', 'unverifiable', 'mismatch']) v(verdict)
  LEFT JOIN (SELECT verdict FROM execution_execution ORDER BY id DESC LIMIT {NEWEST}) e USING (verdict)
 GROUP BY v.verdict
UNION ALL
SELECT 'incidents', kind, count(*)
  FROM (SELECT kind FROM governance_incident WHERE closed_at IS NULL LIMIT {MOST}) i GROUP BY kind
UNION ALL
SELECT 'untaken', '', count(*)
  FROM (SELECT 1 FROM governance_incident WHERE remind_at IS NOT NULL LIMIT {MOST}) i
UNION ALL
SELECT 'callbacks', '', count(*) FROM (SELECT 1 FROM suggestions_callback
                                        WHERE status = 'waiting' LIMIT {MOST}) c
UNION ALL
SELECT 'paused', '', count(*) FROM (SELECT 1 FROM suggestions_callbackendpoint
                                     WHERE paused_at IS NOT NULL LIMIT {MOST}) e
UNION ALL
SELECT 'heartbeats', name, extract(epoch FROM clock_timestamp() - at) FROM execution_heartbeat
UNION ALL
SELECT 'events', '', coalesce(max(leaf_index) + 1, 0) FROM audit_leaf
UNION ALL
SELECT 'behind', '', coalesce(({lag.SECONDS}), 0)
UNION ALL
SELECT 'uncovered', '', ({lag.ENTRIES})
"""

_GAUGES = {
    "pending": ("reviewapp_pending_proposals", f"Waiting for a decision, counted up to {MOST}.", "team"),
    "oldest": (
        "reviewapp_oldest_pending_seconds",
        f"Age of the oldest proposal among the {MOST} that are due first.",
        None,
    ),
    "executions": ("reviewapp_open_executions", f"Not finished, counted up to {MOST}.", "status"),
    "unknown": (
        "reviewapp_unknown_executions",
        f"May have taken effect and nobody knows, of {MOST} that need attention: no failures.",
        None,
    ),
    "verdicts": (
        "reviewapp_executions_by_verdict",
        f"What was found of the effects, of the newest {NEWEST} executions (alarm on mismatch).",
        "verdict",
    ),
    "incidents": ("reviewapp_open_incidents", f"Not closed, counted up to {MOST} (alarm on any).", "kind"),
    "untaken": (
        "reviewapp_untaken_incidents",
        f"People are reminded of them, counted up to {MOST}.",
        None,
    ),
    "callbacks": ("reviewapp_waiting_callbacks", f"Owed to agents, counted up to {MOST}.", None),
    "paused": (
        "reviewapp_paused_callback_addresses",
        f"Where agents are not called, for nothing arrives; counted up to {MOST}.",
        None,
    ),
    "heartbeats": ("reviewapp_heartbeat_age_seconds", "Since a part last said that it works.", "part"),
    "events": ("reviewapp_log_entries", "Sealed events in the log.", None),
    "behind": (
        "reviewapp_log_lag_seconds",
        f"Since the oldest event was written that no checkpoint covers (alarm above {lag.MOST_SECONDS}).",
        None,
    ),
    "uncovered": (
        "reviewapp_log_lag_entries",
        f"Events that no checkpoint covers (alarm above {lag.MOST_ENTRIES}).",
        None,
    ),
}


class _State(Collector):
    """Asked anew at every scrape, in one bounded statement."""

    def collect(self) -> Iterator[Metric]:
        up = GaugeMetricFamily("reviewapp_database_up", "1 when PostgreSQL answered this scrape.")
        try:
            rows = _rows()
        except DatabaseError:
            up.add_metric([], 0)
            yield up
            return
        up.add_metric([], 1)
        yield up
        for kind, (name, text, label) in _GAUGES.items():
            gauge = GaugeMetricFamily(name, text, labels=[label] if label else [])
            for found, value_of_label, value in rows:
                if found == kind:
                    gauge.add_metric([value_of_label] if label else [], float(value))
            yield gauge


class _Messages(Collector):
    """What waits at the broker, which is no fact: the rows are."""

    def collect(self) -> Iterator[Metric]:
        try:
            waiting = broker.lengths([*queues.ORDER])
        except broker.Away:
            return
        gauge = GaugeMetricFamily("reviewapp_waiting_messages", "Waiting at the broker.", labels=["queue"])
        for queue, count in waiting.items():
            gauge.add_metric([queue], count)
        yield gauge


def _rows() -> list[tuple[str, str, Any]]:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = '3s'")
        cursor.execute(_STATE)
        return cursor.fetchall()
