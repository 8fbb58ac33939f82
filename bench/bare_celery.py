"""The limit of (d): the product's Celery settings and a task that only says that it began."""

from __future__ import annotations

import os

import django
import redis
from celery import Celery
from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "reviewapp.settings")
django.setup()

STAMPS = "bench:stamps"
app = Celery("bench")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.task_default_queue = "bench"
stamps = redis.Redis.from_url(settings.VALKEY_URL)


@app.task
def stamp(number: int) -> None:
    stamps.rpush(STAMPS, number)
