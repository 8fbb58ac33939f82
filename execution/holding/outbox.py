"""Executions that wait for a worker."""

from __future__ import annotations

from audit.outbox.outbox import Outbox, Waits
from audit.outbox.tell_worker import Room
from execution.models import Execution
from governance.trust.halts import HELD

QUEUE = "executions"  # nothing else waits in it: its length says how many workers come for executions
ENOUGH = 32  # messages: more than there are workers
EXECUTIONS = Outbox(
    table=Execution._meta.db_table,
    task="execution.tasks.execute",
    waits=(Waits("status = 'scheduled'", "due_at"), Waits("status = 'running'", "lease_until")),
    queue=QUEUE,
    room=Room(QUEUE, ENOUGH),
    unless=f"deadline <= statement_timestamp() OR {HELD}",
)
