"""That every kind of route that a workflow can name is called, and keeps the same promises."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, get_args

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as searching
from hypothesis import strategies as st

from execution.routes import aside, dispatch
from execution.routes.result import FAILED, REFUSED, UNKNOWN, NoRead, Result
from governance.actions.route_kinds import (
    KINDS,
    HandBack,
    HttpRoute,
    McpRoute,
    MessageRoute,
    PythonRoute,
    Readable,
    Route,
    RouteModel,
)
from tests.execution.conftest import wait_for
from tests.execution.routes.conftest import KNOWN, how

ALL: tuple[type[RouteModel], ...] = get_args(get_args(Route)[0])
READABLE = get_args(get_args(Readable)[0])
PLACE = "127.0.0.1:{}"
# A route of each kind to a place, and how a secret of a broker reads there.
TO: dict[type[RouteModel], dict[str, Any]] = {
    HttpRoute: {"kind": "http", "url": "http://{place}/x"},
    McpRoute: {"kind": "mcp", "url": "http://{place}/x", "tool": "refund"},
    PythonRoute: {"kind": "python", "callable": "shop.nowhere"},
    MessageRoute: {"kind": "message", "broker": "shop-broker", "task": "shop.refund"},
    HandBack: {"kind": "handback"},
}
OVER_THE_NET = (HttpRoute, McpRoute, MessageRoute)


def route(kind: type[RouteModel], place: str = "shop.example:80") -> Any:
    told = {name: value.format(place=place) if name == "url" else value for name, value in TO[kind].items()}
    return kind.model_validate(told)


def test_the_kinds_are_those_of_the_union() -> None:
    assert set(ALL) == set(TO)
    assert {get_args(kind.model_fields["kind"].annotation)[0] for kind in ALL} == set(KINDS)


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
def test_what_a_worker_calls_has_its_row_and_the_rest_has_none(kind: type[RouteModel]) -> None:
    assert (kind in dispatch._KINDS) == kind.is_called
    assert hasattr(dispatch._KINDS.get(kind), "read") == (kind in READABLE)
    assert route(kind).idempotent is False
    assert str(route(kind))


def test_a_route_is_taken_by_its_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    monkeypatch.setattr("execution.routes.http.call", lambda *told: asked.append(told) or Result("succeeded"))
    told: Any = how()
    assert dispatch.call(route(HttpRoute), KNOWN, told) == Result("succeeded")
    assert asked == [(route(HttpRoute), KNOWN, told)]


# --- What every kind promises -----------------------------------------------------------------------


class Rude(threading.Thread):
    """A service that answers every connection with the same bytes, and then hangs up or keeps silent."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.says: bytes = b""
        self.repeats, self.hangs_up, self.came = 1, True, 0
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.place = PLACE.format(self.listening.getsockname()[1])
        self.start()

    def run(self) -> None:
        while True:
            try:
                came, _ = self.listening.accept()
            except OSError:
                return
            self.came += 1
            threading.Thread(target=self._answer, args=(came,), daemon=True).start()

    def _answer(self, came: socket.socket) -> None:
        try:
            came.settimeout(60)
            came.recv(65536)
            for _ in range(self.repeats):
                came.sendall(self.says)
            while not self.hangs_up and came.recv(65536):
                pass
        except OSError:
            pass
        finally:
            came.close()


@pytest.fixture
def rude() -> Iterator[Rude]:
    service = Rude()
    yield service
    service.listening.close()


@pytest.fixture
def to(rude: Rude, vault: Callable[..., None], settings: Any) -> Callable[..., Any]:
    """`to(kind)` is a route of the kind to the rude service, which is allowed."""
    vault(**{"shop-broker": f"redis://{rude.place}/0"})
    settings.EGRESS_ALLOW = [rude.place]
    return lambda kind: route(kind, rude.place)


@pytest.mark.parametrize("kind", OVER_THE_NET, ids=lambda kind: kind.__name__)
def test_no_kind_leaves_its_host(kind: Any, to: Any, rude: Rude, settings: Any, vault: Any) -> None:
    settings.EGRESS_ALLOW = ["shop.example:80"]
    result = dispatch.call(to(kind), KNOWN, how())
    assert (result.outcome, rude.came) == (REFUSED, 0), result.detail
    assert "is not in EGRESS_ALLOW" in result.detail

    # A name that is allowed, and leads to where cloud machines keep their keys.
    settings.EGRESS_ALLOW = ["metadata.shop.example:80"]
    vault(**{"shop-broker": "redis://metadata.shop.example:80/0"})
    there = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("169.254.169.254", 80))]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", lambda *_, **__: there)
        result = dispatch.call(route(kind, "metadata.shop.example:80"), KNOWN, how())
    assert result.outcome == REFUSED
    assert "an address that no workflow may reach" in result.detail


ANSWERS = st.one_of(
    st.binary(max_size=200),
    st.sampled_from(
        [
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: {}\n\n",
            b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n",
            b"+OK\r\n",
            b"-ERR no\r\n",
            b":1\r\n",
            b"$99999999\r\n",
            b"AMQP\x00\x00\x09\x01",
        ]
    ),
)


@pytest.mark.parametrize("kind", OVER_THE_NET, ids=lambda kind: kind.__name__)
@searching(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(says=ANSWERS, hangs_up=st.booleans())
def test_no_kind_raises_or_takes_longer_than_it_may(
    kind: Any, to: Any, rude: Rude, says: bytes, hangs_up: bool
) -> None:
    rude.says, rude.hangs_up, rude.repeats = says, hangs_up, 1
    began = time.monotonic()
    result = dispatch.call(to(kind), KNOWN, how(timeout=0.3))
    assert isinstance(result, Result)
    assert time.monotonic() - began < 10  # on a machine that is very busy
    if kind in READABLE:
        with suppress(NoRead):
            dispatch.read(to(kind), KNOWN, 0.3)


def nobody_listens_any_more() -> None:
    wait_for(lambda: not any(thread.name == aside.NAME for thread in threading.enumerate()))


@pytest.mark.parametrize("kind", OVER_THE_NET, ids=lambda kind: kind.__name__)
def test_no_kind_listens_without_end(kind: Any, to: Any, rude: Rude) -> None:
    """Four gigabytes would come, if anybody listened."""
    starts = {
        HttpRoute: b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n",
        McpRoute: b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n",
        MessageRoute: b"+",
    }
    rude.says, rude.repeats = starts[kind] + b"x" * 2**20, 4_000
    began = time.monotonic()
    result = dispatch.call(to(kind), KNOWN, how(timeout=1.0))
    assert result.outcome in (FAILED, UNKNOWN), result.detail
    assert time.monotonic() - began < 20
    nobody_listens_any_more()


def test_a_frame_without_end_is_not_read_either(rude: Rude, to: Any, vault: Any) -> None:
    message = to(MessageRoute)
    vault(**{"shop-broker": f"amqp://{rude.place}/"})
    rude.says, rude.repeats = b"\x01\x00\x00\x7f\xff\xff\xff" + b"x" * 2**20, 4_000
    result = dispatch.call(message, KNOWN, how(timeout=20))
    assert (result.outcome, result.detail) == (FAILED, "Not sent: the broker said more than 1024 KiB.")
    nobody_listens_any_more()


@pytest.mark.parametrize("kind", [kind for kind in ALL if kind.is_called], ids=lambda kind: kind.__name__)
def test_what_cannot_be_filled_in_is_refused_and_nothing_is_sent(kind: Any, rude: Rude, to: Any) -> None:
    field = "body" if kind in (HttpRoute, MessageRoute) else "arguments"
    broken = to(kind).model_copy(update={field: {"note": "=args.nowhere.to.be.found"}})
    result = dispatch.call(broken, KNOWN, how())
    assert (result.outcome, rude.came, result.detail[:9]) == (REFUSED, 0, "Not sent:")
