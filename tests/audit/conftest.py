from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from audit.ground.canonical import canonical
from audit.ground.ids import uuid7

THEN = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def write(db: None) -> Callable[..., int]:
    """`write(type, at=…, name=…, proposal=…, data=…)` adds an event of any time and returns its number."""

    def add(type: str = "proposal.submitted", *, at: datetime = THEN, name: str = "bot", **rest: Any) -> int:
        body = {
            "actor": {"type": "agent", "id": "1", "name": name},
            "at": at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "data": rest.pop("data", {}),
            "id": str(uuid7()),
            "type": type,
            "v": 1,
            **rest,
        }
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO audit_event (body) VALUES (%s) RETURNING id", [canonical(body).decode()]
            )
            return int(cursor.fetchone()[0])

    return add


def minutes(count: float) -> datetime:
    return THEN + timedelta(minutes=count)
