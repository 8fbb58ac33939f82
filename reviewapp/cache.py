"""The cache, in Valkey: what it holds is never needed, so one that is away fails nobody."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import redis
import structlog
from django.core.cache.backends.redis import RedisCache

_log = structlog.get_logger(__name__)


def _or(otherwise: Any, ask: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    try:
        return ask(*args, **kwargs)
    except redis.RedisError as error:
        _log.warning("cache is away", error=type(error).__name__)
        return otherwise


class Forgiving(RedisCache):
    """Without Valkey nothing is found, and what is added counts as added.

    It remembers which codes of second factors were used: while it is away, one could be used twice within
    its half minute.
    """

    def add(self, *args: Any, **kwargs: Any) -> bool:
        return bool(_or(True, super().add, *args, **kwargs))

    def get(self, key: Any, default: Any = None, version: Any = None) -> Any:
        return _or(default, super().get, key, default, version)

    def set(self, *args: Any, **kwargs: Any) -> None:
        _or(None, super().set, *args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> bool:
        return bool(_or(False, super().delete, *args, **kwargs))
