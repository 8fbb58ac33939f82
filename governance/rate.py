"""How often one agent may ask: counted in Valkey by one atomic script, so that no burst slips by."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import redis
import structlog
from django.conf import settings
from limits import RateLimitItem, parse

from audit.refusals import Refusal
from governance.models import Agent

# Counts only what is let through; the answer is 0, or the milliseconds until the window ends.
_SCRIPT = """
local spent = tonumber(redis.call('GET', KEYS[1]) or '0')
if spent + tonumber(ARGV[1]) > tonumber(ARGV[2]) then return math.max(redis.call('PTTL', KEYS[1]), 1) end
redis.call('INCRBY', KEYS[1], ARGV[1])
if spent == 0 then redis.call('PEXPIRE', KEYS[1], ARGV[3]) end
return 0
"""
_log = structlog.get_logger(__name__)


class TooOften(Refusal):
    """The limit is used up; `retry_after` says for how many seconds."""

    def __init__(self, retry_after: int, limit: str) -> None:
        super().__init__(f"At most {limit} for each agent.", retry_after=retry_after)
        self.retry_after = retry_after


def spend(agent: Agent, *, cost: int = 1) -> None:
    """Count `cost` submissions of an agent in the present window. Raises `TooOften`, and counts nothing.

    Without Valkey nothing is counted: a limit protects reviewers, it must not lose proposals.
    """
    limit = _parsed(settings.RATE_LIMIT)
    key = f"{settings.VALKEY_PREFIX}:rate:{settings.RATE_LIMIT}:{agent.pk}"
    try:
        wait = _ask(key, cost, limit.amount, limit.get_expiry() * 1_000)
    except redis.RedisError as error:
        _log.warning("rate not counted", error=type(error).__name__)
        return
    if wait:
        raise TooOften(math.ceil(wait / 1_000), settings.RATE_LIMIT)


def _ask(*arguments: Any) -> int:
    """Run the script over a connection of the pool; redis-py's client costs three times the round trip."""
    pool = _pool()
    connection = pool.get_connection()
    try:
        key, *numbers = arguments
        connection.send_command("EVAL", _SCRIPT, 1, key, *numbers)
        return int(connection.read_response())
    except BaseException:
        connection.disconnect()
        raise
    finally:
        pool.release(connection)


@lru_cache(maxsize=1)
def _pool() -> redis.ConnectionPool:
    return redis.ConnectionPool.from_url(settings.VALKEY_URL, socket_timeout=1, socket_connect_timeout=1)


@lru_cache(maxsize=4)
def _parsed(text: str) -> RateLimitItem:
    return parse(text)
