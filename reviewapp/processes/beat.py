"""Celery's beat, which sends no round twice before it is done, and says that it is alive."""

import time
from typing import Any

import structlog
from celery.beat import PersistentScheduler

from audit.outbox import broker

EVERY_SECONDS = 5
_log = structlog.get_logger(__name__)


class Scheduler(PersistentScheduler):
    """A tick that works leaves a heartbeat; a beat that hangs leaves none.

    However long no worker takes anything, one message of each round waits for the first that does.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._said_at = 0.0
        super().__init__(*args, **kwargs)

    def apply_entry(self, entry: Any, producer: Any = None) -> None:
        if entry.task not in (broker.waiting(entry.options.get("queue", "")) or ()):
            super().apply_entry(entry, producer=producer)

    def tick(self, *args: Any, **kwargs: Any) -> Any:
        wait = super().tick(*args, **kwargs)
        if time.monotonic() - self._said_at >= EVERY_SECONDS:
            self._say()
        return wait

    def _say(self) -> None:
        from django.db import Error, connection

        from execution.running import heartbeats

        self._said_at = time.monotonic()
        try:
            heartbeats.beat("beat")
        except Error as error:  # the database is away: beat goes on and says so again later
            _log.warning("heartbeat lost", error=type(error).__name__)
        finally:
            connection.close()
