"""What the log does by the clock."""

from __future__ import annotations

import time

import redis
import structlog
from celery import shared_task

from audit.log import counted
from audit.sealing import seal as sealing

_log = structlog.get_logger(__name__)
MANY = 250  # events of a turn after which the next one is not put off
LONGEST = 20.0  # seconds of one message


@shared_task
def sum_up_refusals() -> None:
    """Write the refusals that were counted in the minutes that are over."""
    try:
        counted.sum_up()
    except redis.RedisError as error:
        _log.warning("refusals not summed up", error=type(error).__name__)


@shared_task
def seal() -> None:
    """Seal the events that are committed by now; go on at once while many come."""
    begun = time.monotonic()
    while sealing.seal() >= MANY and time.monotonic() - begun < LONGEST:
        pass
