"""Where the time of a submission goes: the WSGI application called in this process, under cProfile.

Counted is CPU time, so that waiting and a busy machine leave no trace in it.
"""

from __future__ import annotations

import cProfile
import io
import json
import pstats
import time
import uuid
from pathlib import Path
from typing import Any

from bench.stage import Stage, proposal

REQUESTS = 500
SHOWN = 45


def write(stage: Stage, file: Path) -> None:
    """Write the profile to `file` and print what costs most."""
    from reviewapp.wsgi import application

    body = json.dumps(proposal()).encode()
    for _ in range(50):
        _submit(application, stage.key, body)
    database, ours = stage.database_cpu(), time.process_time()
    for _ in range(REQUESTS):
        _submit(application, stage.key, body)
    ours, database = time.process_time() - ours, stage.database_cpu() - database
    profile = cProfile.Profile(time.process_time)
    profile.enable()
    for _ in range(REQUESTS):
        _submit(application, stage.key, body)
    profile.disable()
    profile.dump_stats(file)
    stats = pstats.Stats(profile)
    for order in ("tottime", "cumulative"):
        stats.sort_stats(order).print_stats(SHOWN)
    each = 1000 / REQUESTS
    print(f"CPU for each submission: {ours * each:.2f} ms here, {database * each:.2f} ms in PostgreSQL.")
    print(f"The profile is in {file}")


def _submit(application: Any, key: str, body: bytes) -> None:
    environ = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/api/v1/proposals/",
        "QUERY_STRING": "",
        "SCRIPT_NAME": "",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": "localhost",
        "HTTP_AUTHORIZATION": f"Bearer {key}",
        "HTTP_IDEMPOTENCY_KEY": uuid.uuid4().hex,
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": io.StringIO(),
        "wsgi.url_scheme": "http",
    }
    said: list[str] = []
    answer = application(environ, lambda status, headers, exc_info=None: said.append(status))
    content = b"".join(answer)
    answer.close()
    if not said[0].startswith("201"):
        raise RuntimeError(f"{said[0]}: {content[:500].decode()}")
