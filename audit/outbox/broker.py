"""What waits at the broker. Only Redis and Valkey show it, and no promise rests on it."""

from __future__ import annotations

import json
from functools import cache

import redis
from django.conf import settings

SECONDS = 2.0  # for an answer


def waiting(queue: str) -> list[str] | None:
    """The names of the tasks that wait in this queue; None where that can't be seen."""
    client = _client()
    if client is None:
        return None
    try:
        messages: list[bytes] = client.lrange(_key(queue), 0, -1)  # type: ignore[assignment]
    except redis.RedisError:
        return None
    return [json.loads(message)["headers"]["task"] for message in messages]


def is_empty(queue: str) -> bool:
    """Whether nothing waits in this queue, as far as can be seen."""
    return length(queue) == 0


def length(queue: str) -> int | None:
    """How many messages wait in this queue; None where that can't be seen."""
    client = _client()
    if client is None:
        return None
    try:
        found: int = client.llen(_key(queue))  # type: ignore[assignment]
    except redis.RedisError:
        return None
    return found


def _key(queue: str) -> str:
    return f"{settings.CELERY_BROKER_TRANSPORT_OPTIONS.get('global_keyprefix', '')}{queue}"


@cache
def _client() -> redis.Redis | None:
    url = settings.CELERY_BROKER_URL.replace("valkey", "redis", 1)
    if not url.startswith(("redis://", "rediss://", "unix://")):
        return None
    return redis.Redis.from_url(url, socket_timeout=SECONDS, socket_connect_timeout=SECONDS, retry=None)
