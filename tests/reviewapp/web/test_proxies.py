"""The proxies' files in examples/proxy: run, with the programs that are installed, before a server that tells
what reached it."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest

FILES = Path(__file__).resolve().parents[3] / "examples" / "proxy"
PATIENCE = 20.0
UPGRADE = (  # key and answer are the example of RFC 6455
    b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)
ACCEPTED = (
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
)


@dataclass
class Server:
    """Listens as `web` or `api` do, keeps each request as its bytes came, and answers with its name."""

    name: str
    seen: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.socket.accept()
                threading.Thread(target=self._serve, args=[connection], daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        connection.settimeout(PATIENCE)
        with contextlib.suppress(OSError), connection:
            request = b""
            while not complete(request):
                piece = connection.recv(1 << 16)
                if not piece:
                    break
                request += piece
            if request:
                self.seen.append(request)
            if complete(request):
                connection.sendall(self._answer(request))

    def _answer(self, request: bytes) -> bytes:
        if b"upgrade: websocket" in request.lower():
            return ACCEPTED
        length = len(self.name)
        return f"HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{self.name}".encode()


def complete(request: bytes) -> bool:
    head, found, body = request.partition(b"\r\n\r\n")
    if not found:
        return False
    if b"transfer-encoding: chunked" in head.lower():
        return body.endswith(b"0\r\n\r\n")
    length = re.search(rb"content-length: *(\d+)", head, re.IGNORECASE)
    return len(body) >= int(length[1] if length else 0)


@dataclass
class Proxy:
    name: str
    port: int
    web: Server
    api: Server

    @property
    def seen(self) -> list[bytes]:
        return [*self.web.seen, *self.api.seen]

    def ask(self, request: bytes, *, patience: float = PATIENCE) -> bytes:
        """What it answers until it closes the connection, or has said all; raises `TimeoutError`."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=patience) as connection:
            with contextlib.suppress(ConnectionError):
                connection.sendall(request)
            answer = b""
            with contextlib.suppress(ConnectionError):
                while not (complete(answer) and answer):
                    piece = connection.recv(1 << 16)
                    if not piece:
                        break
                    answer += piece
            return answer


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


def replaced(text: str, changes: dict[str, str]) -> str:
    for old, new in changes.items():
        assert old in text, f"{old!r} stands nowhere in the file"
        text = text.replace(old, new)
    return text


def nginx(folder: Path, port: int, web: int, api: int) -> list[str]:
    ours = replaced(
        (FILES / "nginx.conf").read_text(),
        {
            "listen 443 ssl;": f"listen 127.0.0.1:{port};",
            "ssl_certificate ": "# ",
            "ssl_certificate_key ": "# ",
            "127.0.0.1:8000": f"127.0.0.1:{web}",
            "127.0.0.1:8001": f"127.0.0.1:{api}",
            "_timeout 10s": "_timeout 1s",
        },
    )
    (folder / "ours.conf").write_text(ours)
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = "".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)
    user = "user root;" if Path.home() == Path("/root") else ""
    around = (
        f"daemon off; {user} pid {folder}/pid; error_log {folder}/log; events {{}} "
        f"http {{ access_log off; {temporary} include {folder}/ours.conf; }}"
    )
    (folder / "nginx.conf").write_text(around)
    return ["nginx", "-p", str(folder), "-e", f"{folder}/log", "-c", f"{folder}/nginx.conf"]


def caddy(folder: Path, port: int, web: int, _api: int) -> list[str]:
    changes = {
        "review.example.com": f"http://127.0.0.1:{port}",
        "127.0.0.1:8000": f"127.0.0.1:{web}",
        "read_body 30s": "read_body 1s",
        "read_header 10s": "read_header 1s",
        "{\n\tservers": "{\n\tadmin off\n\tauto_https off\n\tservers",
    }
    (folder / "Caddyfile").write_text(replaced((FILES / "Caddyfile").read_text(), changes))
    return ["caddy", "run", "--config", f"{folder}/Caddyfile", "--adapter", "caddyfile"]


def haproxy(folder: Path, port: int, web: int, api: int) -> list[str]:
    changes = {
        "bind :443 ssl crt /etc/ssl/review.example.com.pem": f"bind 127.0.0.1:{port}",
        "127.0.0.1:8000": f"127.0.0.1:{web}",
        "127.0.0.1:8001": f"127.0.0.1:{api}",
        "http-request 10s": "http-request 1s",
        "timeout client 30s": "timeout client 1s",
    }
    (folder / "haproxy.cfg").write_text(replaced((FILES / "haproxy.cfg").read_text(), changes))
    return ["haproxy", "-db", "-f", f"{folder}/haproxy.cfg"]


COMMANDS: dict[str, Callable[[Path, int, int, int], list[str]]] = {
    "nginx": nginx,
    "caddy": caddy,
    "haproxy": haproxy,
}


@pytest.fixture(scope="module", params=list(COMMANDS))
def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    if not shutil.which(request.param):
        pytest.skip(f"{request.param} is not installed")
    folder, port, web, api = tmp_path_factory.mktemp(request.param), free_port(), Server("web"), Server("api")
    command = COMMANDS[request.param](folder, port, web.port, api.port)
    environment = {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": str(folder),
    }
    with (
        (folder / "said").open("wb") as said,
        subprocess.Popen(command, stdout=said, stderr=said, env=environment) as process,
    ):
        try:
            wait_for(port, process, folder)
            yield Proxy(request.param, port, web, api)
        finally:
            process.terminate()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()


def wait_for(port: int, process: subprocess.Popen[bytes], folder: Path) -> None:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.05)
    raise AssertionError((folder / "said").read_text())


@pytest.fixture
def proxy(running: Proxy) -> Proxy:
    running.web.seen.clear()
    running.api.seen.clear()
    return running


HOST = b"Host: 127.0.0.1\r\n"
POST = b"POST /api/v1/proposals/ HTTP/1.1\r\n" + HOST + b"Content-Type: application/json\r\n"


@pytest.mark.parametrize(
    ("target", "to"),
    [
        (b"/queue/", b"web"),
        (b"/api/v1/proposals/", b"api"),
        (b"/api/v1/proposals/?status=pending", b"api"),
        (b"/api/v1/proposals/0190a5b0-0000-7000-8000-000000000000/?wait=25", b"web"),
        (b"/api/v1/events/export/?format=jsonl", b"web"),
        (b"/api/docs/", b"web"),
    ],
)
def test_what_waits_goes_to_web_and_the_rest_of_the_api_to_api(
    proxy: Proxy, target: bytes, to: bytes
) -> None:
    expected = b"web" if proxy.name == "caddy" else to  # which would let slow bodies through to api
    assert proxy.ask(b"GET " + target + b" HTTP/1.1\r\n" + HOST + b"\r\n").endswith(b"\r\n\r\n" + expected)
    assert proxy.seen[0].startswith(b"GET " + target + b" HTTP/1.1\r\n")


def test_a_whole_body_gets_through(proxy: Proxy) -> None:
    body = json.dumps({"title": "x" * 100_000}).encode()
    assert proxy.ask(POST + b"Content-Length: %d\r\n\r\n%b" % (len(body), body)).endswith((b"api", b"web"))
    assert proxy.seen[0].endswith(body)


def test_a_socket_gets_through(proxy: Proxy) -> None:
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=PATIENCE) as connection:
        connection.sendall(b"GET /ws/queue/ HTTP/1.1\r\n" + HOST + UPGRADE + b"\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 101 ")
    assert b"sec-websocket-key: dghlihnhbxbszsbub25jzq==" in proxy.web.seen[0].lower()


@pytest.mark.parametrize("target", [b"/queue/", b"/api/v1/proposals/"])
def test_what_a_client_says_of_its_own_address_counts_for_nothing(proxy: Proxy, target: bytes) -> None:
    names = (b"X-Forwarded-For", b"X_Forwarded_For", b"X-Real-IP", b"Forwarded")
    forged = b"".join(name + b": 203.0.113.9\r\n" for name in names)
    proxy.ask(b"GET " + target + b" HTTP/1.1\r\n" + HOST + forged + b"\r\n")
    [request] = proxy.seen
    assert b"203.0.113.9" not in request
    assert re.findall(rb"x-forwarded-for: *(\S+)\r\n", request.lower()) == [b"127.0.0.1"]
    assert re.search(rb"x-forwarded-proto: https?\r\n", request.lower())


def test_metrics_are_for_the_inside(proxy: Proxy) -> None:
    assert proxy.ask(b"GET /metrics HTTP/1.1\r\n" + HOST + b"\r\n").startswith(b"HTTP/1.1 403 ")
    assert proxy.seen == []


def test_what_does_not_come_to_its_end_reaches_nobody_and_ends(proxy: Proxy) -> None:
    headers, length, chunks = (
        b"GET / HTTP/1.1\r\nHost: 12",
        POST + b"Content-Length: 100\r\n\r\n{",
        POST + b"Transfer-Encoding: chunked\r\n\r\n5\r\nab",
    )
    began = time.monotonic()
    with ThreadPoolExecutor() as together:  # a TimeoutError here: it waits for ever
        answer, *of_bodies = together.map(proxy.ask, [headers, length, chunks])
    assert time.monotonic() - began < PATIENCE
    assert answer == b"" or answer.startswith(b"HTTP/1.1 408 "), answer
    for answer in of_bodies:
        assert answer == b"" or re.match(rb"HTTP/1\.1 (400|408|502|504) ", answer), answer
    assert not any(complete(request) or request.startswith(b"GET ") for request in proxy.seen)


@pytest.mark.parametrize(
    "chunk", [b"ZZ\r\nab\r\n0\r\n\r\n", b"2\r\nabX\r\n0\r\n\r\n", b"-2\r\nab\r\n0\r\n\r\n"]
)
def test_broken_chunks_reach_nobody(proxy: Proxy, chunk: bytes) -> None:
    answer = proxy.ask(POST + b"Transfer-Encoding: chunked\r\n\r\n" + chunk)
    assert re.match(rb"HTTP/1\.1 (400|413|502) ", answer), answer
    assert not any(complete(request) for request in proxy.seen)


@pytest.mark.parametrize("first", [b"Content-Length: 5\r\n", b""])
def test_of_two_lengths_one_is_left_at_most(proxy: Proxy, first: bytes) -> None:
    last = b"" if first else b"Content-Length: 5\r\n"
    answer = proxy.ask(POST + first + b"Transfer-Encoding: chunked\r\n" + last + b"\r\n2\r\n{}\r\n0\r\n\r\n")
    if proxy.seen:
        [request] = proxy.seen
        head = request.partition(b"\r\n\r\n")[0].lower()
        assert (b"content-length:" in head) != (b"transfer-encoding:" in head)
        assert b"content-length: 5" not in head
        assert complete(request)
    else:
        assert re.match(rb"HTTP/1\.1 (400|501) ", answer), answer


def test_lines_that_end_in_a_line_feed_are_written_anew_or_refused(proxy: Proxy) -> None:
    answer = proxy.ask(b"GET /queue/ HTTP/1.1\nHost: 127.0.0.1\nX-A: b\n\n")
    assert answer.startswith(b"HTTP/1.1 400 ") or answer.endswith(b"web")
    assert not any(re.search(rb"(?<!\r)\n", request) for request in proxy.seen)


def test_a_body_that_nothing_accepts_reaches_nobody(proxy: Proxy) -> None:
    answer = proxy.ask(POST + b"Content-Length: 99999999\r\n\r\n" + b"x" * (10 * 1024 * 1024))
    assert answer == b"" or re.match(rb"HTTP/1\.1 (413|502) ", answer), answer[:100]
    assert not any(complete(request) for request in proxy.seen)
