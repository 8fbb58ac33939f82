from __future__ import annotations

from uuid import UUID

from celery import shared_task

from execution import due, heartbeats
from execution.run import run
from execution.schedule import adopt


@shared_task
def execute(execution_id: str) -> None:
    run(UUID(execution_id))


@shared_task
def sweep() -> None:
    """Find from the database alone what has to be done: lost messages, later tries, passed deadlines."""
    adopt()
    due.end_what_is_overdue()
    for execution_id in due.due():
        execute.delay(str(execution_id))


@shared_task
def heartbeat() -> None:
    """Proves that beat, broker, worker and database work together."""
    heartbeats.beat("worker")
