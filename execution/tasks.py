from __future__ import annotations

from uuid import UUID

from celery import shared_task

from execution.halting.release import settle
from execution.running import heartbeats, overdue
from execution.running.outbox import tell_due
from execution.running.run import run_what_is_due
from execution.running.schedule import adopt


@shared_task
def execute(execution_id: str) -> None:
    run_what_is_due(UUID(execution_id))


@shared_task
def execute_urgent(execution_id: str) -> None:
    """Goes on with urgent ones alone: a worker for this queue only is free for them whatever else is due."""
    run_what_is_due(UUID(execution_id), urgent=True)


@shared_task
def sweep() -> None:
    """Find from the database alone what has to be done: lost messages, later tries, passed deadlines."""
    settle()
    adopt()
    overdue.end_what_is_overdue()
    tell_due()


@shared_task
def release(halt_id: str) -> None:
    """A kill switch was lifted: what it held goes on now rather than at the next sweep."""
    settle()
    tell_due()


@shared_task
def heartbeat() -> None:
    """Proves that beat, broker, worker and database work together."""
    heartbeats.beat("worker")
