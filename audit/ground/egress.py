"""Requests that leave this machine and cannot reach inside.

A name is resolved once, every address it has is judged, and the connection goes to exactly
an address that was judged: a name that changes its mind in between gains nothing. The
certificate is still checked against the name. Redirects are not followed, proxies from the
environment are not used, an answer has a largest size and the whole exchange a deadline.
"""

from __future__ import annotations

import contextlib
import ipaddress
import json
import queue
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import Enum
from functools import lru_cache
from typing import Any

import httpcore
import httpx
from django.conf import settings

LARGEST = 1024 * 1024  # bytes of an answer
PIECE = 64 * 1024  # bytes of a request that are handed over at once
CALLBACK_PORTS = {80, 443, 8080, 8443}
USER_AGENT = "reviewapp"
LONGEST_WAIT = 86_400.0  # seconds that a Retry-After can ask for

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Refused(Exception):
    """This address is not allowed, or is none. Nothing was sent."""


class NotSent(Exception):
    """No connection came about. Nothing was sent."""


class Lost(Exception):
    """Something was sent, and what became of it is not known."""


class Door(Enum):
    """Where a request may go."""

    ROUTES = "routes"  # what EGRESS_ALLOW lists, nothing else
    CALLBACKS = "callbacks"  # public addresses, and what CALLBACK_ALLOW lists
    NOTICES = "notices"  # what NOTICE_ALLOW lists, nothing else


_LISTS = {Door.ROUTES: "EGRESS_ALLOW", Door.CALLBACKS: "CALLBACK_ALLOW", Door.NOTICES: "NOTICE_ALLOW"}


@dataclass(frozen=True)
class Answer:
    status: int
    headers: httpx.Headers
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")

    @property
    def json(self) -> Any:
        """The JSON in it, or None where there is none."""
        try:
            return json.loads(self.body, parse_constant=lambda _: None)
        except (ValueError, RecursionError):
            return None

    @property
    def retry_after(self) -> float:
        """The seconds it asks us to wait before the next request, at most a day; 0 when it doesn't."""
        said = self.headers.get("retry-after", "").strip()
        if said.isascii() and said.isdecimal():
            return min(float(said[:9]), LONGEST_WAIT)
        try:
            until = parsedate_to_datetime(said)
        except (ValueError, OverflowError):  # the latter where its zone is further off than any
            return 0
        seconds = (until.replace(tzinfo=until.tzinfo or UTC) - datetime.now(UTC)).total_seconds()
        return min(max(seconds, 0), LONGEST_WAIT)


def request(
    method: str,
    url: str,
    *,
    door: Door,
    headers: Mapping[str, str] | None = None,
    content: bytes = b"",
    timeout: float,
    began: float | None = None,
    may_send: Callable[[], bool] = lambda: True,
) -> Answer:
    """Ask, and return whatever was answered. Raises `Refused`, `NotSent` or `Lost`.

    `timeout` is for everything together, so that a slow drip ends too; it counts from `began` (of
    `time.monotonic`), or from now. `may_send` is asked when the connection stands, immediately before
    the first byte of the request: where it says no, nothing is sent.
    """
    asked = read_url(url)
    deadline = (time.monotonic() if began is None else began) + timeout
    addresses = _judged(asked, door, deadline)
    network = _Network(addresses, deadline, may_send)
    sent = {"host": _host_header(asked), "user-agent": USER_AGENT, "accept-encoding": "identity"}
    for name, value in (headers or {}).items():
        if not is_header(name, value):
            raise Refused(f"the header {name[:50]!r} cannot be sent")
        sent[name.lower()] = value
    if content or method in ("POST", "PUT", "PATCH"):
        sent["content-length"] = str(len(content))
    to = httpcore.URL(scheme=asked.raw_scheme, host=asked.raw_host, port=asked.port, target=asked.raw_path)
    try:
        with (
            httpcore.HTTPConnection(
                to.origin, ssl_context=_tls(asked), network_backend=network
            ) as connection,
            connection.stream(
                method,
                to,
                headers=[(name.encode(), value.encode("latin-1")) for name, value in sent.items()],
                content=content,
            ) as response,
        ):
            body = _bounded(response.iter_stream())
            return Answer(response.status, httpx.Headers(response.headers), body)
    except (
        httpcore.TimeoutException,
        httpcore.NetworkError,
        httpcore.ProtocolError,
        httpcore.UnsupportedProtocol,
        OSError,
    ) as error:
        said = _said(error)
        raise (Lost(said) if network.wrote else NotSent(said)) from error


def read_url(url: str) -> httpx.URL:
    """An address with scheme and host, of http or https, that carries no password. Raises `Refused`."""
    if re.search(r"[\x00-\x20\x7f\\]", url):
        raise Refused("an address has no spaces, control characters or backslashes")
    try:
        read = httpx.URL(url)
    except (httpx.InvalidURL, UnicodeError, ValueError) as error:
        raise Refused(f"this is no address: {error}") from error
    if read.scheme not in ("http", "https"):
        raise Refused("an address begins with http:// or https://")
    if not read.raw_host:
        raise Refused("an address names a host")
    if read.userinfo or "@" in url.partition("://")[2].partition("/")[0]:
        raise Refused("an address carries no user or password")
    if read.port == 0:
        raise Refused("there is no port 0")
    return read


def is_header(name: str, value: str) -> bool:
    return bool(re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", name)) and bool(
        re.fullmatch(r"[\x20-\x7e\xa0-\xff]*", value)
    )


def may_call_back(url: str) -> None:
    """Whether a callback address can be taken from an agent. Raises `Refused`.

    Judges what is written, without asking the network; the rest is judged at every sending.
    """
    asked = read_url(url)
    if _is_listed(asked, Door.CALLBACKS):
        return
    _judge_port(asked)
    with contextlib.suppress(ValueError):
        _judge_public(_as_address(_ascii(asked)))


def is_listed(url: str, door: Door) -> bool:
    """Whether an operator lists the host and port of this address for such requests."""
    try:
        return _is_listed(read_url(url), door)
    except Refused:
        return False


# --- Judging ----------------------------------------------------------------------------------


def _judged(asked: httpx.URL, door: Door, deadline: float) -> list[str]:
    """Every address of this host, each of them allowed. Raises `Refused` or `NotSent`."""
    listed = _is_listed(asked, door)
    if not listed and door is not Door.CALLBACKS:
        raise Refused(f"{_name(asked)}:{_port(asked)} is not in {_LISTS[door]}")
    if not listed:
        _judge_port(asked)
    found = _resolve(_ascii(asked), _port(asked), deadline)
    for address in found:
        if listed:
            _judge_listed(address, asked)
        else:
            _judge_public(address)
    return [str(address) for address in found]


def _judge_port(asked: httpx.URL) -> None:
    if _port(asked) not in CALLBACK_PORTS:
        raise Refused(f"port {_port(asked)} is not one that callbacks may use")


def _judge_public(address: Address) -> None:
    for meant in meanings(address):
        if not meant.is_global or any(meant in net for net in _inside() if net.version == meant.version):
            raise Refused("the address lies inside a private or special network")


def _judge_listed(address: Address, asked: httpx.URL) -> None:
    """A listed name may lie inside, but never where no service of ours is: cloud metadata and the like."""
    if str(address) == _name(asked).strip("[]"):
        return
    for meant in meanings(address):
        if meant.is_link_local or meant.is_multicast or meant.is_unspecified or meant in _METADATA:
            raise Refused("the name leads to an address that no workflow may reach")


_METADATA = {
    ipaddress.ip_address(text)
    for text in ("169.254.169.254", "fd00:ec2::254", "100.100.100.200", "192.0.0.192", "168.63.129.16")
}

# What `is_global` takes for public in some Python, and what of the public space leads elsewhere.
_INSIDE = """
0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 168.63.129.16/32 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24
192.0.2.0/24 192.31.196.0/24 192.52.193.0/24 192.88.99.0/24 192.168.0.0/16 192.175.48.0/24 198.18.0.0/15
198.51.100.0/24 203.0.113.0/24 224.0.0.0/4 240.0.0.0/4
::/96 ::ffff:0:0/96 ::ffff:0:0:0/96 64:ff9b::/96 64:ff9b:1::/48 100::/64 100:0:0:1::/64 2001::/23
2001:db8::/32 2002::/16 2620:4f:8000::/48 3fff::/20 5f00::/16 fc00::/7 fe80::/10 fec0::/10 ff00::/8
"""


@lru_cache(maxsize=1)
def _inside() -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    return [ipaddress.ip_network(text) for text in _INSIDE.split()]


def meanings(address: Address) -> list[Address]:
    """The address and the one that it wraps, where a gateway could unwrap it."""
    if isinstance(address, ipaddress.IPv4Address):
        return [address]
    low = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    found: list[Address] = [address]
    if address.ipv4_mapped:
        return [address.ipv4_mapped]
    if address.sixtofour:
        found.append(address.sixtofour)
    if address.teredo:
        found += address.teredo
    if any(address in ipaddress.ip_network(net) for net in ("64:ff9b::/96", "64:ff9b:1::/48", "::/96")):
        found.append(low)
    return found


def _is_listed(asked: httpx.URL, door: Door) -> bool:
    listed = getattr(settings, _LISTS[door])
    wanted = f"{_name(asked)}:{_port(asked)}"
    return any(wanted == entry.strip().lower() for entry in listed)


def _name(asked: httpx.URL) -> str:
    """The host as an allow-list writes it: lower case, IPv6 in brackets."""
    host = _ascii(asked).lower()
    return f"[{host}]" if ":" in host else host


def _ascii(asked: httpx.URL) -> str:
    """The host as it goes over the wire: international names in their `xn--` form, no final dot."""
    return asked.raw_host.decode("ascii").removesuffix(".")


def _port(asked: httpx.URL) -> int:
    return asked.port or {"http": 80, "https": 443}[asked.scheme]


def _host_header(asked: httpx.URL) -> str:
    host = _ascii(asked)
    host = f"[{host}]" if ":" in host else host
    return host if asked.port is None else f"{host}:{asked.port}"


# --- Resolving --------------------------------------------------------------------------------


def _as_address(host: str) -> Address:
    """The address that is written in place of a name, in any of the forms C libraries accept.

    Raises `ValueError` for a name.
    """
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host)
    if re.fullmatch(r"[0-9a-fA-FxX.]+", host):
        try:
            return ipaddress.IPv4Address(socket.inet_aton(host))
        except OSError as error:
            raise ValueError(host) from error
    raise ValueError(host)


def _resolve(host: str, port: int, deadline: float) -> list[Address]:
    """Every address of the name. Raises `Refused` for what cannot be a name, `NotSent` when none answers."""
    with contextlib.suppress(ValueError):
        return [_as_address(host)]
    answers: queue.SimpleQueue[list[Address] | Exception] = queue.SimpleQueue()
    # In a thread, because the system's resolver cannot be told a deadline.
    threading.Thread(target=_look_up, args=(host, port, answers), daemon=True).start()
    try:
        answer = answers.get(timeout=max(0.05, deadline - time.monotonic()))
    except queue.Empty:
        raise NotSent("the name was not resolved in time") from None
    if isinstance(answer, UnicodeError):
        raise Refused("this is no host name") from answer
    if isinstance(answer, Exception) or not answer:
        raise NotSent("the name could not be resolved")
    return answer


def _look_up(host: str, port: int, answers: queue.SimpleQueue[list[Address] | Exception]) -> None:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        texts = dict.fromkeys(str(entry[4][0]) for entry in found)
        answers.put([ipaddress.ip_address(text) for text in texts])
    except Exception as error:  # handed to the thread that waits
        answers.put(error)


# --- Connecting -------------------------------------------------------------------------------


class _Network(httpcore.NetworkBackend):
    """Connects to the judged addresses only, whatever name it is asked for."""

    def __init__(self, addresses: list[str], deadline: float, may_send: Callable[[], bool]) -> None:
        self.addresses = addresses
        self.deadline = deadline
        self.may_send = may_send
        self.wrote = False
        self._sockets = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        for index, address in enumerate(self.addresses):
            share = self.left(httpcore.ConnectTimeout) / (len(self.addresses) - index)
            try:
                stream = self._sockets.connect_tcp(address, port, share, local_address, socket_options)
                return _Stream(stream, self)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                if index == len(self.addresses) - 1:
                    raise
        raise httpcore.ConnectError("the name has no address")

    def left(self, too_late: type[Exception]) -> float:
        """The seconds until the deadline; raises `too_late` when there are none."""
        seconds = self.deadline - time.monotonic()
        if seconds <= 0:
            raise too_late("the time for this request is over")
        return seconds


class _Stream(httpcore.NetworkStream):
    """A connection that knows the deadline, and whether anything of the request has left.

    What is written is gathered and leaves when the answer is asked for, so that whoever may not send
    any more has sent nothing, and not half of it.
    """

    def __init__(self, stream: httpcore.NetworkStream, network: _Network) -> None:
        self._stream = stream
        self._network = network
        self._gathered = bytearray()

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        # A server that has heard enough may answer before it has heard everything.
        with contextlib.suppress(httpcore.WriteError):
            self._send()
        return self._stream.read(max_bytes, self._network.left(httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._gathered += buffer

    def _send(self) -> None:
        waiting, self._gathered = memoryview(bytes(self._gathered)), bytearray()
        if waiting and not self._network.wrote and not self._network.may_send():
            raise httpcore.WriteTimeout("the time for sending it is over")
        for start in range(0, len(waiting), PIECE):
            # Asked before every piece: a process can be stopped for any time between two of them.
            left = self._network.left(httpcore.WriteTimeout)
            self._network.wrote = True
            self._stream.write(bytes(waiting[start : start + PIECE]), left)

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        left = self._network.left(httpcore.ConnectTimeout)
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, left), self._network)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


@lru_cache(maxsize=1)
def _trusted() -> ssl.SSLContext:
    return httpx.create_ssl_context()


def _tls(asked: httpx.URL) -> ssl.SSLContext | None:
    return _trusted() if asked.scheme == "https" else None


def _bounded(chunks: Iterable[bytes]) -> bytes:
    body = bytearray()
    for chunk in chunks:
        body += chunk
        if len(body) > LARGEST:
            raise Lost(f"the answer is larger than {LARGEST // 1024} KiB")
    return bytes(body)


def _said(error: Exception) -> str:
    """What happened, in words of ours where the error has none."""
    words: dict[type[Exception], str] = {
        httpcore.ConnectTimeout: "no connection in time",
        httpcore.ReadTimeout: "no answer in time",
        httpcore.WriteTimeout: "the request could not be handed over in time",
    }
    return words.get(type(error)) or str(error)[:200] or type(error).__name__
