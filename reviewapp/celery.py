"""The Celery application; its settings are the CELERY_* ones in reviewapp.settings."""

import gc
import os
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import cached_property, partial
from typing import Any

from celery import Celery
from celery.app.amqp import AMQP
from celery.signals import (
    celeryd_init,
    setup_logging,
    task_postrun,
    task_prerun,
    worker_before_create_process,
    worker_process_init,
    worker_ready,
    worker_shutting_down,
)
from django.conf import settings
from kombu import Connection, Exchange, Queue
from kombu.transport import redis

from audit.ground import stopping
from reviewapp.processes import children, queues

CONFIRM_SECONDS = 5.0
LET_GO = signal.SIGUSR2  # to a worker's process: end the call that you are in
AGAIN_SECONDS = 0.5
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "reviewapp.settings")


class _Channel(redis.Channel):  # type: ignore[misc]
    """Keeps the client that kombu makes anew to send, take and acknowledge a message: a third of each.

    Where its connection was lost in the middle of being closed, it says so. In kombu 5.7 it has no address
    then, which is an `AttributeError`: to acknowledge what was taken before would end the worker, and all its
    calls with it. The messages come back by themselves.
    """

    _kept: Any = None

    def _create_client(self, asynchronous: bool = False) -> Any:
        if asynchronous:
            return super()._create_client(asynchronous=True)  # type: ignore[misc]
        # After a fork and a loss of the broker there is another pool.
        if self._kept is None or self._kept.connection_pool is not self.pool:
            self._kept = super()._create_client()  # type: ignore[misc]
        return self._kept

    def _get_pool(self, asynchronous: bool = False) -> Any:
        if self.connection is None or self.connection.client is None:
            raise ConnectionResetError("The connection to the broker was lost.")
        return super()._get_pool(asynchronous=asynchronous)  # type: ignore[misc]


class _Redis(redis.Transport):  # type: ignore[misc]
    Channel = _Channel


class _Patient(Connection):  # type: ignore[misc]
    """Outlives the loss of its broker, and asks for it every three seconds, however long it is away."""

    def get_transport_cls(self) -> Any:
        found = super().get_transport_cls()
        return _Redis if found is redis.Transport else found

    def _ensure_connection(
        self,
        errback: Any = None,
        max_retries: int | None = None,
        interval_start: int = 1,
        interval_step: int = 1,
        interval_max: int = 3,
        *args: Any,
        **kwargs: Any,
    ) -> Any:
        waits = (interval_start, interval_step, interval_max)
        return super()._ensure_connection(errback, max_retries, *waits, *args, **kwargs)


class _Messages(AMQP):  # type: ignore[misc]
    Connection = BrokerConnection = _Patient

    @cached_property
    def send_task_message(self) -> Any:
        # RabbitMQ lets senders wait while its memory or disk is full.
        return partial(super().send_task_message, confirm_timeout=CONFIRM_SECONDS)


def make() -> Celery:
    """The application as the settings have it, which then is the current one."""
    made = Celery("reviewapp", amqp=_Messages)
    made.config_from_object("django.conf:settings", namespace="CELERY")
    # What somebody waits for never stands behind the clock's rounds, nor behind long work in turns.
    kind = queues.arguments(settings.CELERY_BROKER_URL)
    made.conf["task_queues"] = [
        Queue(name, Exchange(name), routing_key=name, queue_arguments=kind) for name in queues.ORDER
    ]
    made.autodiscover_tasks()
    return made


app = make()


@setup_logging.connect
def _keep_our_logging(**_: Any) -> None:
    """Celery configures logging of its own unless somebody answers this signal."""


@celeryd_init.connect
def _hold_what_is_to_wait(**_: Any) -> None:
    """Celery would make 28 queues in RabbitMQ for it, of which the exchanges of ours know nothing."""
    from celery.worker.consumer.delayed_delivery import DelayedDelivery

    DelayedDelivery.include_if = lambda *_: False  # type: ignore[method-assign]


@worker_before_create_process.connect
def _share_memory(**_: Any) -> None:
    """What is loaded stays shared: a child that collected garbage among it would write to all of it."""
    from billiard.util import get_pdeathsig  # type: ignore[attr-defined]

    with suppress(OSError):  # where there is no such thing
        get_pdeathsig()  # loads the 5 MB with which each child asks to die with its parent
    gc.collect()
    gc.freeze()


@worker_process_init.connect
def _let_go_when_told(**_: Any) -> None:
    signal.signal(LET_GO, stopping.let_go)


@worker_ready.connect
def _say_so(**_: Any) -> None:
    print(children.READY["worker"], flush=True)


@worker_shutting_down.connect
def _let_go_in_time(**_: Any) -> None:
    """A worker that is to stop takes nothing more; what it has it finishes, or hands back."""
    from celery.worker import state

    def let_go() -> None:
        for request in list(state.active_requests):
            if request.worker_pid:
                with suppress(ProcessLookupError):
                    os.kill(request.worker_pid, LET_GO)
        _later(AGAIN_SECONDS, let_go)  # for what its processes had not begun yet

    _later(settings.STOP_SECONDS, let_go)


def _later(seconds: float, act: Callable[[], None]) -> None:
    timer = threading.Timer(seconds, act)
    timer.daemon = True
    timer.start()


@task_prerun.connect
@task_postrun.connect
def _look_after_connections(**_: Any) -> None:
    from reviewapp.connections import look_after

    look_after()
