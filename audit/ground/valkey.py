"""One command to Valkey, over a pool of connections; redis-py's client costs three times the round trip."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import redis
from django.conf import settings


def ask(*command: str | int) -> Any:
    """The answer to one command, bytes where it is text. Raises `redis.RedisError` within a second."""
    pool = _pool()
    connection = pool.get_connection()
    try:
        connection.send_command(*command)
        return connection.read_response()
    except BaseException:
        connection.disconnect()
        raise
    finally:
        pool.release(connection)


def run_script(script: str, keys: list[str], *numbers: int) -> list[int]:
    """What a script answers, over a connection of the pool."""
    answer: list[int] = ask("EVAL", script, len(keys), *keys, *numbers)
    return answer


@lru_cache(maxsize=1)
def _pool() -> redis.ConnectionPool:
    return redis.ConnectionPool.from_url(
        settings.VALKEY_URL, socket_timeout=1, socket_connect_timeout=1, protocol=2
    )
