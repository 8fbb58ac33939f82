"""How often PostgreSQL is asked while something is done."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db import connection
from django.test.utils import CaptureQueriesContext


def counted(ask: Callable[[], Any]) -> tuple[Any, int]:
    """The answer, and the number of queries that it took."""
    with CaptureQueriesContext(connection) as captured:
        answer = ask()
    return answer, len(captured)
