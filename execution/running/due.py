"""What a message sets going: its own execution, and then others that are due.

So a backlog needs few messages, and whoever has time takes what has waited longest.
"""

from __future__ import annotations

import time
from uuid import UUID

from execution.running.outbox import EXECUTIONS
from execution.running.run import run, run_next

SECONDS = 0.2  # after which what waits in other queues has its turn


def run_what_is_due(execution_id: UUID) -> None:
    """Carry this one out, and go on until nothing is due or others have waited long enough."""
    until = time.monotonic() + SECONDS
    run(execution_id)
    while time.monotonic() < until:
        if not run_next():
            return
    EXECUTIONS.tell(execution_id)
