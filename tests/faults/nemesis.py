"""Who breaks the system, by chance and again in the same way for the same seed."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

import psycopg
import redis
from celery import Celery
from kombu import Exchange, Queue

from reviewapp.processes import queues
from tests.faults.downstream import Downstream
from tests.faults.system import LEASE, System, group_of, pool_of, until
from tests.rabbitmq import MEMORY, Node

PAST_THE_LEASE = LEASE + 3  # seconds: somebody has looked after it by then
FROZEN = 3.0  # seconds, a service that everybody needs
SECOND_TRY = 30.0  # seconds after a callback failed: by then it has been tried again
QUEUE = "executions"
ORDER_WAITS = 1.5  # seconds for a worker that comes to the point


class Nemesis:
    """Each of `FAULTS` breaks something, and says what it was when the system may begin to recover.

    What takes longer than a cycle heals beside the next ones; `wait` waits for that. `still` are the times,
    from and until, in which something stood still: what it says of the time is late by as much.
    """

    def __init__(
        self, system: System, shop: Downstream, inbox: Downstream, only: list[str] | None = None
    ) -> None:
        self.system, self.shop, self.inbox = system, shop, inbox
        elsewhere = OF_VALKEY if system.rabbitmq else OF_RABBITMQ
        self.faults = sorted(only or set(FAULTS) - elsewhere)
        self.still: list[tuple[float, float]] = []
        self._inbox_opened_at = -SECOND_TRY
        self._healing: list[threading.Thread] = []
        self._deck: list[str] = []

    def next_fault(self, rng: random.Random) -> str:
        """The name of a fault: each once before any comes again."""
        if not self._deck:
            self._deck = list(self.faults)
            rng.shuffle(self._deck)
        return self._deck.pop()

    def strike(self, fault: str, rng: random.Random) -> str:
        return FAULTS[fault](self, rng)

    def wait(self) -> None:
        """Until all that was broken has been let go of."""
        for thread in self._healing:
            thread.join()
        self._healing.clear()

    def _later(self, seconds: float, heal: Callable[[], Any]) -> None:
        def wait_and_heal() -> None:
            time.sleep(seconds)
            heal()

        thread = threading.Thread(target=wait_and_heal, daemon=True)
        thread.start()
        self._healing.append(thread)

    # --- Killing ----------------------------------------------------------------------------

    def pool_process(self, rng: random.Random) -> str:
        heads = self.system.workers()
        found = [pid for head in heads for pid in pool_of(head)]
        return _kill(rng.sample(found, 1) if found else [], "a process of a worker")

    def worker(self, rng: random.Random) -> str:
        heads = self.system.workers()
        return _kill(group_of(rng.choice(heads)) if heads else [], "a worker")

    def worker_at_a_point(self, rng: random.Random) -> str:
        point = rng.choice(["opened", "sent", "answered", "tells"])
        done = self._order("die", point)
        return f"a process of a worker when it has {point}" + ("" if done else " (none came)")

    def web(self, _rng: random.Random) -> str:
        head = self.system.child("web")
        return _kill(group_of(head) if head else [], "web")

    def beat(self, _rng: random.Random) -> str:
        return _kill(_some(self.system.child("beat")), "beat")

    def valkey_with_its_data(self, _rng: random.Random) -> str:
        pid = self.system.valkey()
        shutil.rmtree(self.system.home.valkey / "appendonlydir", ignore_errors=True)
        said = _kill(_some(pid), "Valkey")
        until(lambda: self.system.valkey() not in (None, pid), seconds=20)
        return f"{said}, its data lost"

    def valkey_and_its_port(self, _rng: random.Random) -> str:
        """As any program might that happens to take it; less long than the supervisor waits for it."""
        pid, port = self.system.valkey(), self.system.credentials.valkey_port
        said = _kill(_some(pid), "Valkey")
        _hold(port, seconds=2.0)
        until(lambda: self.system.valkey() not in (None, pid), seconds=20)
        return f"{said}, and held its port for 2 s"

    def rabbitmq(self, _rng: random.Random) -> str:
        self._node.kill()
        self._node.start_again()
        return "killed RabbitMQ"

    def postgres(self, _rng: random.Random) -> str:
        pid = self.system.postgres()
        said = _kill(_some(pid), "PostgreSQL")
        until(self._database_answers, seconds=30, every=0.1)
        return said

    def supervisor(self, _rng: random.Random) -> str:
        up = self.system.up
        said = _kill(_some(up.pid if up else None), "the supervisor")
        if up:
            up.wait()
        self.system.start_again()
        return f"{said}, and started it again"

    def everything(self, rng: random.Random) -> str:
        """All at once, but for the supervisor."""
        shutil.rmtree(self.system.home.valkey / "appendonlydir", ignore_errors=True)
        heads = [*self.system.workers(), self.system.child("web"), self.system.child("beat")]
        everybody = [pid for head in heads if head for pid in group_of(head)]
        services = [pid for pid in (self.system.valkey(), self.system.postgres()) if pid]
        _kill([*everybody, *services], "")
        also = f"; {self.rabbitmq(rng)}" if self.system.rabbitmq else ""
        until(self._database_answers, seconds=30, every=0.1)
        return f"killed workers, web, beat, Valkey with its data and PostgreSQL{also}"

    # --- Stopping ---------------------------------------------------------------------------

    def freeze_a_worker(self, rng: random.Random) -> str:
        heads = self.system.workers()
        if not heads:
            return "no worker to freeze"
        frozen = group_of(rng.choice(heads))
        self._stop(frozen, PAST_THE_LEASE)
        return f"froze a worker for {PAST_THE_LEASE} s"

    def freeze_at_a_point(self, rng: random.Random) -> str:
        point = rng.choice(["opened", "connected", "asked", "sent", "answered"])
        pid = self._order("stop", point)
        if pid:
            self._stop([pid], PAST_THE_LEASE)
        return f"froze it for {PAST_THE_LEASE} s when it has {point}" + ("" if pid else " (none came)")

    def freeze_a_service(self, rng: random.Random) -> str:
        """Who is silent is not gone: nobody is told, and everybody waits."""
        name = rng.choice(["RabbitMQ" if self.system.rabbitmq else "Valkey", "PostgreSQL", "web"])
        system = self.system
        if name == "RabbitMQ":
            self._freeze_rabbitmq()
            return f"froze {name} for {FROZEN} s"
        head = {"Valkey": system.valkey, "PostgreSQL": system.postgres}.get(
            name, lambda: system.child("web")
        )()
        frozen = group_of(head) if head else []
        self._stop(frozen, FROZEN)
        time.sleep(FROZEN)
        return f"froze {name} for {FROZEN} s"

    def _freeze_rabbitmq(self) -> None:
        self._node.signal(signal.SIGSTOP)
        self._note_still(FROZEN)
        time.sleep(FROZEN)
        self._node.signal(signal.SIGCONT)

    def _stop(self, pids: list[int], seconds: float) -> None:
        _signal(pids, signal.SIGSTOP)
        self._note_still(seconds)
        self._later(seconds, lambda: _signal(pids, signal.SIGCONT))

    def _note_still(self, seconds: float) -> None:
        self.still.append((time.time(), time.time() + seconds))

    def _order(self, order: str, point: str) -> int | None:
        """Order a worker to stop or die at a point; returns the number of the one that did."""
        file = self.system.orders / f"{order} {point}"
        file.touch()
        until(self._stopped, seconds=ORDER_WAITS, every=0.01)
        file.unlink(missing_ok=True)
        pid = self._stopped()
        if pid:
            (self.system.orders / f"stopped {pid}").unlink()
        return pid

    def _stopped(self) -> int | None:
        return next((int(file.name.split()[1]) for file in self.system.orders.glob("stopped *")), None)

    # --- The network ------------------------------------------------------------------------

    def cut_the_wire(self, rng: random.Random) -> str:
        seconds = rng.choice([0.0, 0.5, 1.5])
        self.system.wire.cut()
        time.sleep(seconds)
        self.system.wire.heal()
        return f"cut the wire between a worker and its database for {seconds} s"

    def silence_the_wire(self, _rng: random.Random) -> str:
        self.system.wire.silence()
        self._note_still(LEASE + 1)
        self._later(LEASE + 1, self.system.wire.heal)
        return f"let nothing through between a worker and its database for {LEASE + 1} s"

    def close_the_shop(self, rng: random.Random) -> str:
        seconds = rng.choice([0.3, 1.0])
        self.shop.close()
        time.sleep(seconds)
        self.shop.open()
        return f"refused connections to the service for {seconds} s"

    def close_the_inbox(self, _rng: random.Random) -> str:
        """For a moment, and not again before the second try: the third comes after minutes."""
        if time.monotonic() - self._inbox_opened_at < SECOND_TRY:
            return "left the agent alone, who has been away just now"
        self.inbox.close()
        time.sleep(0.3)
        self.inbox.open()
        self._inbox_opened_at = time.monotonic()
        return "refused connections to the agent for 0.3 s"

    # --- The broker and the clock -----------------------------------------------------------------

    def fill_valkey(self, _rng: random.Random) -> str:
        with contextlib.suppress(redis.RedisError):
            self._valkey.config_set("maxmemory", 1)
            time.sleep(1.0)
        with contextlib.suppress(redis.RedisError):
            self._valkey.config_set("maxmemory", 0)
        return "filled Valkey for 1 s"

    def fill_rabbitmq(self, _rng: random.Random) -> str:
        self._node.may_use("1")
        time.sleep(1.0)
        self._node.may_use(MEMORY)
        return "filled RabbitMQ for some seconds"

    def double_the_messages(self, _rng: random.Random) -> str:
        with contextlib.suppress(Exception):
            app = Celery(broker=self.system.broker)
            kind = queues.arguments(self.system.broker)
            app.conf.task_queues = [Queue(QUEUE, Exchange(QUEUE), routing_key=QUEUE, queue_arguments=kind)]
            if not self.system.rabbitmq:
                app.conf.broker_transport_options = {"global_keyprefix": "reviewapp:"}
            for execution in self._newest():
                app.send_task("execution.tasks.execute", (execution,), queue=QUEUE, retry=False)
        return "sent messages of what is done, begun and waits once more"

    def move_the_clock(self, rng: random.Random) -> str:
        seconds = rng.choice([-86_400, -90, 90, 3_600, 86_400])
        self.system.move_clock(seconds)
        self._later(LEASE, lambda: self.system.move_clock(0))
        return f"moved the clock of a worker by {seconds:+} s for {LEASE} s"

    def move_the_clock_of_the_only_worker(self, _rng: random.Random) -> str:
        head = self.system.child("worker")
        frozen = group_of(head) if head else []
        self._stop(frozen, PAST_THE_LEASE)
        self.system.move_clock(3_600)
        self._later(PAST_THE_LEASE, lambda: self.system.move_clock(0))
        return f"moved the clock of the only worker by an hour for {PAST_THE_LEASE} s"

    @property
    def _node(self) -> Node:
        if self.system.rabbitmq is None:
            raise LookupError("Nothing of RabbitMQ can be broken: Valkey is the broker.")
        return self.system.rabbitmq

    @property
    def _valkey(self) -> redis.Redis:
        return redis.Redis.from_url(self.system.credentials.valkey_url, socket_timeout=2)

    def _newest(self) -> list[str]:
        with psycopg.connect(self.system.database) as connection:
            rows = connection.execute("SELECT id::text FROM execution_execution ORDER BY id DESC LIMIT 40")
            return [row[0] for row in rows]

    def _database_answers(self) -> bool:
        try:
            psycopg.connect(self.system.database, connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True


FAULTS: dict[str, Callable[[Nemesis, random.Random], str]] = {
    name.replace("_", " "): getattr(Nemesis, name)
    for name in (
        "pool_process",
        "worker",
        "worker_at_a_point",
        "web",
        "beat",
        "valkey_with_its_data",
        "valkey_and_its_port",
        "rabbitmq",
        "postgres",
        "supervisor",
        "everything",
        "freeze_a_worker",
        "freeze_at_a_point",
        "freeze_a_service",
        "cut_the_wire",
        "silence_the_wire",
        "close_the_shop",
        "close_the_inbox",
        "fill_valkey",
        "fill_rabbitmq",
        "double_the_messages",
        "move_the_clock",
        "move_the_clock_of_the_only_worker",
    )
}

OF_VALKEY = {"valkey and its port", "fill valkey"}  # which holds caches only where RabbitMQ is the broker
OF_RABBITMQ = {"rabbitmq", "fill rabbitmq"}


def _hold(port: int, *, seconds: float) -> None:
    """Take a port whose owner was just killed, unless it is back already."""
    with socket.socket() as thief:
        thief.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if until(lambda: _bound(thief, port), seconds=0.4, every=0.01):
            thief.listen()
            time.sleep(seconds)


def _bound(thief: socket.socket, port: int) -> bool:
    with contextlib.suppress(OSError):
        thief.bind(("127.0.0.1", port))
        return True
    return False


def _some(pid: int | None) -> list[int]:
    return [pid] if pid else []


def _kill(pids: list[int], what: str) -> str:
    _signal(pids, signal.SIGKILL)
    return f"killed {what}" if pids else f"found nothing to kill of {what}"


def _signal(pids: Iterable[int], number: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
