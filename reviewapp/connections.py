"""A connection to PostgreSQL, which a thread keeps from one request or task to the next."""

from __future__ import annotations

import select
from typing import Any

from django.conf import settings
from django.core.signals import request_finished, request_started
from django.db import DEFAULT_DB_ALIAS, close_old_connections, connections, reset_queries


def look_after(**_: Any) -> None:
    """Let go of a connection that is broken or old; a good one serves many tasks.

    A server that goes says so, and Django asks it then; of a silent one it need not ask each time.
    """
    connection: Any = connections[DEFAULT_DB_ALIAS]
    connection.close_if_unusable_or_obsolete()
    connection.health_check_done = _is_silent(connection.connection)


def look_after_requests() -> None:
    """The same before each request, where connections are kept. Django looks before and after each."""
    if not settings.DATABASES[DEFAULT_DB_ALIAS]["CONN_MAX_AGE"]:
        return
    request_started.disconnect(close_old_connections)
    request_finished.disconnect(close_old_connections)
    if not settings.DEBUG:
        request_started.disconnect(reset_queries)
    request_started.connect(look_after, dispatch_uid="look_after")


def _is_silent(connection: Any) -> bool:
    """Whether a connection stands and nothing has come over it since the last answer."""
    if connection is None or connection.closed:
        return False
    waiting = select.poll()
    waiting.register(connection.fileno(), select.POLLIN)
    return not waiting.poll(0)
