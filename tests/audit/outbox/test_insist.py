"""What came of something outside is written down although the database is away for a moment."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import InterfaceError, OperationalError, transaction

from audit.outbox import insist as module
from audit.outbox.insist import insist


class Away:
    """A write that fails so many times, and then answers."""

    def __init__(self, times: int, error: Exception) -> None:
        self.times, self.error, self.asked = times, error, 0

    def __call__(self) -> str:
        self.asked += 1
        if self.asked <= self.times:
            raise self.error
        return "written"


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that were made; the clock goes on by them alone."""
    found: list[float] = []
    monkeypatch.setattr(module.time, "sleep", found.append)
    monkeypatch.setattr(module.time, "monotonic", lambda: sum(found))
    return found


@pytest.fixture
def closed(monkeypatch: pytest.MonkeyPatch) -> list[None]:
    found: list[None] = []
    monkeypatch.setattr(module, "connection", Connection(found))
    return found


class Connection:
    in_atomic_block = False

    def __init__(self, closed: list[None]) -> None:
        self.closed = closed

    def close(self) -> None:
        self.closed.append(None)


def test_what_is_written_at_once_waits_for_nothing(pauses: list[float], closed: list[None]) -> None:
    write = Away(0, OperationalError())
    assert insist(write) == "written"
    assert (write.asked, pauses, closed) == (1, [], [])


@pytest.mark.parametrize("error", [OperationalError("away"), InterfaceError("connection already closed")])
def test_it_is_tried_again_on_a_new_connection(
    pauses: list[float], closed: list[None], error: Exception
) -> None:
    write = Away(3, error)
    assert insist(write) == "written"
    assert (write.asked, pauses, len(closed)) == (4, [module.PAUSE] * 3, 3)


def test_after_ten_seconds_it_is_a_fault(pauses: list[float], closed: list[None]) -> None:
    write = Away(1_000, OperationalError("away"))
    with pytest.raises(OperationalError, match="away"):
        insist(write)
    assert module.SECONDS < sum(pauses) <= module.SECONDS + module.PAUSE
    assert write.asked == len(pauses) + 1


@pytest.mark.parametrize("error", [ValueError("no"), KeyError("x"), RuntimeError("broken")])
def test_a_mistake_of_ours_is_not_repeated(pauses: list[float], closed: list[None], error: Exception) -> None:
    write = Away(1, error)
    with pytest.raises(type(error)):
        insist(write)
    assert (write.asked, pauses, closed) == (1, [], [])


def test_within_a_transaction_nothing_is_repeated(db: None, pauses: list[float]) -> None:
    write: Any = Away(1, OperationalError("away"))
    with transaction.atomic(), pytest.raises(OperationalError):
        insist(write)
    assert (write.asked, pauses) == (1, [])
