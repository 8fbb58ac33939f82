"""The limit before authentication: a source whose keys are wrong too often is not looked up any more.

It holds nobody up who has a key that opened before, wherever they ask from: addresses are shared. A good
key costs nothing here but a look into two dictionaries of its process.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections import OrderedDict
from typing import Any

import redis
from django.conf import settings
from rest_framework.exceptions import Throttled

from audit.asking.addresses import address_of, source_of
from audit.ground import valkey

KEPT_SECONDS = 30 * 24 * 3600
MOST_KEPT = 10_000
_shut: dict[str, float] = {}  # sources, and until when by this process's clock
_opened: OrderedDict[str, None] = OrderedDict()  # hashes of keys that opened here, the newest last


class TooManyWrongKeys(Throttled):
    """A source has shown too many wrong keys; `wait` says for how many seconds it is not heard."""


def let_through(request: Any, key_hash: str) -> None:
    """Raises `TooManyWrongKeys` where a source is shut out and its key has never opened anything."""
    if not _shut:
        return
    source = source_of(address_of(request))
    left = _shut.get(source, 0) - time.monotonic()
    if left <= 0:
        _shut.pop(source, None)
    elif key_hash not in _opened and not _opened_elsewhere(key_hash):
        detail = "Too many requests from this address had a wrong key. Keys that were used before still work."
        raise TooManyWrongKeys(math.ceil(left), detail)


def refused(source: str, *, count: int, left: int) -> None:
    """A source was refused for the `count`th time in the minute that ends in `left` seconds."""
    if count > settings.WRONG_KEYS_PER_MINUTE:
        if len(_shut) >= MOST_KEPT:
            _shut.clear()
        _shut[source] = time.monotonic() + left


def opened(key_hash: str) -> None:
    """A key opened, here and now."""
    if key_hash not in _opened:
        _opened[key_hash] = None
        if len(_opened) > MOST_KEPT:
            _opened.popitem(last=False)


def remember(key_hash: str) -> None:
    """Tell the other processes, and those to come, that a key is good; once a minute at most."""
    with contextlib.suppress(redis.RedisError):  # only a source that is shut out would miss it
        valkey.ask("SET", _key(key_hash), 1, "EX", KEPT_SECONDS)


def _opened_elsewhere(key_hash: str) -> bool:
    try:
        return bool(valkey.ask("EXISTS", _key(key_hash)))
    except redis.RedisError:
        return True  # nobody is kept out because nobody can say


def _key(key_hash: str) -> str:
    return f"{settings.VALKEY_PREFIX}:opened:{key_hash}"
