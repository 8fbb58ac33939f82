from __future__ import annotations

from uuid import UUID

from celery import shared_task

from execution.bulk.turn import retry_due
from execution.halting.release import settle
from execution.healing import breakers
from execution.holding.outbox import tell_due
from execution.incidents import paging, watch
from execution.looking import looks
from execution.manual.remind import remind_due
from execution.running import heartbeats, overdue
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
def look(proposal_id: str) -> None:
    """Ask what is there now, for those who decide. Who opens the proposal sends another such message."""
    looks.look_at(UUID(proposal_id))


@shared_task
def sweep() -> None:
    """Find from the database alone what has to be done: lost messages, later tries, passed deadlines."""
    settle()
    adopt()
    breakers.let_one_try()
    overdue.end_what_is_overdue()
    tell_due()


@shared_task
def release(halt_id: str) -> None:
    """A kill switch was lifted: what it held goes on now rather than at the next sweep."""
    settle()
    tell_due()


@shared_task
def retry_many() -> None:
    """Go on with bulk retries, as far as their rates allow by now."""
    retry_due()


@shared_task
def remind() -> None:
    """Remind teams of what they do by hand, before its time is over."""
    remind_due()


@shared_task
def heartbeat() -> None:
    """Proves that beat, broker, worker and database work together."""
    heartbeats.beat("worker")


@shared_task
def page() -> None:
    """Remind people of what nobody sees to, and ask others once its time is over."""
    paging.page_due()


@shared_task
def watch_workflows() -> None:
    """Find what falls or stops against its own weeks."""
    watch.look()
