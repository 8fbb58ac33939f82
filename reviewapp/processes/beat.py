"""The clock: every second one question to the database, and a message for each round with something to do.

Needs none of the apps, whose models would be half of its memory: it knows tables and tasks by their names.
"""

from __future__ import annotations

import signal
import sys
import time

import structlog
from django.apps import apps
from django.conf import settings
from django.db import Error, connection

from audit.outbox import broker
from audit.statements.prepared import execute
from execution.running import heartbeats
from reviewapp import logs
from reviewapp.celery import app
from reviewapp.processes import children
from reviewapp.processes.rounds import QUESTION, ROUNDS, Round

TICK_SECONDS = 1.0
SAYS_SO_EVERY = 5.0  # seconds
QUEUE = "ticks"
KEPT_SECONDS = (
    10  # a message that nobody took for so long is let go of by RabbitMQ: the next one does the same
)
_log = structlog.get_logger(__name__)


class Clock:
    """Which round was sent when. A tick that works leaves a heartbeat; a clock that hangs leaves none.

    However long no worker takes anything, one message of each round waits for the first that does.
    """

    def __init__(self) -> None:
        self._again_at = dict.fromkeys(ROUNDS, 0.0)
        self._says_so_at = 0.0

    def tick(self) -> None:
        """Send the rounds that are due; what fails is logged, and tried with the next tick."""
        now = time.monotonic()
        try:
            self._send(self.due(now), now)
            self._say_so(now)
        except Error as error:  # the database is away
            _log.warning("nothing looked at", error=type(error).__name__)
            connection.close()

    def due(self, now: float) -> list[Round]:
        """The rounds whose time has come and that have something to do."""
        [answers] = execute(QUESTION, [self._again_at[one] <= now for one in ROUNDS])
        return [one for one, is_due in zip(ROUNDS, answers, strict=True) if is_due]

    def _send(self, rounds: list[Round], now: float) -> None:
        waiting = set(broker.waiting(QUEUE) or ()) if rounds else set()
        try:
            for one in rounds:
                if one.task not in waiting:
                    self._send_one(one)
                self._again_at[one] = now + one.seconds - TICK_SECONDS / 2  # no tick is missed by a hair
        except Exception as error:  # the broker is away, whatever it says of that
            _log.warning("rounds not sent", error=type(error).__name__)

    def _send_one(self, one: Round) -> None:
        # Let go of by the broker. A worker would ask its own clock, and one that is ahead drop every round.
        app.send_task(one.task, queue=QUEUE, expiration=max(one.seconds, KEPT_SECONDS), retry=False)

    def _say_so(self, now: float) -> None:
        if self._says_so_at <= now:
            heartbeats.beat("beat")
            self._says_so_at = now + SAYS_SO_EVERY - TICK_SECONDS / 2


def main() -> None:
    apps.populate(())
    logs.configure(settings.LOGGING)  # without Django's own, whose mail to administrators loads its pages
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    clock = Clock()
    print(children.READY["beat"], flush=True)
    while True:
        began = time.monotonic()
        clock.tick()
        time.sleep(max(0.0, TICK_SECONDS - (time.monotonic() - began)))


if __name__ == "__main__":
    main()
