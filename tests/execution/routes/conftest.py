"""Real servers of other kinds than HTTP, each once for a session."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from execution.routes.result import How

KNOWN: dict[str, Any] = {
    "args": {"order_id": "W1", "amount": 5.5},
    "proposal": {"id": "p", "title": "x", "summary": "", "subject": {"type": "", "id": ""}, "agent": "bot"},
    "execution": {"id": "e"},
    "steps": {},
    "look": {"known": False},
}
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
WITH_CALL = {"idempotency-key": "e/refund", "traceparent": TRACEPARENT}


def how(**changes: Any) -> How:
    told: dict[str, Any] = {
        "success_when": "response.status < 300",
        "headers": WITH_CALL,
        "timeout": 20.0,  # the first call of a process loads the client of its kind
        "began": time.monotonic(),
        "may_send": lambda: True,
        "repeatable": False,
    }
    return How(**{**told, **changes})


@pytest.fixture(scope="session")
def mcp_place() -> Iterator[str]:
    """Where the MCP server of the tests listens, for as long as the session lasts."""
    started = subprocess.Popen(
        [sys.executable, "-m", "tests.execution.routes.mcp_server"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert started.stdout
    yield f"127.0.0.1:{int(started.stdout.readline())}"
    started.kill()
    started.wait()


@pytest.fixture
def mcp_shop(mcp_place: str, settings: Any) -> str:
    """Its address, which workflows may call."""
    settings.EGRESS_ALLOW = [mcp_place]
    return f"http://{mcp_place}/mcp"


@pytest.fixture
def vault(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """`vault(name=value)` makes secrets that these routes may use."""
    known: dict[str, str] = {}
    monkeypatch.setattr("governance.secrets.vault.reveal", lambda name, *, user: known[name])
    return known.update
