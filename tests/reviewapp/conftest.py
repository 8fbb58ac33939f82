"""A Valkey of one test's own, for tests that fill it or change its settings."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from redis.backoff import ConstantBackoff
from redis.retry import Retry

from reviewapp.embedded.credentials import free_port

SECONDS = 20.0  # until it answers, on a machine that is very slow


@pytest.fixture
def valkey_of_its_own(services: Any, tmp_path: Path) -> Iterator[str]:
    """The address of one that has the settings the product asks for; the tests beside this use another."""
    port = free_port()
    where = ["--bind", "127.0.0.1", "--port", str(port), "--dir", str(tmp_path), "--save", ""]
    keeps = ["--appendonly", "yes", "--maxmemory-policy", "noeviction"]
    with (tmp_path / "valkey.log").open("wb") as log:
        process = subprocess.Popen([services.valkey.programs.valkey, *where, *keeps], stdout=log, stderr=log)
    try:
        often = Retry(ConstantBackoff(0.02), int(SECONDS / 0.02))
        with redis.Redis(port=port, retry=often, retry_on_error=[redis.ConnectionError]) as client:
            client.ping()
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        process.kill()
        process.wait()
