"""An agent's standing is recalled from its request before; what is not true any more is done again.

A busy agent asks hundreds of times a second and stands as it stood: to look it up was a tenth of a
submission. Who stores something holds what was recalled against what is so by then, in the same
statement. See docs/decisions/0048.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import TypeVar

from rest_framework.request import Request

from audit.ground.refusals import Refusal
from governance.door import authentication
from governance.door.authentication import AgentCaller, Stands, UnknownKey, agent_of

T = TypeVar("T")
SECONDS = 1.0  # after which a key is looked up anyway
MOST = 1_000
_before: dict[str, tuple[float, AgentCaller]] = {}  # by the hash of the key, with the moment by this clock


class Outdated(Refusal):
    """How the agent stands has changed since it was looked up. Nothing was done."""

    detail = "How this agent stands has just changed. Try again."


def agent_by(key_hash: str) -> AgentCaller | None:
    """As `authentication.agent_by`, for requests that do all that rests on it within `as_it_stands`: how the
    agent stood less than `SECONDS` ago, at this moment by the database's clock."""
    looked_up_at, caller = _before.get(key_hash, (0.0, None))
    since = time.monotonic() - looked_up_at
    if caller is None or since >= SECONDS:
        return _looked_up(key_hash)
    return replace(caller, at=caller.at + timedelta(seconds=since), recalled=True)


def as_it_stands(request: Request, work: Callable[[AgentCaller], T]) -> T:
    """What the work returns for the agent that asks.

    The work raises `Outdated` where the agent's standing is another one by now, and is done again with that.
    So it is where it refused something on account of what was only recalled. Raises `UnknownKey` where the
    key opens nothing any more.
    """
    while True:
        caller = agent_of(request)
        try:
            return work(caller)
        except Refusal as refusal:
            if not _stands_otherwise(request, caller, refusal):
                raise


def check(stands: Stands | None) -> None:
    """Raises `Outdated` where this is not so any more."""
    if stands and not stands.is_so():
        raise Outdated


def _looked_up(key_hash: str) -> AgentCaller | None:
    now = time.monotonic()
    caller = authentication.agent_by(key_hash)
    if caller is None:
        _before.pop(key_hash, None)
        return None
    if len(_before) >= MOST:
        _before.clear()
    _before[key_hash] = (now, caller)
    return caller


def _stands_otherwise(request: Request, caller: AgentCaller, refusal: Refusal) -> bool:
    """Whether the agent stands otherwise than the work had it; the request knows how, then."""
    if caller.stands is None or not (caller.recalled or isinstance(refusal, Outdated)):
        return False
    now = _looked_up(caller.stands.key_hash)
    if now is None:
        raise UnknownKey from refusal
    request.user = now  # type: ignore[assignment]
    return now.stands != caller.stands
