"""The product on either of its brokers: what is sent is taken, and acknowledged once it is done."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import redis
from django.test import Client
from kombu.exceptions import OperationalError

from audit.outbox import broker
from audit.outbox.kind import is_rabbitmq
from audit.outbox.tell_worker import Room, Sender
from execution.running import heartbeats
from reviewapp import celery, checks
from reviewapp.processes import beat, queues
from reviewapp.processes.beat import Clock
from tests.execution.conftest import wait_for
from tests.rabbitmq import rabbitmq  # noqa: F401

ROOT = Path(__file__).resolve().parents[3]
NOWHERE = "amqp://guest:guest@127.0.0.1:1//"


@pytest.fixture(params=["valkey", "rabbitmq"])
def url(request: Any) -> str:
    if request.param == "valkey":
        return os.environ["VALKEY_URL"]
    if request.param == "valkey of its own":
        return str(request.getfixturevalue("valkey_of_its_own"))
    return str(request.getfixturevalue("rabbitmq").url)


@pytest.fixture
def app(url: str, settings: Any, monkeypatch: Any) -> Iterator[Any]:
    """The product's application at this broker, where nothing waits."""
    yield from _app_at(url, settings, monkeypatch)


def _app_at(url: str, settings: Any, monkeypatch: Any) -> Iterator[Any]:
    settings.CELERY_BROKER_URL = url
    settings.CELERY_BROKER_TRANSPORT_OPTIONS = queues.transport_options(url, prefix=settings.VALKEY_PREFIX)
    made = celery.make()
    monkeypatch.setattr(beat, "app", made)
    with suppress(OperationalError):
        _empty(made)
    yield made
    celery.app.set_current()
    made.close()


def _empty(app: Any) -> None:
    with app.connection_for_write() as connection:
        connection.ensure_connection(max_retries=1)
        for queue in app.conf.task_queues:
            bound = queue(connection.default_channel)
            bound.declare()
            bound.purge()


@pytest.fixture
def nowhere(settings: Any, monkeypatch: Any) -> Iterator[Any]:
    """The application with a RabbitMQ that is away."""
    yield from _app_at(NOWHERE, settings, monkeypatch)


class Worker:
    """A worker with one process, whose tasks last until their file says otherwise."""

    def __init__(self, url: str, folder: Path) -> None:
        self.file = folder / "said"
        self.file.touch()
        environment = {**os.environ, "CELERY_BROKER_URL": url, "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-m", "celery", "-A", "tests.reviewapp.processes.holding", "worker"]
        quiet = ["--concurrency=1", "--loglevel=ERROR", "--without-gossip", "--without-mingle"]
        self.process = subprocess.Popen([*command, *quiet], cwd=ROOT, env=environment, start_new_session=True)

    def hold(self, app: Any, said: str, queue: str, **how: Any) -> None:
        name = "tests.reviewapp.processes.holding.hold"
        app.send_task(name, (str(self.file), said), queue=queue, **how)

    def said(self) -> list[str]:
        return self.file.read_text().split("\n")[:-1]

    def go_on(self) -> None:
        with self.file.open("a") as file:
            file.write("go on\n")

    def wait(self) -> None:
        """What begins from now on lasts until it is told again to go on."""
        self.file.write_text("")

    def kill_child(self) -> None:
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        os.kill(int(children[0]), signal.SIGKILL)

    def end(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)


@pytest.fixture
def worker(url: str, tmp_path: Path) -> Iterator[Worker]:
    worker = Worker(url, tmp_path)
    yield worker
    worker.end()


def waits(queue: str, count: int) -> bool:
    return bool(wait_for(lambda: broker.length(queue) == count, seconds=40))


def test_what_a_worker_takes_and_in_which_order(app: Any, worker: Worker, url: str) -> None:
    worker.hold(app, "first", "executions")
    wait_for(lambda: worker.said() == ["first"], seconds=60)

    worker.kill_child()
    wait_for(lambda: worker.said() == ["first", "first"], seconds=60)

    for said in ("second", "third"):
        worker.hold(app, said, "executions")
    worker.hold(app, "urgent", "urgent")
    assert waits("executions", 2), "it took more than it has processes"
    worker.go_on()
    wait_for(lambda: "third" in worker.said(), seconds=60)
    assert worker.said() == ["first", "first", "go on", "urgent", "second", "third"]
    assert waits("executions", 0)

    worker.wait()
    worker.hold(app, "last", "notices", countdown=0.2)
    wait_for(lambda: worker.said() == ["last"], seconds=60)
    worker.end()
    # Valkey gives it to another one after the visibility timeout; the rows are found much sooner.
    assert waits("notices", 1 if is_rabbitmq(url) else 0)


@pytest.mark.parametrize("url", ["valkey of its own"], indirect=True)
def test_a_worker_outlives_a_valkey_that_is_full(app: Any, worker: Worker, url: str) -> None:
    worker.hold(app, "first", "executions")
    wait_for(lambda: worker.said() == ["first"], seconds=60)
    worker.hold(app, "lost", "executions")
    with redis.Redis.from_url(url) as client, filled(client):
        worker.go_on()
        assert waits("executions", 0)  # it was taken, and could not be written down as such
        time.sleep(0.2)

    worker.hold(app, "next", "executions")
    wait_for(lambda: "next" in worker.said(), seconds=20)
    assert worker.process.poll() is None


@contextmanager
def filled(client: redis.Redis) -> Iterator[None]:
    """Nothing more can be written, only read and taken away."""
    client.config_set("maxmemory", 1)
    try:
        yield
    finally:
        client.config_set("maxmemory", 0)


def test_what_waits_is_counted_and_where_enough_does_no_more_is_sent(app: Any) -> None:
    room, sender = Room("executions", enough=3), Sender()

    for _ in range(5):
        sender.send("execution.tasks.execute", "an id", room)

    assert broker.lengths(["executions", "urgent"]) == {"executions": 3, "urgent": 0}
    assert (broker.is_empty("executions"), broker.is_empty("urgent")) == (False, True)


def test_the_clock_sends_its_rounds(app: Any, db: None) -> None:
    Clock().tick()
    always = [one for one in beat.ROUNDS if one.due == "TRUE"]
    assert (broker.length("ticks") or 0) >= len(always)


def test_health_and_figures_tell_of_the_broker(app: Any, db: None) -> None:
    for name in heartbeats.PARTS:
        heartbeats.beat(name)
    app.send_task("for.nobody", queue="notices")

    assert Client().get("/readyz").json() == {
        "database": "ok",
        "valkey": "ok",
        "broker": "ok",
        "heartbeats": "ok",
    }
    figures = Client().get("/metrics").content.decode()
    assert 'reviewapp_waiting_messages{queue="notices"} 1.0' in figures
    assert 'reviewapp_waiting_messages{queue="urgent"} 0.0' in figures


def test_a_sender_whose_connection_was_cut_loses_one_message_at_most(app: Any) -> None:
    sender = Sender()
    sender.send("for.notices", "an id")
    cut(sender)

    for _ in range(3):
        sender.send("for.notices", "an id")

    assert (broker.length("celery") or 0) >= 3


def cut(sender: Sender) -> None:
    connection = sender.producer.channel.connection
    with suppress(AttributeError):  # Valkey's is made anew
        connection.transport.sock.close()


@pytest.mark.parametrize("url", ["rabbitmq"], indirect=True)
def test_queues_of_another_kind_are_found_before_anybody_relies_on_them(app: Any) -> None:
    assert checks.the_broker_keeps_messages(None) == []
    with app.connection_for_write() as connection:
        connection.default_channel.queue_delete("notices")
        connection.default_channel.queue_declare("notices", durable=True, auto_delete=False)

    [found] = checks.the_broker_keeps_messages(None)

    assert (found.id, found.msg) == ("reviewapp.E013", "The queue notices is no quorum queue.")
    with app.connection_for_write() as connection:
        connection.default_channel.queue_delete("notices")


def test_nobody_waits_for_a_broker_that_is_away(nowhere: Any, db: None) -> None:
    began = time.monotonic()

    Sender().send("for.notices", "an id")
    Clock().tick()

    assert (broker.length("celery"), broker.is_empty("celery")) == (None, False)
    parts = Client(raise_request_exception=False).get("/readyz").json()
    assert (parts["broker"], parts["valkey"]) == ("failed", "ok")
    assert "reviewapp_waiting_messages" not in Client().get("/metrics").content.decode()
    assert [found.id for found in checks.the_broker_keeps_messages(None)] == ["reviewapp.E010"]
    assert time.monotonic() - began < 40
