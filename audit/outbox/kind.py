"""Which broker an address is of. Loads nothing, for the settings ask it in every process."""

from __future__ import annotations


def is_rabbitmq(url: str) -> bool:
    """Whether it is of RabbitMQ, whose queues are of another kind than lists in Valkey."""
    return url.partition("://")[0] in ("amqp", "amqps", "pyamqp")
