"""A message to a broker, and what its confirmation means.

Over AMQP 0-9-1 the broker confirms that it has the message; one that no queue would get is a refusal. A
Celery task is a message too: it goes to the queue `routing_key` (`celery` where none is said), also over
Redis and Valkey, where it is done once `LPUSH` has answered. What was confirmed has the status 202.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_URL, uuid5

import httpx

from audit.ground import egress
from execution.routes import http
from execution.routes.aside import Errand
from execution.routes.authorising import place_of
from execution.routes.filling import filled, written
from execution.routes.result import FAILED, NOT_SENT, REFUSED, UNKNOWN, How, Result, Unusable
from governance.actions.credentials import named
from governance.actions.route_kinds import MessageRoute
from governance.secrets import vault

if TYPE_CHECKING:
    from celery import Celery
    from kombu import Connection

    from execution.routes.brokers import Broker

PERSISTENT = 2
QUEUE = "celery"  # of tasks, where the route names none


def call(route: MessageRoute, known: Mapping[str, Any], how: How) -> Result:
    """Send one message and wait for its confirmation. Never raises for what the broker does."""
    from execution.routes.brokers import Broker

    errand: Errand[Result | str] = Errand(how.may_send, how.began + how.timeout)
    try:
        body = _given(route, known)
        broker = Broker.read(vault.reveal(route.broker, user=place_of(route, known)))
        if not (broker.is_amqp or route.task):
            raise Unusable("only a task can be sent over Redis or Valkey: give its name (task)")
        sent = errand.run(partial(_send, route, broker, body, how, errand))
    except (Unusable, egress.Refused) as error:
        return Result(REFUSED, f"{NOT_SENT}{error}.")
    except egress.NotSent as error:
        return Result(FAILED, f"{NOT_SENT}{error}.")
    except egress.Lost as error:
        return Result(UNKNOWN, f"Sent, but not confirmed: {error}.")
    return sent if isinstance(sent, Result) else _confirmed(sent, known, how)


def asked(route: MessageRoute, known: Mapping[str, Any], headers: Mapping[str, str]) -> dict[str, Any]:
    """What `call` sends, where `headers` go with it. Raises `Unusable`."""
    told: dict[str, Any] = {"broker": named(route.broker), "exchange": route.exchange}
    if route.task:
        told |= {"task": route.task, "id": _task_id(headers)}
    key = route.routing_key or (QUEUE if route.task else "")
    return {**told, "routing_key": key, "headers": dict(headers), "body": _given(route, known)}


def _given(route: MessageRoute, known: Mapping[str, Any]) -> Any:
    return json.loads(written(known["args"] if route.body is None else filled(route.body, known)))


def _task_id(headers: Mapping[str, str]) -> str:
    """The same for every try of a step."""
    return str(uuid5(NAMESPACE_URL, headers.get("idempotency-key", "")))


def _confirmed(number: str, known: Mapping[str, Any], how: How) -> Result:
    answer = egress.Answer(202, httpx.Headers(), json.dumps({"id": number}).encode())
    judged = http.judge(
        answer,
        known,
        success_when=how.success_when,
        repeatable=how.repeatable,
        said="The broker confirmed it.",
    )
    return replace(judged, status=None)


def _send(route: MessageRoute, broker: Broker, body: Any, how: How, errand: Errand[Any]) -> Result | str:
    """The message's id, once it is confirmed; or what the broker said instead."""
    from amqp.exceptions import AMQPError, MessageNacked
    from redis.exceptions import ResponseError

    from execution.routes.brokers import Unsent, connection_to

    try:
        with connection_to(broker, errand) as connection:
            return (_send_task if route.task else _publish)(route, connection, body, how, errand)
    except Unsent as error:
        raise egress.NotSent("the message could not be handed over in time") from error
    except MessageNacked:
        return Result(UNKNOWN, "The broker did not take it for every queue that it goes to.")
    except ResponseError as error:
        return Result(FAILED, f"The broker did not take it: {error}."[:500])
    except AMQPError as error:
        if not _is_refusal(error):
            raise
        return Result(REFUSED, f"The broker refuses it: {error.reply_text}."[:500])


def _is_refusal(error: Any) -> bool:
    """Whether the broker says that this message, or this connection, is not for it."""
    no_route, too_large, forbidden, not_found, not_as_declared, not_allowed = 312, 311, 403, 404, 406, 530
    codes = {no_route, too_large, forbidden, not_found, not_as_declared, not_allowed}
    return getattr(error, "reply_code", None) in codes


def _publish(route: MessageRoute, connection: Connection, body: Any, how: How, errand: Errand[Any]) -> str:
    key = how.headers.get("idempotency-key", "")
    connection.Producer(auto_declare=False).publish(
        json.dumps(body, ensure_ascii=False).encode(),
        exchange=route.exchange,
        routing_key=route.routing_key,
        content_type="application/json",
        content_encoding="utf-8",
        headers=dict(how.headers),
        message_id=key,
        delivery_mode=PERSISTENT,
        mandatory=True,
        confirm_timeout=errand.left or 0.01,
    )
    return key


def _send_task(route: MessageRoute, connection: Connection, body: Any, how: How, errand: Errand[Any]) -> str:
    """As Celery itself does; the same step has the same task id, whoever sends it how often."""
    number = _task_id(how.headers)
    _celery().send_task(
        route.task,
        kwargs=body,
        task_id=number,
        root_id=number,
        add_to_parent=False,
        ignore_result=True,
        producer=connection.Producer(auto_declare=False),
        exchange=route.exchange,
        routing_key=route.routing_key or QUEUE,
        exchange_type="topic",  # else an empty exchange would go to the queue that this app is for
        declare=[],  # the queue is somebody else's, who says what it is like
        headers=dict(how.headers),
        delivery_mode=PERSISTENT,
        mandatory=True,
        retry=False,
        confirm_timeout=errand.left or 0.01,
    )
    return number


@lru_cache(maxsize=1)
def _celery() -> Celery:
    """An app that only sends, by names, to brokers that are told to it."""
    from celery import Celery

    return Celery("routes", broker="memory://", backend="disabled://", set_as_current=False)
