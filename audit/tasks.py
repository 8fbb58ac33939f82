"""What the log does by the clock."""

from __future__ import annotations

import redis
import structlog
from celery import shared_task

from audit.log import counted

_log = structlog.get_logger(__name__)


@shared_task
def sum_up_refusals() -> None:
    """Write the refusals that were counted in the minutes that are over."""
    try:
        counted.sum_up()
    except redis.RedisError as error:
        _log.warning("refusals not summed up", error=type(error).__name__)
