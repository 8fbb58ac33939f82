"""Messages and Celery tasks to other people's brokers: a real RabbitMQ, a real Valkey, broken ways there."""

from __future__ import annotations

import base64
import json
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit
from uuid import NAMESPACE_URL, uuid5

import kombu
import pytest
import redis
from celery import Celery
from django.conf import settings as real

from execution.routes import dispatch
from execution.routes.result import FAILED, REFUSED, SUCCEEDED, UNKNOWN, Result
from governance.actions.route_kinds import MessageRoute
from tests.execution.routes.conftest import KNOWN, WITH_CALL, how
from tests.rabbitmq import Node, rabbitmq

__all__ = ["rabbitmq"]
NUMBER = str(uuid5(NAMESPACE_URL, WITH_CALL["idempotency-key"]))


def sent(*, timeout: float = 20, may_send: Callable[[], bool] = lambda: True, **where: Any) -> Result:
    return dispatch.call(route(**where), KNOWN, how(timeout=timeout, may_send=may_send))


def route(**where: Any) -> MessageRoute:
    return MessageRoute.model_validate({"kind": "message", "broker": "shop-broker", **where})


def asked(**where: Any) -> dict[str, Any]:
    """What people are told of it."""
    return dispatch.asked(route(**where), KNOWN, WITH_CALL)


@pytest.fixture
def rabbit(rabbitmq: Node, vault: Any, settings: Any) -> Iterator[Any]:
    """A channel of it; workflows may send there, and the queue `refunds` hears the exchange `shop`."""
    vault(**{"shop-broker": rabbitmq.url})
    settings.EGRESS_ALLOW = [f"127.0.0.1:{rabbitmq.port}"]
    with kombu.Connection(rabbitmq.url) as connection:
        channel = connection.default_channel
        channel.exchange_declare("shop", "topic", durable=True, auto_delete=False)
        for queue in ("refunds", "celery"):
            channel.queue_declare(queue, durable=True, auto_delete=False)
            channel.queue_purge(queue)
        channel.queue_bind("refunds", "shop", "refund.#")
        yield channel


@pytest.fixture
def valkey(services: Any, vault: Any, settings: Any) -> Iterator[redis.Redis]:
    """A Valkey that is somebody else's broker."""
    place = urlsplit(real.VALKEY_URL)._replace(path="/5")
    vault(**{"shop-broker": place.geturl()})
    settings.EGRESS_ALLOW = [f"{place.hostname}:{place.port}"]
    with redis.Redis.from_url(place.geturl()) as client:
        client.flushdb()
        yield client
        client.flushdb()


def test_a_message_is_done_once_the_broker_confirms_it(rabbit: Any) -> None:
    where = {"exchange": "shop", "routing_key": "refund.made"}
    result = sent(**where, body={"id": "=args.order_id"})
    assert (result.outcome, result.detail) == (SUCCEEDED, "The broker confirmed it.")
    assert result.answer == {"id": WITH_CALL["idempotency-key"]}

    heard = rabbit.basic_get("refunds", no_ack=True)
    assert json.loads(heard.body) == {"id": "W1"}
    assert heard.properties["message_id"] == "e/refund"
    assert heard.properties["delivery_mode"] == 2
    assert heard.properties["application_headers"] == WITH_CALL
    assert asked(**where, body={"id": "=args.order_id"}) == {
        "kind": "message",
        "broker": "{secret:shop-broker}",
        **where,
        "headers": heard.properties["application_headers"],
        "body": json.loads(heard.body),
    }


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ({"exchange": "shop", "routing_key": "orders.made"}, "The broker refuses it: NO_ROUTE"),
        ({"routing_key": "nowhere"}, "The broker refuses it: NO_ROUTE"),
        ({"exchange": "nowhere", "routing_key": "x"}, "The broker refuses it: NOT_FOUND"),
        ({"task": "shop.refund", "routing_key": "nowhere"}, "The broker refuses it: NO_ROUTE"),
    ],
)
def test_what_no_queue_would_get_is_refused(rabbit: Any, where: dict[str, Any], said: str) -> None:
    result = sent(**where)
    assert (result.outcome, result.detail[: len(said)]) == (REFUSED, said)


def test_a_task_is_one_that_celery_itself_would_carry_out(rabbit: Any, rabbitmq: Node) -> None:
    done: list[Any] = []
    shop = Celery("shop", broker=rabbitmq.url, set_as_current=False)

    @shop.task(name="shop.refund")
    def refund(**arguments: Any) -> None:
        done.append(arguments)

    assert sent(task="shop.refund").answer == {"id": NUMBER}
    _carry_out(shop)
    assert done == [KNOWN["args"]]


def _carry_out(app: Celery) -> None:
    """One message of its queue, as a worker reads it."""
    with app.connection_for_read() as connection:
        queue = connection.SimpleQueue("celery", no_ack=True, queue_opts={"durable": True})
        message = queue.get(timeout=5)
        positional, named, _ = message.payload
        assert (message.headers["id"], message.headers["task"]) == (NUMBER, "shop.refund")
        app.tasks[message.headers["task"]](*positional, **named)


def test_a_task_over_valkey_is_done_once_it_stands_in_its_list(valkey: redis.Redis) -> None:
    where = {"task": "shop.refund", "routing_key": "later", "body": {"order": "=args.order_id"}}
    result = sent(**where)
    assert (result.outcome, result.answer) == (SUCCEEDED, {"id": NUMBER})

    [message] = valkey.lrange("later", 0, -1)
    told = json.loads(message)
    assert (told["headers"]["id"], told["headers"]["idempotency-key"]) == (NUMBER, "e/refund")
    assert valkey.keys() == [b"later"]
    known = asked(**where)
    assert (known["id"], known["task"]) == (told["headers"]["id"], told["headers"]["task"])
    _, named, _ = json.loads(base64.b64decode(told["body"]))
    assert (known["body"], known["routing_key"]) == (
        named,
        told["properties"]["delivery_info"]["routing_key"],
    )


def test_only_tasks_go_over_valkey(valkey: redis.Redis) -> None:
    result = sent(routing_key="later")
    assert (result.outcome, valkey.keys()) == (REFUSED, [])
    assert result.detail == "Not sent: only a task can be sent over Redis or Valkey: give its name (task)."


def test_nothing_is_sent_once_the_lease_is_gone(rabbit: Any, request: Any) -> None:
    late = (FAILED, "Not sent: the message could not be handed over in time.")
    result = sent(task="shop.refund", may_send=lambda: False)
    assert (result.outcome, result.detail, rabbit.basic_get("celery")) == (*late, None)

    valkey = request.getfixturevalue("valkey")
    result = sent(task="shop.refund", may_send=lambda: False)
    assert (result.outcome, result.detail, valkey.keys()) == (*late, [])


@pytest.mark.parametrize(
    ("address", "outcome", "said"),
    [
        ("amqp://guest:s3cret@127.0.0.1:9//", REFUSED, "127.0.0.1:9 is not in EGRESS_ALLOW"),
        ("redis://:s3cret@127.0.0.1:9/0", REFUSED, "127.0.0.1:9 is not in EGRESS_ALLOW"),
        ("amqp://guest:s3cret@127.0.0.1:10//", FAILED, "refused"),
        ("redis://:s3cret@127.0.0.1:10/0", FAILED, "refused"),
        ("amqps://guest:s3cret@127.0.0.1:10//", FAILED, "refused"),
        ("https://s3cret@127.0.0.1:10/", REFUSED, "is no address of a broker"),
        ("amqp://s3cret@127.0.0.1:port/", REFUSED, "is no address of a broker"),
        ("amqp://", REFUSED, "is no address of a broker"),
        ("amqp://s3cret@127.0.0.1:10//?ssl_cert_reqs=none", REFUSED, "is no address of a broker"),
        ("redis+socket:///tmp/s3cret", REFUSED, "is no address of a broker"),
    ],
)
def test_it_goes_nowhere_else_and_says_no_secret(
    vault: Any, settings: Any, address: str, outcome: str, said: str
) -> None:
    vault(**{"shop-broker": address})
    settings.EGRESS_ALLOW = ["127.0.0.1:10"]
    result = sent(task="shop.refund")
    assert (result.outcome, said in result.detail) == (outcome, True), result.detail
    assert result.detail.startswith("Not sent: ")
    assert "s3cret" not in result.detail


def test_who_may_not_log_in_is_refused(rabbit: Any, rabbitmq: Node, vault: Any) -> None:
    vault(**{"shop-broker": rabbitmq.url.replace("guest:guest", "guest:s3cret")})
    result = sent(exchange="shop", routing_key="refund.made")
    assert result.outcome == REFUSED
    assert "s3cret" not in result.detail


class Between(threading.Thread):
    """A way to a broker that hangs up, or falls silent, once it has carried a certain word."""

    def __init__(self, port: int, word: bytes, *, silent: bool) -> None:
        super().__init__(daemon=True)
        self.to, self.word, self.silent, self.carried = port, word, silent, 0
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = self.listening.getsockname()[1]
        self.start()

    def run(self) -> None:
        while True:
            try:
                came, _ = self.listening.accept()
            except OSError:
                return
            went = socket.create_connection(("127.0.0.1", self.to))
            threading.Thread(target=self._carry, args=(came, went, True), daemon=True).start()
            threading.Thread(target=self._carry, args=(went, came, False), daemon=True).start()

    def _carry(self, source: socket.socket, target: socket.socket, counts: bool) -> None:
        try:
            while piece := source.recv(65536):
                has_come = counts and self.word in piece
                self.carried += has_come
                if self.carried and not counts:
                    return
                target.sendall(piece)
                if has_come and not self.silent:
                    return
        except OSError:
            pass
        finally:
            if not self.silent:
                source.close()
                target.close()


@pytest.mark.parametrize("silent", [True, False])
@pytest.mark.parametrize("kind", ["amqp", "redis"])
def test_what_was_sent_and_not_confirmed_is_unknown_and_never_sent_again(
    kind: str, silent: bool, request: Any, vault: Any, settings: Any
) -> None:
    request.getfixturevalue("rabbit" if kind == "amqp" else "valkey")
    place = urlsplit(request.getfixturevalue("rabbitmq").url if kind == "amqp" else real.VALKEY_URL)
    way = Between(place.port or 0, b"shop.refund", silent=silent)
    there = place.netloc.replace(f":{place.port}", f":{way.port}")
    vault(**{"shop-broker": place._replace(netloc=there).geturl()})
    settings.EGRESS_ALLOW = [f"127.0.0.1:{way.port}"]

    result = sent(task="shop.refund", timeout=3 if silent else 20)
    way.listening.close()
    assert (result.outcome, result.detail[:25]) == (UNKNOWN, "Sent, but not confirmed: "), result.detail
    assert way.carried == 1
