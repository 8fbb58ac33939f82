from __future__ import annotations

from uuid import UUID

from celery import shared_task

from execution.halting.release import settle
from execution.running import due, heartbeats
from execution.running.run import run
from execution.running.schedule import adopt


@shared_task
def execute(execution_id: str) -> None:
    run(UUID(execution_id))


@shared_task
def sweep() -> None:
    """Find from the database alone what has to be done: lost messages, later tries, passed deadlines."""
    settle()
    adopt()
    due.end_what_is_overdue()
    _begin_what_is_due()


@shared_task
def release(halt_id: str) -> None:
    """A kill switch was lifted: what it held goes on now rather than at the next sweep."""
    settle()
    _begin_what_is_due()


def _begin_what_is_due() -> None:
    for execution_id in due.due():
        execute.delay(str(execution_id))


@shared_task
def heartbeat() -> None:
    """Proves that beat, broker, worker and database work together."""
    heartbeats.beat("worker")
