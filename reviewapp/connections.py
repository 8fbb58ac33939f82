"""Connections to PostgreSQL, which a thread keeps from one request or task to the next."""

from __future__ import annotations

import select
from collections.abc import Iterable
from typing import Any

from django.core.signals import request_started
from django.db import close_old_connections, connections


def look_after(**_: Any) -> None:
    """Let go of connections that are broken or old; a good one serves many tasks."""
    close_old_connections()
    trust_the_silent()


def trust_the_silent(**_: Any) -> None:
    """A server that goes says so, and Django asks it then; of a silent one it need not ask each time."""
    found: Iterable[Any] = connections.all(initialized_only=True)
    for connection in found:
        connection.health_check_done = _is_silent(connection.connection)


def look_after_requests() -> None:
    """The same before each request, after Django's own closing of what is broken or old."""
    request_started.connect(trust_the_silent, dispatch_uid="trust_the_silent")


def _is_silent(connection: Any) -> bool:
    """Whether a connection stands and nothing has come over it since the last answer."""
    if connection is None or connection.closed:
        return False
    waiting = select.poll()
    waiting.register(connection.fileno(), select.POLLIN)
    return not waiting.poll(0)
