from __future__ import annotations

from typing import Any

from celery import shared_task

from reviewapp.accounts.reset_mail import NotSent, send

ATTEMPTS, RETRY_SECONDS = 4, 20


@shared_task(bind=True, max_retries=ATTEMPTS - 1)
def send_reset(self: Any, user: str) -> None:
    """Send this person a link for a new password. The message holds no link: it is made here."""
    try:
        send(int(user))
    except NotSent as error:
        raise self.retry(countdown=RETRY_SECONDS, exc=error) from error
