"""The limits of carrying out: tasks of a worker with the product's Celery settings.

`stamp` only says that it began, `call` only calls. `durable` does what no worker can do without that must
lose nothing and repeat nothing: it commits that it has the work, commits that it is about to call, and calls.
"""

from __future__ import annotations

import http.client
import json
import os

import django
import psycopg
import redis
from celery import Celery
from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "reviewapp.settings")
django.setup()

STAMPS = "bench:stamps"
app = Celery("bench")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.update(task_default_queue="bench", task_routes=None)
stamps = redis.Redis.from_url(settings.VALKEY_URL)


@app.task
def stamp(number: int) -> None:
    stamps.rpush(STAMPS, number)


@app.task
def durable(order: str, port: int) -> None:
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
        for word in ("taken", "calling"):
            connection.execute("INSERT INTO bench_notes (note) VALUES (%s)", [f"{order} {word}"])
    call(order, port)


@app.task
def call(order: str, port: int) -> None:
    """The call alone, of which nobody keeps a note."""
    service = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    service.request("POST", "/refunds", json.dumps({"order_id": order}))
    service.getresponse().read()
