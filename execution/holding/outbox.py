"""Executions that wait for a worker."""

from __future__ import annotations

from dataclasses import replace

from audit.outbox.outbox import Outbox, Waits
from audit.outbox.tell_worker import Room
from execution.models import Execution
from execution.models.executions import Priority
from governance.trust.halts import HELD

# Nothing else waits in these queues: their length says how many workers come for executions.
QUEUE, URGENT_QUEUE = "executions", "urgent"
ENOUGH = 32  # messages: more than there are workers
EXECUTIONS = Outbox(
    table=Execution._meta.db_table,
    task="execution.tasks.execute",
    waits=(Waits("status = 'scheduled'", "due_at"), Waits("status = 'running'", "lease_until")),
    queue=QUEUE,
    room=Room(QUEUE, ENOUGH),
    unless=f"deadline <= statement_timestamp() OR {HELD}",
)
URGENT = replace(
    EXECUTIONS,
    task="execution.tasks.execute_urgent",
    waits=tuple(Waits(f"priority = {Priority.URGENT} AND {of.which}", of.since) for of in EXECUTIONS.waits),
    queue=URGENT_QUEUE,
    room=Room(URGENT_QUEUE, ENOUGH),
)


def tell(execution: Execution) -> None:
    """Ask a worker to see to it, once the transaction is committed."""
    (URGENT if execution.priority == Priority.URGENT else EXECUTIONS).tell(execution.pk)


def tell_due() -> None:
    """Tell the broker of everything that is due, and of what is urgent in its own queue."""
    URGENT.tell_due()
    EXECUTIONS.tell_due()  # what is told of is not told of again
