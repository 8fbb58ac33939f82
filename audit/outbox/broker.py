"""What waits at the broker, Valkey or RabbitMQ. No promise rests on it."""

from __future__ import annotations

import json
import os
import threading
from functools import cache
from typing import Any

import redis
from amqp.exceptions import NotFound
from django.conf import settings
from kombu import Connection

from audit.outbox.kind import is_rabbitmq

SECONDS = 2.0  # for an answer


class Away(Exception):
    """The broker does not answer."""


def waiting(queue: str) -> list[str] | None:
    """The names of the tasks that wait in this queue; None where that can't be seen, as in RabbitMQ."""
    if is_rabbitmq(settings.CELERY_BROKER_URL):
        return None
    try:
        messages: list[bytes] = _valkey().lrange(_key(queue), 0, -1)  # type: ignore[assignment]
    except redis.RedisError:
        return None
    return [json.loads(message)["headers"]["task"] for message in messages]


def is_empty(queue: str) -> bool:
    """Whether nothing waits in this queue, as far as can be seen."""
    return length(queue) == 0


def length(queue: str) -> int | None:
    """How many messages wait in this queue; None where that can't be seen."""
    try:
        return lengths([queue])[queue]
    except Away:
        return None


def lengths(queues: list[str]) -> dict[str, int]:
    """How many messages wait in each of these queues. Raises `Away`."""
    if is_rabbitmq(settings.CELERY_BROKER_URL):
        return _rabbit().lengths(queues)
    try:
        return {queue: int(_valkey().llen(_key(queue))) for queue in queues}  # type: ignore[arg-type]
    except redis.RedisError as error:
        raise Away(type(error).__name__) from error


def age() -> float | None:
    """For how many seconds it has been up, at most: what it was told before may be gone.

    None where that can't be seen, or nothing goes with it, as in RabbitMQ.
    """
    if is_rabbitmq(settings.CELERY_BROKER_URL):
        return None
    try:
        server: dict[str, Any] = _valkey().info("server")  # type: ignore[assignment]
    except redis.RedisError:
        return None
    return float(server["uptime_in_seconds"]) + 1


def _key(queue: str) -> str:
    return f"{settings.CELERY_BROKER_TRANSPORT_OPTIONS.get('global_keyprefix', '')}{queue}"


def _valkey() -> redis.Redis:
    return _client(settings.CELERY_BROKER_URL.replace("valkey", "redis", 1))


@cache
def _client(url: str) -> redis.Redis:
    return redis.Redis.from_url(url, socket_timeout=SECONDS, socket_connect_timeout=SECONDS, retry=None)


class _Rabbit:
    """A connection that one thread keeps to ask over; a broken one is made anew."""

    def __init__(self, url: str) -> None:
        self.of = (os.getpid(), url)
        patience = {"read_timeout": SECONDS, "write_timeout": SECONDS}
        # Nobody is there to send heartbeats between two questions.
        self._connection = Connection(url, heartbeat=0, connect_timeout=SECONDS, transport_options=patience)
        self._channel: Any = None

    def lengths(self, queues: list[str]) -> dict[str, int]:
        try:
            return {queue: self._length(queue) for queue in queues}
        except (*self._connection.connection_errors, *self._connection.channel_errors) as error:
            self._channel = None
            self._connection.collect(SECONDS)
            raise Away(type(error).__name__) from error

    def _length(self, queue: str) -> int:
        if self._channel is None:
            self._connection.connect()
            self._channel = self._connection.channel()
        try:
            return int(self._channel.queue_declare(queue, passive=True).message_count)
        except NotFound:  # nobody has sent anything to it, or taken from it; and the channel is closed
            self._channel = self._connection.channel()
            return 0


_kept = threading.local()


def _rabbit() -> _Rabbit:
    url = settings.CELERY_BROKER_URL
    kept: _Rabbit | None = getattr(_kept, "rabbit", None)
    if kept is None or kept.of != (os.getpid(), url):  # a fork must not talk over the other's
        kept = _kept.rabbit = _Rabbit(url)
    return kept
