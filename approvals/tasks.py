from celery import shared_task

from approvals.expire import expire_overdue


@shared_task
def expire() -> None:
    """Expire what nobody decided in time."""
    expire_overdue()
