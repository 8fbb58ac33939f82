"""Connections to other people's brokers, which reach only judged addresses and ask before they send.

Neither kombu nor the clients under it know a deadline for everything, an end of what they read, or to send
nothing twice: who waits walks away from an `Errand`, and the rest is seen to here.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

import kombu
import redis
from kombu.transport import pyamqp
from kombu.transport import redis as over_redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from audit.ground import egress
from execution.routes.aside import TOO_LATE
from execution.routes.result import Unusable

PORTS = {"amqp": 5672, "amqps": 5671, "redis": 6379, "rediss": 6379, "valkey": 6379, "valkeys": 6379}
_AT_ONCE = 64 * 1024  # bytes that are read
_NO_ADDRESS = "is no address of a broker: amqp://, amqps://, redis:// or rediss://, a host, and a path"


class Asking(Protocol):
    deadline: float

    @property
    def left(self) -> float: ...

    def may_send(self) -> bool: ...


@dataclass(frozen=True)
class Broker:
    """Where a broker is; its password stands in no message."""

    scheme: str
    host: str
    port: int
    user: str
    password: str
    path: str

    @property
    def is_amqp(self) -> bool:
        return self.scheme.startswith("amqp")

    @property
    def is_encrypted(self) -> bool:
        return self.scheme.endswith("s") and self.scheme != "redis"

    @classmethod
    def read(cls, address: str) -> Broker:
        """Raises `Unusable`."""
        try:
            parts = urlsplit(address.strip())
            usual = PORTS[parts.scheme]
            port = parts.port or usual
        except (ValueError, KeyError):
            raise Unusable(f"the value of the secret {_NO_ADDRESS}") from None
        if not parts.hostname or parts.query or parts.fragment:
            raise Unusable(f"the value of the secret {_NO_ADDRESS}, and nothing after it")
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
        return cls(parts.scheme, parts.hostname, port, user, password, unquote(parts.path[1:]))


class Unsent(Exception):
    """The lease was lost just before."""


def connection_to(broker: Broker, asking: Asking) -> kombu.Connection:
    """A connection that stands. Raises `egress.Refused`, `egress.NotSent`, and what the clients raise."""
    addresses = egress.addresses_of(
        broker.host, broker.port, door=egress.Door.ROUTES, deadline=asking.deadline
    )
    failed: Exception = egress.NotSent("the name has no address")
    for index, address in enumerate(addresses):
        made = _made(broker, address, asking, asking.left / (len(addresses) - index))
        try:
            made.ensure_connection(max_retries=0, reraise_as_library_errors=False)
            return made
        except OSError as error:
            failed = error
    raise failed


class _Connection(kombu.Connection):
    may_send: Callable[[], bool]
    ear: _Ear


def _made(broker: Broker, address: str, asking: Asking, share: float) -> kombu.Connection:
    made = _Connection(
        hostname=address,
        port=broker.port,
        userid=broker.user or None,
        password=broker.password or None,
        virtual_host=broker.path or ("/" if broker.is_amqp else "0"),
        transport=_Amqp if broker.is_amqp else _Redis,
        ssl=_tls(broker) if broker.is_encrypted else False,
        connect_timeout=share,
        transport_options=_options(broker, asking),
    )
    made.may_send, made.ear = asking.may_send, _Ear(asking)
    return made


def _tls(broker: Broker) -> dict[str, Any]:
    if broker.is_amqp:
        return {"server_hostname": broker.host, "cert_reqs": ssl.CERT_REQUIRED}
    return {"ssl_cert_reqs": "required", "ssl_check_hostname": True, "tls_name": broker.host}


def _options(broker: Broker, asking: Asking) -> dict[str, Any]:
    left = asking.left
    if broker.is_amqp:
        return {"confirm_publish": True, "read_timeout": left, "write_timeout": left}
    return {"socket_timeout": left, "socket_connect_timeout": left}


# --- Listening not for ever -------------------------------------------------------------------------


class _Ear:
    """What a broker says over one connection, up to `egress.LARGEST` bytes, and nothing after the deadline.

    A client would gather a line that has no end, and go on when nobody waits for it any more.
    """

    def __init__(self, asking: Asking) -> None:
        self._asking = asking
        self._more = egress.LARGEST

    def hears(self, receive: Callable[[int], bytes]) -> Callable[[int], bytes]:
        """`receive`, which raises `OSError` once it is enough."""

        def received(size: int) -> bytes:
            if not self._asking.left:
                raise TimeoutError(TOO_LATE)
            heard = receive(min(size, _AT_ONCE))
            self._more -= len(heard)
            if self._more < 0:
                raise ConnectionError(f"the broker said more than {egress.LARGEST // 1024} KiB")
            return heard

        return received


class _Socket:
    """A socket that is read through an ear."""

    def __init__(self, real: Any, ear: _Ear) -> None:
        self._real = real
        self.recv = ear.hears(real.recv)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


# --- Asking before it sends -------------------------------------------------------------------------


def _ask(connection: Any) -> None:
    if not connection.client.may_send():
        raise Unsent


class _AmqpChannel(pyamqp.Channel):  # type: ignore[misc]
    def _basic_publish(self, *given: Any, **named: Any) -> Any:
        _ask(self.connection)
        return super()._basic_publish(*given, **named)  # type: ignore[misc]


class _AmqpConnection(pyamqp.Connection):  # type: ignore[misc]
    client: _Connection  # told by the transport
    Channel = _AmqpChannel

    def Transport(self, *given: Any, **named: Any) -> Any:  # noqa: N802
        made = super().Transport(*given, **named)
        set_up = made._setup_transport

        def set_up_with_an_ear() -> None:
            set_up()
            made._quick_recv = self.client.ear.hears(made._quick_recv)

        made._setup_transport = set_up_with_an_ear
        return made


class _Amqp(pyamqp.Transport):  # type: ignore[misc]
    Connection = _AmqpConnection


class _SentOnce:
    """Sends a command once: without an answer it may have been carried out."""

    def __init__(self, *given: Any, ear: _Ear, **named: Any) -> None:
        super().__init__(*given, **{**named, "retry": Retry(NoBackoff(), 0)})
        self._ear = ear

    def _connect(self) -> Any:
        return _Socket(super()._connect(), self._ear)  # type: ignore[misc]


class _Once(_SentOnce, redis.Connection):
    pass


class _OnceEncrypted(_SentOnce, redis.SSLConnection):
    """With a certificate of the name, though it connects to an address."""

    def __init__(self, *given: Any, tls_name: str, **named: Any) -> None:
        super().__init__(*given, **named)
        self.tls_name = tls_name

    def _wrap_socket_with_ssl(self, sock: Any) -> Any:
        address, self.host = self.host, self.tls_name
        try:
            return super()._wrap_socket_with_ssl(sock)
        finally:
            self.host = address


class _RedisChannel(over_redis.Channel):  # type: ignore[misc]
    connection_class = _Once
    connection_class_ssl = _OnceEncrypted

    def _connparams(self, *given: Any, **named: Any) -> dict[str, Any]:
        told: dict[str, Any] = super()._connparams(*given, **named)  # type: ignore[misc]
        connection: Any = self.connection
        return {**told, "ear": connection.client.ear}

    def _put(self, queue: str, message: Any, **named: Any) -> Any:
        _ask(self.connection)
        return super()._put(queue, message, **named)


class _Redis(over_redis.Transport):  # type: ignore[misc]
    Channel = _RedisChannel
