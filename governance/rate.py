"""How often one agent may ask: counted in Valkey by one atomic script, so that no burst slips by."""

from __future__ import annotations

import math
import time
from functools import lru_cache

import structlog
from django.conf import settings
from limits import RateLimitItem, parse
from limits.storage import Storage, storage_from_string
from limits.strategies import FixedWindowRateLimiter

from audit.refusals import Refusal
from governance.models import Agent

_log = structlog.get_logger(__name__)


class TooOften(Refusal):
    """The limit is used up; `retry_after` says for how many seconds."""

    def __init__(self, retry_after: int, limit: str) -> None:
        super().__init__(f"At most {limit} for each agent.", retry_after=retry_after)
        self.retry_after = retry_after


def spend(agent: Agent, *, cost: int = 1) -> None:
    """Count `cost` submissions of an agent. Raises `TooOften`.

    Without Valkey nothing is counted: a limit protects reviewers, it must not lose proposals.
    """
    limit = _limit()
    try:
        allowed = _counter().hit(limit, str(agent.pk), cost=cost)
        if not allowed:
            reset = _counter().get_window_stats(limit, str(agent.pk)).reset_time
    except Exception as error:  # the storage's errors differ by client library
        _log.warning("rate not counted", error=type(error).__name__)
        return
    if not allowed:
        raise TooOften(max(1, math.ceil(reset - time.time())), settings.RATE_LIMIT)


@lru_cache(maxsize=1)
def _counter() -> FixedWindowRateLimiter:
    address = settings.VALKEY_URL.replace("valkey://", "redis://", 1)
    storage = storage_from_string(address, socket_timeout=1, socket_connect_timeout=1)
    if not isinstance(storage, Storage):
        raise TypeError("VALKEY_URL names an asynchronous storage.")
    return FixedWindowRateLimiter(storage)


@lru_cache(maxsize=4)
def _parsed(text: str) -> RateLimitItem:
    return parse(text)


def _limit() -> RateLimitItem:
    return _parsed(settings.RATE_LIMIT)
