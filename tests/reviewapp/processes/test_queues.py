"""Messages: what somebody waits for overtakes, rounds don't pile up, what was lost is missed soon."""

from __future__ import annotations

import inspect
import logging
import socket
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings as now
from django.db.models.functions import Now
from kombu.exceptions import OperationalError

from approvals.vigilance import slip_in
from audit.outbox import broker, tell_worker
from audit.outbox.broker import age
from audit.outbox.tell_worker import Room, Sender
from execution.holding.outbox import EXECUTIONS, URGENT
from execution.models import Execution
from governance.actions.route_kinds import LONGEST_CALL
from reviewapp.celery import app
from reviewapp.embedded import CannotStart
from reviewapp.management.commands import up
from reviewapp.processes import children, queues
from reviewapp.processes.beat import QUEUE
from reviewapp.tasks import RETRY_SECONDS


@pytest.fixture(autouse=True)
def empty_queues() -> Iterator[None]:
    def empty() -> None:
        with app.connection_for_write() as connection:
            for queue in app.conf.task_queues:
                queue(connection.default_channel).declare()
                queue(connection.default_channel).purge()

    empty()
    yield
    empty()


def send(queue: str, count: int) -> None:
    for _ in range(count):
        app.send_task(f"for.{queue}", queue=queue)


def taken(count: int) -> str:
    """The first letters of the queues from which a worker would take so many messages, one by one."""
    found: list[str] = []

    def take(body: Any, message: Any) -> None:
        found.append(message.delivery_info["routing_key"][0])
        message.ack()

    with (
        app.connection_for_read() as connection,
        connection.Consumer(app.conf.task_queues, callbacks=[take], prefetch_count=1),
    ):
        while len(found) < count:
            connection.drain_events(timeout=10)
    return "".join(found)


def test_what_somebody_waits_for_overtakes_and_nothing_starves() -> None:
    send("background", 3)
    send("ticks", 4)
    send("celery", 9)
    send("executions", 3)

    assert taken(19) == "cect" + "cece" + "ccct" + "cc" + "tb" + "tbb"


def test_what_is_urgent_overtakes_all_the_rest_and_lets_a_third_of_it_through() -> None:
    for queue in ("executions", "celery", "ticks"):
        send(queue, 3)
    send("urgent", 6)

    assert taken(9) == "uuc" + "uue" + "uuc"


def test_a_worker_takes_from_every_queue_that_anything_is_sent_to() -> None:
    known = {queue.name for queue in app.conf.task_queues}
    routed = {route["queue"] for route in app.conf.task_routes.values()}

    assert {QUEUE, "celery"} | routed <= known == set(queues.ORDER)
    for outbox in (EXECUTIONS, URGENT):
        assert app.conf.task_routes[outbox.task] == {"queue": outbox.queue}


def ours() -> dict[str, Any]:
    app.loader.import_default_modules()
    return {name: task for name, task in app.tasks.items() if not name.startswith(("celery.", "tests."))}


def test_messages_carry_ids_alone() -> None:
    said = {name: [*inspect.signature(task.run).parameters] for name, task in ours().items()}
    ids = ("_id", "user", "team")  # a team's is its name
    assert {name for name, names in said.items() if not all(one.endswith(ids) for one in names)} == set()
    assert {name for name, names in said.items() if len(names) > 1} == set()


def test_every_task_is_acknowledged_when_it_is_done_and_given_back_when_its_worker_is_lost() -> None:
    limits = (app.conf.task_soft_time_limit, app.conf.task_time_limit)
    for name, task in ours().items():
        assert (task.acks_late, task.reject_on_worker_lost, task.ignore_result) == (True, True, True), name
        assert (task.soft_time_limit, task.time_limit) == limits, name
    assert app.conf.worker_prefetch_multiplier == 1


def test_nobody_gets_what_somebody_else_is_still_in_the_middle_of() -> None:
    soft, hard = app.conf.task_soft_time_limit, app.conf.task_time_limit
    visible = app.conf.broker_transport_options["visibility_timeout"]
    longest_countdown = max(slip_in.LATEST, RETRY_SECONDS)

    assert LONGEST_CALL < soft < hard < now.LEASE_SECONDS < visible
    # A message that is to wait is held by a worker, unacknowledged, for as long.
    assert longest_countdown + hard < visible
    assert now.STOP_SECONDS < up.PATIENCE / 2 < up.ALL_GONE < 20


def test_a_worker_may_be_kept_for_some_queues(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "--queues" not in children.worker("", 0)
    monkeypatch.setenv("WORKER_QUEUES", "urgent, celery")
    assert children.worker("", 0)[-2:] == ["--queues", "urgent,celery"]

    monkeypatch.setenv("WORKER_QUEUES", "urgent,lunch")
    with pytest.raises(CannotStart, match="there is no queue lunch, but urgent, executions"):
        children.worker("", 0)


def test_where_enough_messages_wait_no_more_are_sent() -> None:
    room, sender = Room("executions", enough=3), Sender()

    def told(count: int) -> int | None:
        for _ in range(count):
            sender.send(EXECUTIONS.task, "an id", room)
        return broker.length("executions")

    assert (told(2), told(4)) == (2, 3)
    taken(2)
    assert told(4) == 3


def test_where_nobody_can_see_what_waits_each_row_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker, "length", lambda _queue: None)
    room = Room("executions", enough=3)

    assert [room.take() for _ in range(5)] == [True] * 5


def test_a_message_that_finds_its_connection_broken_is_lost_and_the_next_one_is_not() -> None:
    sender = Sender()
    sender.send("for.celery", "an id")
    kept = sender.producer
    sender.send("for.celery", "an id")
    assert sender.producer is kept

    sender.producer = "broken"
    for _ in range(2):
        sender.send("for.celery", "an id")
    assert broker.length("celery") == 3


def test_a_client_of_the_broker_is_kept_until_its_connections_are_others() -> None:
    with app.connection_for_write() as connection:
        channel = connection.default_channel
        kept = channel._create_client()
        assert channel._create_client() is kept

        channel._disconnect_pools()
        assert channel._create_client() is not kept


@pytest.mark.parametrize(
    ("up_for", "expected"), [(None, 30), (1_000.0, 30), (30.0, 30), (12.0, 12), (5.0, 5), (1.0, 5)]
)
def test_in_a_backlog_is_missed_what_a_broker_was_told_before_it_started(
    up_for: float | None, expected: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    send("celery", 1)
    monkeypatch.setattr(broker, "age", lambda: up_for)
    assert tell_worker.lost_after() == expected


def test_a_broker_tells_since_when_it_is_up(settings: Any) -> None:
    found = age()
    assert found
    assert 1 <= found < 86_400
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        settings.CELERY_BROKER_URL = f"redis://127.0.0.1:{nobody.getsockname()[1]}/0"
        assert age() is None


def test_a_message_is_missed_soon_where_none_waits_and_later_in_a_backlog() -> None:
    assert tell_worker.lost_after() == tell_worker.LOST_AFTER
    send("celery", 1)
    assert tell_worker.lost_after() == tell_worker.LOST_IN_A_BACKLOG
    assert tell_worker.lost_after("notices") == tell_worker.LOST_AFTER


def test_what_was_taken_before_the_broker_was_lost_ends_no_worker() -> None:
    send("celery", 2)
    connection = app.connection_for_read()
    channel = connection.default_channel
    queue = app.amqp.queues["celery"](channel)
    acknowledged, held = queue.get(), queue.get()
    channel._disconnect_pools()  # as a worker does that has lost its broker; the rest fails, for it is away
    channel.connection.client = None

    acknowledged.ack_log_error(logging.getLogger("test"), connection.connection_errors)
    with pytest.raises(ConnectionError):
        held.requeue()
    connection.maybe_close_channel(channel)


def test_a_broker_that_is_away_is_asked_every_three_seconds_at_the_latest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[float] = []
    monkeypatch.setattr("kombu.utils.functional.sleep", lambda seconds: None)  # nobody has to wait for it
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        connection = app.connection_for_read(f"redis://127.0.0.1:{nobody.getsockname()[1]}/0")
        with pytest.raises(OperationalError):
            connection.ensure_connection(
                lambda _, interval: asked.append(interval), max_retries=8, callback=None, timeout=None
            )

    assert max(asked) <= 3


def test_a_broker_that_is_away_is_no_error(settings: Any) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        settings.CELERY_BROKER_URL = f"redis://127.0.0.1:{nobody.getsockname()[1]}/0"
        assert (broker.waiting("ticks"), broker.is_empty("celery")) == (None, False)


def test_an_execution_whose_message_was_lost_is_due_again_within_seconds(proposal: Any, ana: Any) -> None:
    from approvals.deciding import decide
    from tests.conftest import actor_of

    suggestion = proposal.suggestions.get()
    decide.approve(suggestion, reviewer=ana, actor=actor_of(ana), shown_digest=suggestion.action_digest)
    Execution.objects.update(
        status="scheduled", due_at=Now() - timedelta(seconds=20), queued_at=Now() - timedelta(seconds=6)
    )
    [execution] = Execution.objects.values_list("pk", flat=True)
    send(EXECUTIONS.queue, 1)
    assert EXECUTIONS.due() == []

    taken(1)
    assert EXECUTIONS.due() == [execution]
