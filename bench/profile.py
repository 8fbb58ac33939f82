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
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.batch import SIZE
from bench.given import proposal
from bench.stage import Stage

SHOWN = 45


def write(stage: Stage, folder: Path) -> None:
    """Write the profiles of single and of batched submissions and print what costs most."""
    body = json.dumps(proposal()).encode()
    _profile(
        stage, folder / "submit.prof", lambda: _post(stage.key, "/api/v1/proposals/", body), times=500, each=1
    )
    _profile(
        stage,
        folder / "batch.prof",
        lambda: _post(stage.key, "/api/v1/proposals/batch/", _batch()),
        times=3,
        each=SIZE,
    )


def _batch() -> bytes:
    return json.dumps(
        {"proposals": [{**proposal(), "idempotency_key": uuid.uuid4().hex} for _ in range(SIZE)]}
    ).encode()


def _profile(stage: Stage, file: Path, post: Callable[[], None], *, times: int, each: int) -> None:
    for _ in range(max(3, times // 10)):
        post()
    database, ours = stage.database_cpu(), time.process_time()
    for _ in range(times):
        post()
    ours, database = time.process_time() - ours, stage.database_cpu() - database
    profile = cProfile.Profile(time.process_time)
    profile.enable()
    for _ in range(times):
        post()
    profile.disable()
    profile.dump_stats(file)
    for order in ("tottime", "cumulative"):
        pstats.Stats(profile).sort_stats(order).print_stats(SHOWN)
    milliseconds = 1000 / (times * each)
    print(
        f"{file}: CPU for each proposal {ours * milliseconds:.2f} ms here and "
        f"{database * milliseconds:.2f} ms in PostgreSQL\n"
    )


def _post(key: str, path: str, body: bytes) -> None:
    from reviewapp.wsgi import application

    environ = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": path,
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
    answer: Any = application(environ, lambda status, headers, exc_info=None: said.append(status))
    content = b"".join(answer)
    answer.close()
    if not said[0].startswith("201"):
        raise RuntimeError(f"{said[0]}: {content[:500].decode()}")
