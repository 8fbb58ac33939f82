"""The Celery application; its settings are the CELERY_* ones in reviewapp.settings."""

import os
from typing import Any

from celery import Celery
from celery.signals import setup_logging, task_postrun, task_prerun

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "reviewapp.settings")

app = Celery("reviewapp")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@setup_logging.connect
def _keep_our_logging(**_: Any) -> None:
    """Celery configures logging of its own unless somebody answers this signal."""


@task_prerun.connect
@task_postrun.connect
def _look_after_connections(**_: Any) -> None:
    """Let go of connections that are broken or old; a good one serves many tasks."""
    from django.db import close_old_connections

    close_old_connections()
