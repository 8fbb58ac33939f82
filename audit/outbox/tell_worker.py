"""Messages to the workers, handed over without waiting for the broker.

A message carries an id and may be lost: the sweepers find from PostgreSQL alone everything that
is due. So nobody waits for one, and a broker that is away neither fails nor delays a click.
"""

from __future__ import annotations

import os
import queue
import threading
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import structlog
from celery import current_app
from django.db import transaction

from audit.outbox import broker

LONGEST_QUEUE = 10_000
LOST_AFTER, LOST_IN_A_BACKLOG = 5.0, 30.0  # seconds
_log = structlog.get_logger(__name__)


@dataclass
class Room:
    """How many more messages a queue has use for, where whoever gets one goes on with all that is due.

    Where `enough` of them wait, a row that was committed before is found without one of its own. The broker
    is asked when there was no room, or none is left of what it told.
    """

    queue: str
    enough: int
    left: int = field(default=0, init=False)

    def take(self) -> bool:
        """Whether one more is to be sent, which then counts as sent."""
        if self.left <= 0:
            waiting = broker.length(self.queue)
            self.left = 1 if waiting is None else self.enough - waiting
        self.left -= 1
        return self.left >= 0


class Sender:
    """Sends messages over a connection that it keeps; to get one of Celery's pool costs half as much."""

    producer: Any = None

    def send(self, task: str, row_id: str, room: Room | None = None) -> None:
        """Send it, unless `room` has none. A message that can't be sent is lost."""
        try:
            if room is None or room.take():
                self._send(task, row_id)
        except Exception as error:  # whatever it was: a sweeper sends the message again
            _log.warning("message lost", task=task, error=type(error).__name__)
            self.producer = None

    def _send(self, task: str, row_id: str) -> None:
        if self.producer is None:
            # Nobody is there to send heartbeats between two messages.
            self.producer = current_app.amqp.Producer(current_app.connection_for_write(heartbeat=0))
        current_app.send_task(task, (row_id,), producer=self.producer, retry=False)


class _Messenger:
    """A thread that talks to the broker, made anew in every process."""

    def __init__(self) -> None:
        self.waiting: queue.Queue[tuple[str, str, Room | None]] = queue.Queue(LONGEST_QUEUE)
        threading.Thread(target=self._send_for_ever, name="messenger", daemon=True).start()

    def _send_for_ever(self) -> None:
        sender = Sender()
        while True:
            sender.send(*self.waiting.get())


_messengers: dict[int, _Messenger] = {}
_lock = threading.Lock()


def lost_after(queue: str = "celery") -> float:
    """The seconds after which a message that no worker has acted on counts as lost.

    Few where none waits in its queue: then it is not on its way either. More where many do, or nobody can
    say, so that the sweepers don't pile up doubles of what merely waits; but no more than the broker has
    been up, for it may have lost all that it was told before.
    """
    if broker.is_empty(queue):
        return LOST_AFTER
    age = broker.age()
    return LOST_IN_A_BACKLOG if age is None else min(LOST_IN_A_BACKLOG, max(LOST_AFTER, age))


def tell_worker(task: str, row_id: UUID | str, room: Room | None = None) -> None:
    """Ask for the task of this name on this row, once the transaction is committed.

    The task is named and not imported, for it stands above what it is asked for by. Never raises for
    the broker. Nothing is sent where `room` has none.
    """
    transaction.on_commit(lambda: _hand_over(task, str(row_id), room), robust=True)


def _hand_over(task: str, row_id: str, room: Room | None = None) -> None:
    with _lock:
        messenger = _messengers.get(os.getpid())
        if messenger is None:
            messenger = _messengers[os.getpid()] = _Messenger()
    try:
        messenger.waiting.put_nowait((task, row_id, room))
    except queue.Full:
        _log.warning("message lost", task=task, error="the broker has been away for long")
