"""What every kind of route is told in a test."""

from __future__ import annotations

import time
from collections.abc import Callable
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


@pytest.fixture
def vault(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """`vault(name=value)` makes secrets that these routes may use."""
    known: dict[str, str] = {}
    monkeypatch.setattr("governance.secrets.vault.reveal", lambda name, *, user: known[name])
    return known.update
