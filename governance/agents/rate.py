"""How often one agent may ask: counted in Valkey by one atomic script, so that no burst slips by."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from uuid import UUID

import redis
import structlog
from django.conf import settings
from limits import RateLimitItem, parse

from audit.ground.valkey import Sent, run_script, script
from governance.agents import boundaries
from governance.agents.boundaries import BoundaryHit
from governance.models import Agent

# Counts in every window or, where one of them is used up, in none. The answer is 0 and 0, or which
# window it is and the milliseconds until it ends.
_SPEND = """
for i = 1, #KEYS do
  local spent = tonumber(redis.call('GET', KEYS[i]) or '0')
  if spent + tonumber(ARGV[1]) > tonumber(ARGV[2 * i]) then
    return {i, math.max(redis.call('PTTL', KEYS[i]), 1)}
  end
end
for i = 1, #KEYS do
  if redis.call('INCRBY', KEYS[i], ARGV[1]) == tonumber(ARGV[1]) then
    redis.call('PEXPIRE', KEYS[i], ARGV[2 * i + 1])
  end
end
return {0, 0}
"""
_LOOK = """
local found = {}
for i = 1, #KEYS do
  found[2 * i - 1] = tonumber(redis.call('GET', KEYS[i]) or '0')
  found[2 * i] = redis.call('PTTL', KEYS[i])
end
return found
"""
_used_up: dict[UUID, float] = {}  # of an agent a window, until when by this process's clock
_log = structlog.get_logger(__name__)


class TooOften(BoundaryHit):
    """A rate is used up; `retry_after` says for how many seconds."""

    boundary = "rate"

    def __init__(self, retry_after: int, rate: str) -> None:
        super().__init__(
            f"At most {rate} for this agent; the window ends in {retry_after} s.",
            retry_after=retry_after,
            rate=rate,
        )
        self.retry_after = retry_after


@dataclass(frozen=True)
class Left:
    """What is left of one rate; None where nobody counts."""

    rate: str
    most: int
    left: int | None
    ends_in: float | None  # seconds; None before the window has begun


class Spending:
    """What one request counts in every window that its agent has: asked for first, and answered before
    anything comes of it; the request is worked on meanwhile.

    Without Valkey nothing is counted: a rate protects reviewers, it must not lose proposals.
    """

    def __init__(self, *, cost: int = 1) -> None:
        self.cost = cost
        self._sent: Sent | None = None
        self._agent: Agent | None = None  # who was asked for

    @contextmanager
    def by(self, agent: Agent) -> Iterator[None]:
        """Ask; that it was too often goes before whatever else is refused in the block. Counts once, though
        a request may do its work again. Raises `TooOften`."""
        if self._agent is None:
            self._agent = agent
            self._ask(agent)
        if _used_up.get(agent.pk, 0.0) > time.monotonic():
            self.settle()  # whoever asks too often costs no more than the question
        try:
            yield
        finally:
            self.settle()

    def settle(self) -> None:
        """Wait for the answer. Raises `TooOften`, and nothing is counted."""
        sent, self._sent = self._sent, None
        if sent is None or self._agent is None:
            return
        try:
            window, wait = sent.answer()
        except redis.RedisError as error:
            _not_counted(error)
            return
        if window:
            agent, self._agent = self._agent, None
            _used_up[agent.pk] = time.monotonic() + wait / 1_000
            raise TooOften(math.ceil(wait / 1_000), boundaries.of(agent).rates_in_force[window - 1])

    def _ask(self, agent: Agent) -> None:
        rates = boundaries.of(agent).rates_in_force
        limits = [(limit.amount, limit.get_expiry() * 1_000) for limit in map(_parsed, rates)]
        try:
            self._sent = script(_SPEND, _keys(agent, rates), self.cost, *chain.from_iterable(limits))
        except redis.RedisError as error:
            _not_counted(error)


def spend(agent: Agent, *, cost: int = 1) -> None:
    """Count `cost` submissions of an agent, as `Spending` does. Raises `TooOften`, and counts nothing."""
    with Spending(cost=cost).by(agent):
        pass


def _not_counted(error: redis.RedisError) -> None:
    _log.warning("rate not counted", error=type(error).__name__)


def left(agent: Agent) -> list[Left]:
    """What is left of each rate; counts nothing."""
    rates = boundaries.of(agent).rates_in_force
    try:
        found = run_script(_LOOK, _keys(agent, rates))
    except redis.RedisError:
        return [Left(rate, _parsed(rate).amount, None, None) for rate in rates]
    return [
        Left(rate, most, max(most - spent, 0), wait / 1_000 if wait > 0 else None)
        for rate, most, spent, wait in zip(
            rates, [_parsed(rate).amount for rate in rates], found[::2], found[1::2], strict=True
        )
    ]


def _keys(agent: Agent, rates: list[str]) -> list[str]:
    # By the length of the window: who changes a number goes on counting where it stands.
    return [f"{settings.VALKEY_PREFIX}:rate:{agent.pk}:{_parsed(rate).get_expiry()}" for rate in rates]


@lru_cache(maxsize=1_024)
def _parsed(text: str) -> RateLimitItem:
    return parse(text)
