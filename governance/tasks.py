"""What the clock asks of governance."""

from celery import shared_task

from governance.access.begin import begin_if_due


@shared_task
def begin_access_review() -> None:
    """Begin a review of access where it is time for one."""
    begin_if_due()
