"""In which order a worker takes messages: what somebody waits for overtakes, and nothing waits for ever.

A name of a queue says who waits for what is in it: `urgent` and `executions` somebody for what was approved,
of which a message carries out as many as are due; `celery` somebody for a callback and the like; `notices`
somebody for word of it; `ticks` nobody for the clock's rounds, of which one of each waits at most (see
`reviewapp.processes.beat`); `background` nobody soon. RabbitMQ hands out the queues by turns of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from audit.outbox.kind import is_rabbitmq

ORDER = ("urgent", "executions", "celery", "notices", "ticks", "background")
_OTHERS_TURN = ("ticks", "notices", "ticks", "background")
TURNS = [first for other in _OTHERS_TURN for first in ("celery", "executions", "celery", other)]
# Seconds after which Valkey's messages go to another worker, done or not: none is held for so long.
VISIBILITY_TIMEOUT = 120
_URGENT_YIELDS = 3  # every third message, so that what is urgent takes at most two thirds


def arguments(url: str) -> dict[str, str]:
    """What a queue is declared with at this broker: in RabbitMQ it outlives the loss of a node."""
    return {"x-queue-type": "quorum"} if is_rabbitmq(url) else {}


def transport_options(url: str, *, prefix: str) -> dict[str, Any]:
    """How Celery talks to this broker."""
    if is_rabbitmq(url):
        # Who sends waits for no broker that is away, and is told when a message did not arrive.
        return {"max_retries": 1, "interval_start": 0, "confirm_publish": True}
    return {
        "visibility_timeout": VISIBILITY_TIMEOUT,
        "unacked_restore_interval": 1,
        "unacked_restore_throttle": 1,
        "queue_order_strategy": "reviewapp.processes.queues:PeopleFirst",
        "global_keyprefix": f"{prefix}:",
    }


class PeopleFirst:
    """Asks the queues in their order, but now and then one of the later ones first, so that none starves.

    A `queue_order_strategy` of kombu's Redis transport, which calls these three.
    """

    def __init__(self) -> None:
        self.items: list[str] = []
        self.turn = 0

    def update(self, it: Iterable[str]) -> None:
        self.items = list(it)

    def consume(self, n: int) -> list[str]:
        """The queues in the order in which the next message is looked for."""
        first = [TURNS[self.turn % len(TURNS)]]
        if self.turn % _URGENT_YIELDS < _URGENT_YIELDS - 1:
            first.insert(0, "urgent")
        return sorted(self.items, key=lambda name: (_place(name, first), _place(name, ORDER)))[:n]

    def rotate(self, last_used: str) -> None:
        """A message was taken."""
        self.turn += 1


def _place(name: str, order: Sequence[str]) -> int:
    return order.index(name) if name in order else len(order)
