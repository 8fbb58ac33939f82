"""How often somebody may try: a few times at once, then after waits that grow, and nobody is locked out.

Tries are counted before they are made, by one atomic script in Valkey: of any number at the same moment
exactly those pass that are free. Without Valkey each process counts for itself.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import redis
import structlog
from django.conf import settings

from audit.ground.refusals import Refusal
from audit.ground.valkey import run_script

_log = structlog.get_logger(__name__)

# One after the other: does any of them have to wait? Only if none has to is a try counted, in all of them.
_ADMIT = """
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local wait, used_up = 0, 0
for i = 1, #KEYS do
  wait = math.max(wait, tonumber(redis.call('HGET', KEYS[i], 'till') or '0') - now)
end
if wait > 0 then return {wait, 0} end
for i = 1, #KEYS do
  local free, first = tonumber(ARGV[4 * i - 3]), tonumber(ARGV[4 * i - 2])
  local longest, memory = tonumber(ARGV[4 * i - 1]), tonumber(ARGV[4 * i])
  local tries = redis.call('HINCRBY', KEYS[i], 'tries', 1)
  if tries >= free then
    used_up = 1
    local wait = math.min(first * 2 ^ math.min(tries - free, 30), longest)
    redis.call('HSET', KEYS[i], 'till', string.format('%d', now + wait))
  end
  redis.call('PEXPIRE', KEYS[i], memory)
end
return {0, used_up}
"""
_TAKE_BACK = """
for i = 1, #KEYS do
  if redis.call('EXISTS', KEYS[i]) == 1 then
    if redis.call('HINCRBY', KEYS[i], 'tries', -1) < 1 then
      redis.call('DEL', KEYS[i])
    else
      redis.call('HDEL', KEYS[i], 'till')
    end
  end
end
return {}
"""


class TooSoon(Refusal):
    """So many tries failed that the next one has to wait; `seconds` says how long."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"Too many tries failed. Try again in {in_words(seconds)}.", retry_after=seconds)
        self.seconds = seconds


@dataclass(frozen=True, slots=True)
class Counter:
    """Failed tries of one kind: so many are free; then comes a wait, which doubles with each up to the
    longest. All is forgotten `memory` seconds after the last one."""

    key: str
    free: int
    first: int = 10
    longest: int = 900
    memory: int = 3600


def admit(counters: Sequence[Counter]) -> bool:
    """Count a try; True where the free ones of a counter are used up with it. Raises `TooSoon`, and counts
    nothing, where one has to wait."""
    numbers = [
        number
        for one in counters
        for number in (one.free, one.first * 1000, one.longest * 1000, one.memory * 1000)
    ]
    try:
        answer: Sequence[float] = run_script(_ADMIT, [_name(one) for one in counters], *numbers)
    except redis.RedisError as error:
        _log.warning("tries counted in this process alone", error=type(error).__name__)
        answer = _here.admit(counters)
    wait, used_up = answer
    if wait > 0:
        raise TooSoon(math.ceil(wait / 1000))
    return bool(used_up)


def take_back(counters: Sequence[Counter]) -> None:
    """The try that was counted succeeded: it costs nothing."""
    try:
        run_script(_TAKE_BACK, [_name(one) for one in counters])
    except redis.RedisError:
        _here.take_back(counters)


def in_words(seconds: int) -> str:
    """A wait as people read it."""
    if seconds < 120:
        return f"{seconds} second{'' if seconds == 1 else 's'}"
    return f"{math.ceil(seconds / 60)} minutes"


def _name(counter: Counter) -> str:
    return f"{settings.VALKEY_PREFIX}:tries:{counter.key}"


class _Tries(NamedTuple):
    """How many there were; the times are this process's monotonic clock."""

    tries: int = 0
    wait_until: float = 0.0
    forgotten_at: float = 0.0


class _Here:
    """The same in this process, while Valkey is away."""

    MOST = 10_000

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: dict[str, _Tries] = {}

    def admit(self, counters: Sequence[Counter]) -> tuple[float, bool]:
        now = time.monotonic()
        with self._lock:
            if len(self._found) > self.MOST:
                self._found.clear()
            wait = max((self._of(one, now).wait_until - now for one in counters), default=0.0)
            if wait > 0:
                return wait * 1000, False
            used_up = False
            for one in counters:
                tries, till = self._of(one, now).tries + 1, 0.0
                if tries >= one.free:
                    used_up, till = True, now + min(one.first * 2 ** min(tries - one.free, 30), one.longest)
                self._found[one.key] = _Tries(tries, till, now + one.memory)
        return 0, used_up

    def take_back(self, counters: Sequence[Counter]) -> None:
        with self._lock:
            for one in counters:
                known = self._of(one, time.monotonic())
                self._found[one.key] = _Tries(max(known.tries - 1, 0), 0.0, known.forgotten_at)

    def _of(self, counter: Counter, now: float) -> _Tries:
        found = self._found.get(counter.key, _Tries())
        return found if found.forgotten_at > now else _Tries()


_here = _Here()
