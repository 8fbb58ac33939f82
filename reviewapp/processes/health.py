"""Is it up, is it ready, how is it doing: for load balancers and Prometheus, not for people."""

from __future__ import annotations

import hmac
from collections.abc import Callable

import redis
import structlog
from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST

from audit.outbox import broker
from execution.running import heartbeats
from reviewapp.processes import metrics as numbers

LOCAL = {"127.0.0.1", "::1"}
SECONDS = 2
_log = structlog.get_logger(__name__)


@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """The process answers. Asks nobody else, so that an outage elsewhere doesn't restart it."""
    return JsonResponse({"status": "ok"})


@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """200 when everything it needs is there, else 503; `ok` or `failed` for each part, and no more."""
    database = _works("database", _ask_database)
    parts = {
        "database": database,
        "valkey": _works("valkey", _ask_valkey),
        "broker": _works("broker", _ask_broker),
        "heartbeats": database and _works("heartbeats", _hear_heartbeats),
    }
    answer = {name: "ok" if works else "failed" for name, works in parts.items()}
    return JsonResponse(answer, status=200 if all(parts.values()) else 503)


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """For Prometheus on this machine, or anywhere with the token in METRICS_TOKEN."""
    if not _may_scrape(request):
        return HttpResponse("Not for you.\n", status=403, content_type="text/plain")
    return HttpResponse(numbers.page(), content_type=CONTENT_TYPE_LATEST)


def _may_scrape(request: HttpRequest) -> bool:
    token = settings.METRICS_TOKEN
    if token:
        shown = request.headers.get("Authorization", "")
        return hmac.compare_digest(shown.encode(), f"Bearer {token}".encode())
    # What a proxy on this machine passes on comes from elsewhere.
    passed_on = {"X-Forwarded-For", "Forwarded", "X-Real-IP"} & set(request.headers)
    return request.META.get("REMOTE_ADDR") in LOCAL and not passed_on


def _works(part: str, ask: Callable[[], None]) -> bool:
    try:
        ask()
    except (DatabaseError, redis.RedisError, broker.Away, Silent) as error:
        _log.warning("not ready", part=part, error=type(error).__name__)
        return False
    return True


class Silent(Exception):
    """A worker or the clock has not said for a while that it works."""


def _ask_database() -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL statement_timeout = '{SECONDS}s'")
        cursor.execute("SELECT 1 FROM django_migrations LIMIT 1")


def _ask_valkey() -> None:
    client = redis.Redis.from_url(
        settings.VALKEY_URL, socket_timeout=SECONDS, socket_connect_timeout=SECONDS, retry=None
    )
    with client:
        client.ping()


def _ask_broker() -> None:
    broker.lengths(["urgent"])


def _hear_heartbeats() -> None:
    if heartbeats.silences():
        raise Silent
