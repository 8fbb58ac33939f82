from __future__ import annotations

from uuid import UUID

from celery import shared_task

from suggestions import callbacks


@shared_task
def send_callback(callback_id: str) -> None:
    callbacks.send(UUID(callback_id))


@shared_task
def sweep() -> None:
    """Send the callbacks that are due: those whose message was lost, and every later attempt."""
    for callback_id in callbacks.due():
        send_callback.delay(str(callback_id))
