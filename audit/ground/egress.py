"""Requests that leave this machine and cannot reach inside.

A name is resolved once, every address it has is judged, and the connection goes to exactly
an address that was judged: a name that changes its mind in between gains nothing. The
certificate is still checked against the name. Redirects are not followed, proxies from the
environment are not used, an answer has a largest size and the whole exchange a deadline.
"""

from __future__ import annotations

import contextlib
import hashlib
import ipaddress
import json
import os
import queue
import re
import socket
import ssl
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import Enum
from functools import lru_cache
from typing import Any

import h11
import httpx
from django.conf import settings

from audit.ground import stopping

LARGEST = 1024 * 1024  # bytes of an answer
LARGEST_HEAD = 100 * 1024  # bytes of its status and headers
PIECE = 64 * 1024  # bytes of a request that are handed over at once
CALLBACK_PORTS = {80, 443, 8080, 8443}
USER_AGENT = "reviewapp"
SHOWN_FOR = 5.0  # seconds
LONGEST_SAID = 2_000  # characters of what went wrong
LONGEST_WAIT = 86_400.0  # seconds that a Retry-After can ask for

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Refused(Exception):
    """This address is not allowed, or is none. Nothing was sent."""


class NotSent(Exception):
    """No connection came about, or the server broke it off before it read anything of the request."""


class Lost(Exception):
    """Something was sent, and what became of it is not known."""


class Door(Enum):
    """Where a request may go."""

    ROUTES = "routes"  # what EGRESS_ALLOW lists, nothing else
    CALLBACKS = "callbacks"  # public addresses, and what CALLBACK_ALLOW lists
    NOTICES = "notices"  # what NOTICE_ALLOW lists, nothing else
    CHECKPOINTS = "checkpoints"  # the places that CHECKPOINT_COPIES names, nothing else


_LISTS = {
    Door.ROUTES: "EGRESS_ALLOW",
    Door.CALLBACKS: "CALLBACK_ALLOW",
    Door.NOTICES: "NOTICE_ALLOW",
    Door.CHECKPOINTS: "CHECKPOINT_ALLOW",
}


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
    certificate: str = "",
) -> Answer:
    """Ask, and return whatever was answered. Raises `Refused`, `NotSent` or `Lost`.

    `timeout` is for everything together, so that a slow drip ends too; it counts from `began` (of
    `time.monotonic`), or from now. `may_send` is asked when the connection stands, immediately before
    the first byte of the request: where it says no, nothing is sent. `certificate` is PEM of a client
    certificate and its key, shown where the server asks for one; it never goes over a line that is not TLS.
    """
    asked = read_url(url)
    tls = _tls(asked, certificate)
    deadline = (time.monotonic() if began is None else began) + timeout
    addresses = _judged(asked, door, deadline)
    sent = {"host": _host_header(asked), "user-agent": USER_AGENT, "accept-encoding": "identity"}
    for name, value in (headers or {}).items():
        if not is_header(name, value):
            raise Refused(f"the header {name[:50]!r} cannot be sent")
        sent[name.lower()] = value
    if content or method in ("POST", "PUT", "PATCH"):
        sent["content-length"] = str(len(content))
    line = _Line(deadline, may_send)
    try:
        with stopping.interruptible():
            line.connect(addresses, asked, tls)
            with line.stream:
                return _exchange(line, _request(method, asked, sent), content)
    except (h11.ProtocolError, OSError, _TooLate) as error:
        said = str(error)[:LONGEST_SAID] or type(error).__name__
        if _is_about_certificate(error):
            raise NotSent(f"the server does not take the client certificate: {said}") from error
        raise (Lost(said) if line.wrote else NotSent(said)) from error


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


def origin_of(url: str) -> str:
    """Scheme, host and port of an address, such as `https://agent.example`. Raises `Refused`."""
    asked = read_url(url)
    return f"{asked.scheme}://{_host_header(asked).lower()}"


def is_header(name: str, value: str) -> bool:
    """Whether it can be sent: letters that HTTP knows, and no blank around the value."""
    return bool(re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", name)) and bool(
        re.fullmatch(r"([\x21-\x7e\xa0-\xff]([\x20-\x7e\xa0-\xff]*[\x21-\x7e\xa0-\xff])?)?", value)
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


def host_and_port(url: str) -> str:
    """The place of an address as allow-lists write it. Raises `Refused` for what is none."""
    asked = read_url(url)
    return f"{_name(asked)}:{_port(asked)}"


# --- Judging ----------------------------------------------------------------------------------


def addresses_of(host: str, port: int, *, door: Door, deadline: float) -> list[str]:
    """Every address of a host, each of them allowed: where a connection of another kind may go, and
    nowhere else. Raises `Refused` or `NotSent`."""
    name = f"[{host}]" if ":" in host else host
    return _judged(read_url(f"http://{name}:{port}"), door, deadline)


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


# --- Talking ----------------------------------------------------------------------------------


class _TooLate(Exception):
    """There is no time left for it."""


class _Line:
    """A connection to an address that was judged. It knows the deadline, and whether anything has left."""

    stream: socket.socket  # once it is connected

    def __init__(self, deadline: float, may_send: Callable[[], bool]) -> None:
        self.deadline = deadline
        self.may_send = may_send
        self.wrote = False

    def connect(self, addresses: list[str], asked: httpx.URL, tls: ssl.SSLContext | None) -> None:
        """To one of these, whatever name it is asked for; the certificate has to be of the name."""
        said = "no connection in time"
        for index, address in enumerate(addresses):
            share = self._left(said) / (len(addresses) - index)
            try:
                self.stream = socket.create_connection((address, _port(asked)), share)
                break
            except OSError as error:
                if index == len(addresses) - 1:
                    raise (_TooLate(said) if isinstance(error, TimeoutError) else error) from error
        self.stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls is not None:
            with self._in_time(said):
                host = asked.raw_host.decode("ascii")
                self.stream = tls.wrap_socket(self.stream, server_hostname=host)

    def send(self, content: bytes) -> None:
        """All of a request, or nothing where the sender may not any more."""
        said = "the request could not be handed over in time"
        if not self.may_send():
            raise _TooLate(said)
        for start in range(0, len(content), PIECE):
            # Asked before every piece: a process can be stopped for any time between two of them.
            with self._in_time(said):
                self.wrote = True
                self.stream.sendall(content[start : start + PIECE])

    def receive(self) -> bytes:
        with self._in_time("no answer in time"):
            return self.stream.recv(PIECE)

    @contextlib.contextmanager
    def _in_time(self, said: str) -> Iterator[None]:
        self.stream.settimeout(self._left(said))
        try:
            yield
        except TimeoutError as error:
            raise _TooLate(said) from error

    def _left(self, said: str) -> float:
        """The seconds until the deadline; raises `_TooLate` when there are none."""
        seconds = self.deadline - time.monotonic()
        if seconds <= 0:
            raise _TooLate(said)
        return seconds


def _request(method: str, asked: httpx.URL, headers: Mapping[str, str]) -> h11.Request:
    encoded = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    return h11.Request(method=method, target=asked.raw_path, headers=encoded)


def _exchange(line: _Line, request: h11.Request, content: bytes) -> Answer:
    """Send it, and hear the whole answer. Raises `Lost` where that is too large."""
    talk = h11.Connection(h11.CLIENT, max_incomplete_event_size=LARGEST_HEAD)
    parts = [talk.send(event) for event in (request, h11.Data(content), h11.EndOfMessage())]
    # A server that has heard enough may answer before it has heard everything.
    with contextlib.suppress(OSError):
        line.send(b"".join(part or b"" for part in parts))
    while isinstance(answer := _next(talk, line), h11.InformationalResponse):
        pass
    body = bytearray()
    while isinstance(event := _next(talk, line), h11.Data):
        body += event.data
        if len(body) > LARGEST:
            raise Lost(f"the answer is larger than {LARGEST // 1024} KiB")
    return Answer(answer.status_code, httpx.Headers(list(answer.headers)), bytes(body))


def _next(talk: h11.Connection, line: _Line) -> Any:
    """The next that was heard, after whatever has to be received for it."""
    while (event := talk.next_event()) is h11.NEED_DATA:
        heard = line.receive()
        if not heard and talk.their_state is h11.SEND_RESPONSE:
            raise h11.RemoteProtocolError("the server hung up without an answer")
        talk.receive_data(heard)
    return event


# --- TLS --------------------------------------------------------------------------------------


def _tls(asked: httpx.URL, certificate: str) -> ssl.SSLContext | None:
    """How a line to this address is encrypted; None where it is not. Raises `Refused`."""
    if asked.scheme == "https":
        return _showing(certificate) if certificate else _trusted()
    if certificate:
        raise Refused("a client certificate is shown to addresses with https:// alone")
    return None


@lru_cache(maxsize=1)
def _trusted() -> ssl.SSLContext:
    return _context()


def _context() -> ssl.SSLContext:
    context = httpx.create_ssl_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


_showing_now: dict[bytes, tuple[ssl.SSLContext, float]] = {}  # with the moment at which each is let go


def _showing(certificate: str) -> ssl.SSLContext:
    """The same with a client certificate. Raises `Refused`.

    Making one takes 20 ms, so it is used again for seconds; no longer, for it holds a key.
    """
    name, now = hashlib.sha256(certificate.encode()).digest(), time.monotonic()
    for other, (_, until) in list(_showing_now.items()):
        if until <= now:
            _showing_now.pop(other, None)
    kept = _showing_now.get(name)
    if kept is None:
        kept = _showing_now[name] = (_with(certificate), now + SHOWN_FOR)
    return kept[0]


def _with(certificate: str) -> ssl.SSLContext:
    context = _context()
    with _as_file(certificate.encode()) as path:
        try:
            # A password, or OpenSSL would ask the terminal for one where the key is encrypted.
            context.load_cert_chain(path, password="")
        except (ssl.SSLError, ValueError) as error:
            said = getattr(error, "reason", None) or "it can't be read"
            raise Refused(f"the client certificate can't be used: {said}") from None
    return context


@contextlib.contextmanager
def _as_file(content: bytes) -> Iterator[str]:
    """Where OpenSSL, which reads files alone, finds this: in memory, where the system can do that."""
    if not hasattr(os, "memfd_create"):
        with tempfile.NamedTemporaryFile() as file:
            file.write(content)
            file.flush()
            yield file.name
        return
    with os.fdopen(os.memfd_create("certificate"), "wb") as file:
        file.write(content)
        file.flush()
        yield f"/proc/self/fd/{file.fileno()}"


# What a server says of a client's certificate, under TLS 1.3 only after the request has left: it says so
# before it reads any of that.
_OF_CERTIFICATES = re.compile(
    r"ALERT_(BAD_CERTIFICATE|UNSUPPORTED_CERTIFICATE|CERTIFICATE_(REVOKED|EXPIRED|UNKNOWN|REQUIRED)"
    r"|UNKNOWN_CA|ACCESS_DENIED)"
)


def _is_about_certificate(error: Exception) -> bool:
    return isinstance(error, ssl.SSLError) and bool(_OF_CERTIFICATES.search(error.reason or ""))
