"""Refusals, counted before they are written: whoever is refused often fills a number and not the log.

Of somebody known the first `SINGLY` refusals of a minute are events of their own; all others, and all of
those who are not known, are added up in Valkey. Once a minute is over, each source becomes one event
(`requests.refused`), the busiest first; from `MOST_TOLD` sources on, the rest become one together.
Without Valkey the refusals of strangers are not counted, and those of others written one by one.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import redis
import structlog
from django.conf import settings
from django.db import connection, transaction

from audit.ground import valkey
from audit.ground.actors import ANONYMOUS, Actor
from audit.log.record import record, record_alone

SINGLY = 30
MOST_TOLD = 20
MOST_KINDS = 20  # of refusals, in one event
MOST_FIELDS = 20_000  # a minute; whoever comes later is counted among the others
OTHERS = ""
KEPT_SECONDS = 24 * 3600
_LOCK = "hashtextextended('audit.counted', 0)"

# By Valkey's clock, so that every process means the same minute. The answer is how often this source was
# refused in it, and the seconds that are left of it.
_COUNT = """
local now = tonumber(redis.call('TIME')[1])
local minute = now - now % 60
local key, source = KEYS[1] .. ':' .. minute, ARGV[1]
local is_full = redis.call('HLEN', key) >= tonumber(ARGV[3])
if is_full and redis.call('HEXISTS', key, '+' .. source) == 0 then source = '' end
local count = redis.call('HINCRBY', key, '+' .. source, 1)
local kind = '-' .. ARGV[2] .. '\\n' .. source
if not is_full or redis.call('HEXISTS', key, kind) == 1 then redis.call('HINCRBY', key, kind, 1) end
if redis.call('SADD', KEYS[1], minute) == 1 then redis.call('EXPIRE', KEYS[1], ARGV[4]) end
if count == 1 then redis.call('EXPIRE', key, ARGV[4]) end
return {count, 60 - now % 60}
"""
_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Count:
    """How often a source was refused in the minute that ends in `left` seconds."""

    count: int
    left: int


def of_stranger(source: str, data: dict[str, Any]) -> Count:
    """Count a refusal of somebody who is not known, by where they ask from."""
    return _count({"from": source}, data) or Count(0, 0)


def of_known(actor: Actor, data: dict[str, Any], *, proposal: UUID | None = None) -> bool:
    """Write a refusal down in a transaction of its own, or count it; returns whether to write it.

    What is said in `data` has to be bounded: `status`, `problem` and `route` are what counts add up by.
    """
    if writes(actor, data):
        record_alone("request.refused", actor=actor, data=data, proposal=proposal)
        return True
    return False


def writes(actor: Actor, data: dict[str, Any]) -> bool:
    """Count a refusal; whether it is still to be an event of its own, which the caller then writes."""
    counted = _count({"actor": actor.as_json()}, data)
    return counted is None or counted.count <= SINGLY


def _count(source: dict[str, Any], data: dict[str, Any]) -> Count | None:
    kind = {name: data[name] for name in ("status", "problem", "reason", "route") if data.get(name)}
    said = [json.dumps(part, sort_keys=True) for part in (source, kind)]
    try:
        count, left = valkey.ask("EVAL", _COUNT, 1, _key(), *said, MOST_FIELDS, KEPT_SECONDS)
    except redis.RedisError as error:
        _log.warning("refusal not counted", error=type(error).__name__)
        return None
    return Count(count, left)


# --- The minute is over -------------------------------------------------------------------------------


def sum_up() -> int:
    """Write what was counted in the minutes that are over; returns how many events.

    Nothing is taken out of Valkey before it is written: whoever dies in between has it told twice.
    """
    now = int(valkey.ask("TIME")[0])
    over = sorted(minute for text in valkey.ask("SMEMBERS", _key()) if (minute := int(text)) + 60 <= now)
    return sum(_written(minute) for minute in over)


def _written(minute: int) -> int:
    key = f"{_key()}:{minute}"
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"SELECT pg_try_advisory_xact_lock({_LOCK})")
        if not cursor.fetchone()[0]:  # somebody else is at it
            return 0
        found = valkey.ask("HGETALL", key)
        told = _told(minute, dict(zip(found[::2], found[1::2], strict=True)))
        for actor, data in told:
            record("requests.refused", actor=actor, data=data)
    valkey.ask("DEL", key)
    valkey.ask("SREM", _key(), minute)
    return len(told)


def _told(minute: int, counts: dict[bytes, bytes]) -> list[tuple[Actor, dict[str, Any]]]:
    """The events of a minute: who, and how often for what."""
    totals, kinds = {}, defaultdict(list)
    for name, number in counts.items():
        if name.startswith(b"+"):
            totals[name[1:].decode()] = int(number)
        else:
            kind, _, source = name[1:].decode().partition("\n")
            kinds[source].append({**json.loads(kind), "count": int(number)})
    when = {"minute": datetime.fromtimestamp(minute, UTC).strftime("%Y-%m-%dT%H:%MZ")}
    others = totals.pop(OTHERS, 0)
    busiest = sorted(filter(lambda s: _is_told(s, totals[s]), totals), key=lambda s: (-totals[s], s))
    told = [_event(json.loads(source), totals[source], kinds[source], when) for source in busiest[:MOST_TOLD]]
    rest = busiest[MOST_TOLD:]
    if rest or others:
        count = others + sum(totals[source] for source in rest)
        told.append((ANONYMOUS, {**when, "count": count, "other_sources": len(rest) + bool(others)}))
    return told


def _is_told(source: str, count: int) -> bool:
    """Of somebody known the first ones are events already."""
    return count > SINGLY or "actor" not in json.loads(source)


def _event(
    source: dict[str, Any], count: int, kinds: list[dict[str, Any]], when: dict[str, str]
) -> tuple[Actor, dict[str, Any]]:
    of = sorted(kinds, key=lambda kind: -kind["count"])[:MOST_KINDS]
    data = {**when, "count": count, "of": of}
    if "actor" in source:
        return Actor(**source["actor"]), {**data, "written_singly": SINGLY}
    return ANONYMOUS, {**data, "address": source["from"]}


def _key() -> str:
    return f"{settings.VALKEY_PREFIX}:refused"
