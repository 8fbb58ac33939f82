from __future__ import annotations

from uuid import UUID

from celery import shared_task

from suggestions.answering.callbacks import CALLBACKS
from suggestions.intake import asking_again
from suggestions.past import rollups
from suggestions.telling_agents import endpoints, send
from suggestions.trying import backtest


@shared_task
def send_callback(callback_id: str) -> None:
    send.send_what_is_due(UUID(callback_id))


@shared_task
def sweep() -> None:
    """Send the callbacks that are due: those whose message was lost, every later attempt, and probes."""
    endpoints.send_probes()
    CALLBACKS.tell_due()


@shared_task
def run_backtest(backtest_id: str) -> None:
    """A turn of work on a backtest; other messages come before the next one."""
    if backtest.work(UUID(backtest_id)):
        run_backtest.delay(backtest_id)


@shared_task
def sweep_backtests() -> None:
    """Go on with backtests whose worker died or whose message was lost."""
    backtest.tell_due()


@shared_task
def forget_rejected() -> None:
    """Let go of rejected actions that may be asked for again by now."""
    asking_again.forget()


@shared_task
def settle_past() -> None:
    """Add up what has come to rest, so that questions about long windows stay quick."""
    rollups.settle()
