"""A cache that is away fails nobody; one that is there remembers."""

from __future__ import annotations

from typing import Any

import pytest
import redis
from django.conf import settings

from reviewapp.cache import Forgiving


@pytest.fixture
def away(services: Any) -> Forgiving:
    return Forgiving("redis://127.0.0.1:1/0", {})


@pytest.fixture
def here(services: Any) -> Any:
    cache = Forgiving(settings.VALKEY_URL, {"KEY_PREFIX": "test-cache"})
    yield cache
    cache.delete("a")


def test_without_valkey_nothing_is_found_and_what_is_added_counts_as_added(away: Forgiving) -> None:
    assert away.get("a") is None
    assert away.get("a", "otherwise") == "otherwise"
    assert away.add("a", 1) is True
    assert away.add("a", 1) is True
    assert away.delete("a") is False
    assert away.set("a", 1) is None


def test_what_else_is_asked_of_it_fails_aloud(away: Forgiving) -> None:
    with pytest.raises(redis.RedisError):
        away.incr("a")


def test_with_valkey_it_remembers(here: Forgiving) -> None:
    assert here.add("a", 1, 60) is True
    assert here.add("a", 2, 60) is False
    assert here.get("a") == 1
    here.set("a", 3, 60)
    assert here.get("a") == 3
    assert here.delete("a") is True
    assert here.get("a", "gone") == "gone"
