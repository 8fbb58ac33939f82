"""The processes reviewapp consists of: how each is started, and what its environment says."""

import os
import secrets
import sys
from collections.abc import Callable
from pathlib import Path

from django.conf import settings

from reviewapp.embedded import CannotStart
from reviewapp.processes import queues

# For what has come in; whoever waits or has a socket open is sent away at once.
_GRANIAN = [sys.executable, "-m", "reviewapp.processes.serve", "--no-access-log"]
_GRANIAN += ["--workers-kill-timeout", "15"]
# HTTP/1.1 alone, which is what proxies speak; headers come within ten seconds and 128 KiB. Of a body the
# server bounds nothing: `bridge` does.
_GRANIAN += ["--http", "1", "--http1-header-read-timeout", "10000", "--http1-buffer-size", "131072"]
_CELERY = [sys.executable, "-m", "celery", "-A", "reviewapp"]
# Of a connection, by each thread or worker process. Their server's memory grows with what they have prepared.
_KEPT_SECONDS = {"web": 600, "api": 600, "worker": 60}
SOCKET = "LISTEN_FD"  # in the environment: the number of a socket that a web process inherits
READY = {  # what each says when it is
    "web": "Started worker-",
    "api": "Started worker-",
    "worker": "The worker is ready.",
    "beat": "The clock is ready.",
}
MOST_BY_DEFAULT = 8  # processes of a kind: each has connections of its own, of which PostgreSQL has a hundred


def web(host: str, port: int) -> list[str]:
    """Everything on one port: pages, sockets, waiting requests and the API."""
    address = ["--host", host, "--port", str(port), "--workers", str(_web_processes())]
    return [*_GRANIAN, "--interface", "asginl", *address, "reviewapp.asgi:application"]


def api(host: str, port: int) -> list[str]:
    """The same application without sockets."""
    address = ["--host", host, "--port", str(port), "--workers", str(_web_processes())]
    threads = ["--no-ws", "--blocking-threads", str(settings.WEB_THREADS)]
    threads += ["--blocking-threads-idle-timeout", str(_KEPT_SECONDS["api"])]
    return [*_GRANIAN, "--interface", "wsgi", *threads, *address, "reviewapp.wsgi:application"]


def worker(_host: str, _port: int) -> list[str]:
    # Two workers of one name would take each other's messages for their own.
    name = f"worker-{secrets.token_hex(3)}@%h"
    concurrency = os.environ.get("WORKER_CONCURRENCY") or str(_one_for_each_core())
    quiet = ["--without-gossip", "--without-mingle", "--loglevel", "INFO"]
    return [*_CELERY, "worker", "--concurrency", concurrency, "--hostname", name, *quiet, *_queues()]


def _queues() -> list[str]:
    """Of a worker that serves some of them alone."""
    asked = [name.strip() for name in os.environ.get("WORKER_QUEUES", "").split(",") if name.strip()]
    if unknown := sorted({*asked} - {*queues.ORDER}):
        raise CannotStart(f"WORKER_QUEUES: there is no queue {unknown[0]}, but {', '.join(queues.ORDER)}.")
    return ["--queues", ",".join(asked)] if asked else []


def beat(_host: str, _port: int) -> list[str]:
    return [sys.executable, "-m", "reviewapp.processes.beat"]


COMMANDS: dict[str, Callable[[str, int], list[str]]] = {
    "web": web,
    "api": api,
    "worker": worker,
    "beat": beat,
}


def environment(name: str, *, port: int, metrics: Path) -> dict[str, str]:
    """What the process `name` finds in its environment.

    The owner of the tables is not in it: only migrations may change them.
    """
    metrics.mkdir(mode=0o700, parents=True, exist_ok=True)
    inherited = {key: value for key, value in os.environ.items() if key != "DATABASE_OWNER_URL"}
    return {
        "PUBLIC_URL": public_url(port),
        "PROMETHEUS_MULTIPROC_DIR": str(metrics),
        **inherited,
        "DATABASE_MAX_AGE": str(_KEPT_SECONDS.get(name, 0)),
        "PROCESS_NAME": name,
        "PYTHONUNBUFFERED": "1",
        "VAR_DIR": str(settings.VAR_DIR.resolve()),
    }


def public_url(port: int) -> str:
    return os.environ.get("PUBLIC_URL") or f"http://localhost:{port}"


def _web_processes() -> int:
    return int(os.environ.get("WEB_PROCESSES") or _one_for_each_core())


def _one_for_each_core() -> int:
    return min(os.cpu_count() or 1, MOST_BY_DEFAULT)
