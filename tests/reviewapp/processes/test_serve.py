"""A web process that is told to stop hears whoever has connected, and leaves the rest to the next one."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest
from django.conf import settings

from reviewapp.processes.children import SOCKET

REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
WAITS = REQUEST.replace(b"/ ", b"/end ", 1)
WELL = b"HTTP/1.1 200"


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as found:
        yield found


@pytest.fixture
def serve(listening: socket.socket) -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    """`serve()` is a process that serves this socket, once it is ready."""
    started: list[subprocess.Popen[bytes]] = []

    def start() -> subprocess.Popen[bytes]:
        address = ["--host", "127.0.0.1", "--port", str(listening.getsockname()[1])]
        command = [sys.executable, "-m", "reviewapp.processes.serve", "--interface", "asginl", *address]
        process = subprocess.Popen(
            [*command, "tests.reviewapp.processes.tiny:application"],
            cwd=settings.BASE_DIR,
            env={**os.environ, SOCKET: str(listening.fileno()), "PYTHONUNBUFFERED": "1"},
            pass_fds=[listening.fileno()],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        started.append(process)
        assert process.stdout is not None
        assert any(b"Started worker-" in line for line in process.stdout)
        return process

    yield start
    for process in started:
        process.terminate()
    assert [process.wait(20) for process in started] == [0] * len(started)


def connected(listening: socket.socket, says: bytes = b"") -> socket.socket:
    client = socket.create_connection(listening.getsockname(), timeout=20)
    client.sendall(says)
    return client


def answer(client: socket.socket) -> bytes:
    with client:
        return client.recv(12)


def test_who_has_connected_is_heard_and_who_connects_waits_for_the_next(
    listening: socket.socket, serve: Callable[[], subprocess.Popen[bytes]]
) -> None:
    old = serve()
    early, waits = connected(listening), connected(listening, WAITS)
    assert answer(connected(listening, REQUEST)) == WELL  # so those before it were taken, too

    old.terminate()
    meanwhile = connected(listening, REQUEST)
    assert answer(waits) == WELL  # its end has begun
    early.settimeout(0.1)
    with pytest.raises(TimeoutError):  # a connection that was closed reads as ended
        early.recv(1)
    early.settimeout(20)
    early.sendall(REQUEST)

    assert answer(early) == WELL
    old.wait(20)
    late = connected(listening, REQUEST)
    serve()
    assert [answer(client) for client in (meanwhile, late)] == [WELL, WELL]
