"""One command to Valkey, over a pool of connections; redis-py's client costs three times the round trip."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import redis
from django.conf import settings


class Sent:
    """A command that was sent, over a connection of its own until its answer is read, which has to be once.

    Raises `redis.RedisError`, as `answer` does, within a second.
    """

    def __init__(self, *command: str | int) -> None:
        self._connection = _pool().get_connection()
        try:
            self._connection.send_command(*command)
        except BaseException:
            self._let_go(broken=True)
            raise

    def answer(self) -> Any:
        """What Valkey says, bytes where it is text."""
        broken = True
        try:
            answer = self._connection.read_response()
            broken = False
            return answer
        finally:
            self._let_go(broken=broken)

    def _let_go(self, *, broken: bool) -> None:
        if broken:
            self._connection.disconnect()
        _pool().release(self._connection)


def ask(*command: str | int) -> Any:
    """The answer to one command, bytes where it is text. Raises `redis.RedisError` within a second."""
    return Sent(*command).answer()


def script(text: str, keys: list[str], *numbers: int) -> Sent:
    """A script that was sent."""
    return Sent("EVAL", text, len(keys), *keys, *numbers)


def run_script(text: str, keys: list[str], *numbers: int) -> list[int]:
    """What a script answers, over a connection of the pool."""
    answer: list[int] = script(text, keys, *numbers).answer()
    return answer


@lru_cache(maxsize=1)
def _pool() -> redis.ConnectionPool:
    return redis.ConnectionPool.from_url(
        settings.VALKEY_URL, socket_timeout=1, socket_connect_timeout=1, protocol=2
    )
