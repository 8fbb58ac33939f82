"""How often something asks the database, counted in this process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.queries import sent

NO_STATEMENT = ("BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE")


def statements(ask: Callable[[], Any], *, warm: int = 2) -> int:
    """The statements of one `ask`, without those that begin and end transactions.

    It is asked before, so that what a process keeps ready is there.
    """
    for _ in range(warm):
        ask()
    with sent() as found:
        ask()
    return sum(not statement.startswith(NO_STATEMENT) for statement in found)
