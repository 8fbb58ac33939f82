"""Structured logs: one JSON object a line, with the request and trace it belongs to.

Nothing logs arguments, bodies or headers, so nothing of them can leak here: what quotes them (a database
that says which row it refused, a reader that says what it could not read) is named without its words.
"""

from __future__ import annotations

import logging.config
import traceback
from typing import Any

import psycopg
import structlog
from django.db.utils import Error as DjangoDatabaseError
from pydantic_core import ValidationError

# Errors whose messages hold values.
_QUOTING = (psycopg.Error, DjangoDatabaseError, ValidationError, ValueError, KeyError)
_SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.stdlib.ExtraAdder(allow=[]),
]


def without_what_was_sent(exc_info: Any) -> str:
    """The traceback as Python prints it, but for messages that may quote what came from outside."""
    parts, error = [], exc_info[1]
    while error is not None:
        lines = traceback.format_tb(error.__traceback__)
        parts.append("".join(["Traceback (most recent call last):\n", *lines, _last_line(error)]))
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return "\n\nwhich led to:\n\n".join(reversed(parts))


def _last_line(error: BaseException) -> str:
    name = f"{type(error).__module__}.{type(error).__qualname__}".removeprefix("builtins.")
    if isinstance(error, _QUOTING):
        return f"{name} {getattr(error, 'sqlstate', None) or ''}".rstrip()
    return f"{name}: {error}"


class WithoutCause(logging.Filter):
    """Celery puts what an exception says into its line; the traceback below it is told as everywhere."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg = str(record.msg).replace(": %(exc)s", "")
        return True


def config(*, level: str, as_json: bool) -> dict[str, Any]:
    """A `logging.config` dictionary under which every line looks the same, whoever logs it."""
    renderer: Any = structlog.processors.JSONRenderer() if as_json else structlog.dev.ConsoleRenderer()
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"without_cause": {"()": WithoutCause}},
        "formatters": {
            "structured": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": _SHARED,
                "processors": [
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    structlog.processors.ExceptionRenderer(without_what_was_sent),
                    renderer,
                ],
            },
        },
        "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "structured"}},
        "root": {"handlers": ["console"], "level": level},
        "loggers": {
            "django.request": {"level": "ERROR"},  # refusals are events, not log lines
            "django.security.DisallowedHost": {"level": "CRITICAL"},
            "httpx": {"level": "WARNING"},  # it would log addresses with arguments in them
            "httpcore": {"level": "WARNING"},
            "apprise": {"level": "CRITICAL"},  # it would log people's addresses
            "requests": {"level": "WARNING"},
            "mcp": {"level": "CRITICAL"},  # it would log what servers send, which may be what they were sent
            "httpx2": {"level": "WARNING"},
            "httpcore2": {"level": "WARNING"},
            "amqp": {"level": "WARNING"},
            "kombu": {"level": "WARNING"},
            "celery.app.trace": {"level": "WARNING", "filters": ["without_cause"]},
            "celery.worker.strategy": {"level": "WARNING"},
            "celery.beat": {"level": "WARNING"},
        },
    }


def configure(config: dict[str, Any]) -> None:
    logging.config.dictConfig(config)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_SHARED,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
