from __future__ import annotations

import pytest
import redis
from django.conf import settings

from governance.door import tries
from governance.door.tries import Counter


@pytest.fixture(autouse=True)
def _no_earlier_tries() -> None:
    forget_tries()


def forget_tries() -> None:
    with redis.Redis.from_url(settings.VALKEY_URL) as client:
        if found := client.keys(f"{settings.VALKEY_PREFIX}:tries:*"):
            client.delete(*found)


def let_time_pass(counter: Counter, where: str = "Valkey") -> None:
    """The wait of this counter is over."""
    if where != "Valkey":
        known = tries._here._found[counter.key]
        tries._here._found[counter.key] = known._replace(wait_until=0.0)
        return
    with redis.Redis.from_url(settings.VALKEY_URL) as client:
        client.hdel(f"{settings.VALKEY_PREFIX}:tries:{counter.key}", "till")
