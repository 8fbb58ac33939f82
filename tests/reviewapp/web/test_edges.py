"""The edges of HTTP, against the server that `up --only web` starts: bytes in, bytes out."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import socket
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import pytest

from reviewapp.processes import children
from reviewapp.web import bridge
from reviewapp.web.bridge import ThreadBridge

PATIENCE = 60.0
HOST = b"Host: localhost\r\n"
POST = b"POST /api/v1/proposals/ HTTP/1.1\r\n" + HOST + b"Content-Type: application/json\r\n"


@pytest.fixture(scope="module")
def port(django_db_setup: None) -> Iterator[int]:
    """A web process of our own, on a free port."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        number = int(found.getsockname()[1])
    command = children.web("127.0.0.1", number)
    with subprocess.Popen(
        command, env={**os.environ, "WEB_PROCESSES": "1"}, stderr=subprocess.DEVNULL
    ) as server:
        try:
            until = time.monotonic() + PATIENCE
            while server.poll() is None and time.monotonic() < until:
                with (
                    contextlib.suppress(ConnectionRefusedError),
                    socket.create_connection(("127.0.0.1", number)),
                ):
                    break
                time.sleep(0.1)
            yield number
        finally:
            server.terminate()


def ask(port: int, request: bytes, *, then_ends: bool = False) -> bytes:
    """The answer, up to the end of the connection or of what its length says."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
        connection.sendall(request)
        if then_ends:
            connection.shutdown(socket.SHUT_WR)
        answer = b""
        while not is_whole(answer):
            piece = connection.recv(1 << 16)
            if not piece:
                break
            answer += piece
        return answer


def is_whole(answer: bytes) -> bool:
    head, found, body = answer.partition(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head)
    if found and length is None:
        return body.endswith(b"0\r\n\r\n")
    return bool(found and length and len(body) >= int(length[1]))


@pytest.mark.parametrize(
    ("request_", "ends"),
    [
        (POST + b"Transfer-Encoding: chunked\r\n\r\nZZ\r\nabc\r\n0\r\n\r\n", False),
        (POST + b"Transfer-Encoding: chunked\r\n\r\n-1\r\nabc\r\n0\r\n\r\n", False),
        (POST + b"Transfer-Encoding: chunked\r\n\r\n5\r\nabc", True),
        (POST + b"Content-Length: 100\r\n\r\n{}", True),
        (POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", False),
        (b"GET /api/v1/policies/%00/ HTTP/1.1\r\n" + HOST + b"\r\n", False),
        (b"GET /api/v1/policies/%ff/ HTTP/1.1\r\n" + HOST + b"\r\n", False),
        (b"GET /api/v1/policies/%ed%a0%80/ HTTP/1.1\r\n" + HOST + b"\r\n", False),
        (b"GET /api/v1/proposals/?agent=%00 HTTP/1.1\r\n" + HOST + b"\r\n", False),
    ],
    ids=["no hex", "negative", "cut chunk", "cut body", "gzip", "NUL", "not UTF-8", "surrogate", "NUL asked"],
)
def test_what_cannot_be_read_is_a_problem_and_no_failure(port: int, request_: bytes, ends: bool) -> None:
    answer = ask(port, request_, then_ends=ends)
    assert answer.startswith(b"HTTP/1.1 400 "), answer[:200]
    assert b"content-type: application/problem+json" in answer


def test_after_a_request_in_chunks_the_connection_is_closed(port: int) -> None:
    """It may have had a length, too, by which somebody before us read it: nothing behind it is a request."""
    smuggled = b"GET /healthz HTTP/1.1\r\n" + HOST + b"\r\n"
    chunked = POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n" + smuggled
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
        connection.sendall(chunked)
        answer = b""
        with contextlib.suppress(ConnectionResetError):
            while piece := connection.recv(1 << 16):
                answer += piece
    assert answer.startswith(b"HTTP/1.1 401 ")
    assert b"connection: close" in answer
    assert answer.count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize(
    "lengths",
    [b"Content-Length: 2\r\nContent-Length: 3\r\n", b"Content-Length: +2\r\n", b"Content-Length: -2\r\n"],
)
def test_a_length_that_is_none_is_refused(port: int, lengths: bytes) -> None:
    assert ask(port, POST + lengths + b"\r\n{}").startswith(b"HTTP/1.1 400 ")


# --- The bridge alone, where a clock has to be short --------------------------------------------------


def through_the_bridge(
    messages: list[dict[str, Any]], headers: list[tuple[bytes, bytes]] | None = None
) -> Any:
    """What the application is told of a request whose body comes in these messages, and then nothing more."""
    seen: list[Any] = []

    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        seen.append(environ.get(bridge.REFUSED) or environ["wsgi.input"].read())
        start_response("200 OK", [])
        return [b""]

    coming = iter(messages)

    async def receive() -> dict[str, Any]:
        for message in coming:
            return message
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: dict[str, Any]) -> None:
        pass

    scope = {"method": "POST", "path": "/", "query_string": b"", "headers": headers or []}
    asyncio.run(ThreadBridge(app, threads=1)(scope, receive, send))
    return seen[0]


def test_a_body_that_does_not_come_is_waited_for_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bridge, "BODY_SECONDS", 0.05)
    begun = {"type": "http.request", "body": b"{", "more_body": True}
    refused = through_the_bridge([begun])
    assert (refused.status, refused.kind, refused.closes) == (408, "BodyTooSlow", True)


def test_a_body_that_ends_too_early_is_no_body() -> None:
    begun = {"type": "http.request", "body": b"{}", "more_body": True}
    refused = through_the_bridge([begun, {"type": "http.disconnect"}])
    assert (refused.status, refused.kind, refused.closes) == (400, "BodyCutShort", True)


def test_a_body_in_pieces_is_whole() -> None:
    pieces = [
        {"type": "http.request", "body": b"{", "more_body": True},
        {"type": "http.request", "body": b"}"},
    ]
    assert through_the_bridge(pieces) == b"{}"


def test_two_lengths_are_one_too_many() -> None:
    headers = [(b"content-length", b"2"), (b"transfer-encoding", b"chunked")]
    refused = through_the_bridge([{"type": "http.request", "body": b"{}"}], headers)
    assert (refused.status, refused.kind) == (400, "TwoLengths")
