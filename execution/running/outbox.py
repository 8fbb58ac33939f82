"""Executions that wait for a worker."""

from __future__ import annotations

from audit.outbox.outbox import Outbox, Waits
from execution.models import Execution
from governance.trust.halts import HELD

EXECUTIONS = Outbox(
    table=Execution._meta.db_table,
    task="execution.tasks.execute",
    waits=(Waits("status = 'scheduled'", "due_at"), Waits("status = 'running'", "lease_until")),
    unless=f"deadline <= statement_timestamp() OR {HELD}",
)
