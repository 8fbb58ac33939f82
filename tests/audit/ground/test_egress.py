from __future__ import annotations

import ipaddress
import socket
import ssl
import threading
import time
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from unittest.mock import patch

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from audit.ground import egress
from audit.ground.egress import Door, Lost, NotSent, Refused

PUBLIC = "93.184.215.14"  # of a well-known site; nothing here connects to it


class Canary(ThreadingHTTPServer):
    """A real server on the loopback that counts who got in."""

    daemon_threads = True

    def __init__(self) -> None:
        self.seen: list[tuple[str, dict[str, str], bytes]] = []
        super().__init__(("127.0.0.1", 0), _Handler)
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def port(self) -> int:
        return self.server_address[1]


class _Handler(BaseHTTPRequestHandler):
    server: Canary

    def log_message(self, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        self.server.seen.append((self.path, {k.lower(): v for k, v in self.headers.items()}, body))
        getattr(self, "_" + self.path.split("?")[0].strip("/").replace("-", "_"), self._ok)()

    do_POST = do_GET  # noqa: N815

    def _ok(self) -> None:
        self._answer(200, b'{"ok": true}')

    def _redirect(self) -> None:
        self._answer(302, b"", {"Location": f"http://127.0.0.1:{self.server.port}/inside"})

    def _large(self) -> None:
        self._answer(200, b"x" * (egress.LARGEST + 1))

    def _endless(self) -> None:
        self.send_response(200)
        self.end_headers()
        try:
            while True:
                self.wfile.write(b"x" * 65536)
        except OSError:
            pass

    def _drip(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        try:
            for _ in range(1000):
                self.wfile.write(b"x")
                time.sleep(0.05)
        except OSError:
            pass

    def _hang_up(self) -> None:
        self.connection.shutdown(socket.SHUT_RDWR)

    def _silent(self) -> None:
        time.sleep(2)

    def _answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def canary():
    server = Canary()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def names(monkeypatch):
    """A name service of our own: name -> list of answers, one for each time it is asked."""
    table: dict[str, list[list[str]]] = {}
    real = socket.getaddrinfo

    def look_up(host, port, *args, **kwargs):
        if host not in table:
            return real(host, port, *args, **kwargs)
        answers = table[host]
        addresses = answers.pop(0) if len(answers) > 1 else answers[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return table


def ask(url: str, door: Door = Door.CALLBACKS, **kwargs) -> egress.Answer:
    return egress.request("POST", url, door=door, timeout=kwargs.pop("timeout", 2.0), **kwargs)


# --- What is inside ---------------------------------------------------------------------------

LOOPBACK = [
    "127.0.0.1", "127.1", "127.0.1", "127.255.255.254", "2130706433", "0x7f000001", "0x7f.1",
    "0x7f.0.0.1", "0177.0.0.1", "0177.1", "017700000001", "127.0.0.1.", "localhost", "LOCALHOST",
    "localhost.", "0", "0.0.0.0", "0x0", "00.0.0.0", "[::1]", "[::]", "[0:0:0:0:0:0:0:1]",
    "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]", "[::7f00:1]", "[64:ff9b::127.0.0.1]",
    "[64:ff9b::7f00:1]", "[64:ff9b:1::7f00:1]", "[2002:7f00:1::]", "[2002:7f00:0001::1]",
    "[2001:0:0:0:0:0:80ff:fffe]", "[::ffff:0:127.0.0.1]", "①②⑦.⓪.⓪.①", "１２７.0.0.1", "127。0。0。1",
]  # fmt: skip
PRIVATE = [
    "10.0.0.1", "10.255.255.255", "0xa.0.0.1", "012.0.0.1", "167772161", "172.16.0.1", "172.31.255.255",
    "192.168.0.1", "192.168.1", "0xc0a80001", "100.64.0.1", "100.127.255.255", "169.254.169.254",
    "0xa9fea9fe", "2852039166", "169.254.1", "0251.0376.0251.0376", "[::ffff:169.254.169.254]",
    "[::ffff:a9fe:a9fe]", "[64:ff9b::a9fe:a9fe]", "[2002:a9fe:a9fe::]", "[fd00:ec2::254]", "[fe80::1]",
    "[fec0::1]", "[fc00::1]", "[fd12:3456:789a::1]", "[::ffff:10.0.0.1]", "[::10.0.0.1]",
    "[64:ff9b::10.0.0.1]", "[2002:a00:1::]", "[64:ff9b:1::a00:1]", "[64:ff9b:1:1::a00:1]",
    "[::ffff:192.168.0.1]", "[2001:0:4136:e378:8000:63bf:3fff:fdd2]", "[::ffff:100.64.0.1]",
    "100.100.100.200", "192.0.0.192", "168.63.129.16",
]  # fmt: skip
SPECIAL = [
    "192.0.0.1", "192.0.0.8", "192.0.0.170", "192.0.2.1", "192.31.196.1", "192.52.193.1", "192.88.99.1",
    "192.175.48.1", "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.1",
    "224.0.0.251", "239.255.255.250", "240.0.0.1", "255.255.255.255", "0.1.2.3", "[ff02::1]",
    "[ff0e::1]", "[100::1]", "[2001:db8::1]", "[2001:2::1]", "[2001:10::1]", "[2001:20::1]",
    "[3fff::1]", "[5f00::1]", "[2620:4f:8000::1]", "[::ffff:224.0.0.1]", "[64:ff9b::e000:1]",
    "[::ffff:0.0.0.0]", "[::ffff:255.255.255.255]", "[2002:e000:1::]", "[64:ff9b::808:808]",
    "[2002:808:808::]",
]  # fmt: skip
INSIDE = [
    f"{scheme}://{host}{port}/hook"
    for host in LOOPBACK + PRIVATE + SPECIAL
    for scheme, port in [("http", ""), ("https", ""), ("http", ":8080")]
]


@pytest.mark.parametrize("url", INSIDE)
def test_no_spelling_of_an_inside_address_gets_a_callback(url, no_connections):
    with pytest.raises(Refused):
        ask(url)


def _no_connection(*args: object) -> None:
    raise AssertionError("a connection was attempted")


@pytest.fixture
def no_connections():
    """Nothing connects; by itself, so that it ends before what every test does at its end."""
    with patch.object(socket.socket, "connect", _no_connection):
        yield


MALFORMED = [
    "", "http://", "http:///x", "https:/example.com", "example.com/hook", "//example.com/hook",
    "ftp://example.com/", "file:///etc/passwd", "gopher://example.com/_x", "unix:///run/x.sock",
    "javascript:alert(1)", "data:,x", "ws://example.com/", "http://user@example.com/",
    "http://user:word@example.com/", "http://:word@example.com/", "http://@example.com/",
    "http://example.com@127.0.0.1/", "http://127.0.0.1\\@example.com/", "http://exa mple.com/",
    "http://example.com/\r\nX: y", "http://example.com/\tx", "http://example.com\x00.evil/",
    "http://[::1/", "http://[::1%25lo]/", "http://[not-an-address]/", "http://example.com:0/",
    "http://example.com:99999/", "http://example.com:x/", "http://" + "a" * 64 + ".com/",
    "http://..com/", "http://example.com:25/", "http://example.com:22/",
    "http://example.com:6379/", "http://example.com:5432/", "http://[v1.x]/",
]  # fmt: skip


@pytest.mark.parametrize("url", MALFORMED)
def test_what_is_no_address_for_a_callback_is_refused(url, no_connections, names):
    names["example.com"] = [[PUBLIC]]
    with pytest.raises(Refused):
        ask(url)


@pytest.mark.parametrize(
    "text",
    ["8.8.8.8", PUBLIC, "2606:4700:4700::1111", "2a00:1450:4001::1", "::ffff:8.8.8.8"],
)
def test_public_addresses_are_public(text):
    if text.startswith("::ffff"):
        assert egress.meanings(ipaddress.ip_address(text)) == [ipaddress.ip_address("8.8.8.8")]
    egress._judge_public(ipaddress.ip_address(text))


def test_one_inside_address_among_public_ones_spoils_the_name(names, monkeypatch):
    names["mixed.example"] = [[PUBLIC, "127.0.0.1"]]
    monkeypatch.setattr(socket.socket, "connect", _no_connection)

    with pytest.raises(Refused):
        ask("http://mixed.example/")


def test_a_name_that_changes_its_mind_reaches_only_what_was_judged(names, monkeypatch):
    connected: list[str] = []

    def connect(self, address):
        connected.append(address[0])
        raise ConnectionRefusedError

    monkeypatch.setattr(socket.socket, "connect", connect)
    for _ in range(200):
        names["rebinding.example"] = [[PUBLIC], ["127.0.0.1"]]
        with pytest.raises(NotSent):
            ask("http://rebinding.example/")
        with pytest.raises(Refused):
            ask("http://rebinding.example/")

    assert set(connected) == {PUBLIC}


@pytest.mark.parametrize(
    "url", ["http://10.0.0.1/", "http://0x7f.1/", "http://[::1]/", "ftp://x/", "http://x:25/"]
)
def test_a_callback_address_that_can_be_seen_to_be_wrong_is_refused_when_it_is_handed_in(url):
    with pytest.raises(Refused):
        egress.may_call_back(url)


@pytest.mark.parametrize("url", ["https://agent.example/hooks", "http://8.8.8.8:8080/x"])
def test_a_callback_address_that_may_be_right_is_accepted(url, monkeypatch):
    asked = []
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **_: asked.append(args))

    egress.may_call_back(url)

    assert asked == []  # the rest is judged at every sending


# --- What is listed ---------------------------------------------------------------------------


def test_a_listed_address_is_reached(canary, settings):
    settings.CALLBACK_ALLOW = [f"127.0.0.1:{canary.port}"]

    answer = ask(f"http://127.0.0.1:{canary.port}/hook?x=1", content=b"{}", headers={"X-Mark": "1"})

    assert (answer.status, answer.json) == (200, {"ok": True})
    path, headers, body = canary.seen[0]
    assert (path, body) == ("/hook?x=1", b"{}")
    assert headers["host"] == f"127.0.0.1:{canary.port}"
    assert headers["accept-encoding"] == "identity"
    assert headers["x-mark"] == "1"


@pytest.mark.parametrize("door", Door)
@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{other}/",
        "http://127.0.0.2:{port}/",
        "http://2130706433:{port}/",
        "http://[::ffff:127.0.0.1]:{port}/",
        "http://localhost:{port}/",
        "http://user@127.0.0.1:{port}/",
    ],
)
def test_what_is_listed_is_the_host_and_the_port_as_they_stand(url, door, canary, settings):
    settings.CALLBACK_ALLOW = settings.EGRESS_ALLOW = [f"127.0.0.1:{canary.port}"]

    with pytest.raises(Refused):
        ask(url.format(port=canary.port, other=canary.port ^ 1), door)

    assert canary.seen == []


def test_a_route_reaches_no_public_address_that_is_not_listed(monkeypatch):
    monkeypatch.setattr(socket, "getaddrinfo", _no_connection)

    with pytest.raises(Refused, match=r"shop\.example:443 is not in EGRESS_ALLOW"):
        ask("https://shop.example/", Door.ROUTES)


@pytest.mark.parametrize("name", ["shop.internal", "SHOP.internal", "shop.internal."])
def test_a_listed_name_reaches_its_inside_address_and_keeps_its_name(name, canary, settings, names):
    names["shop.internal"] = [["127.0.0.1"]]
    settings.EGRESS_ALLOW = [f"shop.internal:{canary.port}"]

    assert ask(f"http://{name}:{canary.port}/", Door.ROUTES).status == 200

    assert canary.seen[0][1]["host"] == f"shop.internal:{canary.port}"


@pytest.mark.parametrize("address", ["169.254.169.254", "224.0.0.1", "0.0.0.0", "100.100.100.200"])
def test_a_listed_name_does_not_lead_to_the_metadata_of_the_cloud(address, settings, names, no_connections):
    names["shop.internal"] = [[address]]
    settings.EGRESS_ALLOW = ["shop.internal:80"]
    with pytest.raises(Refused):
        ask("http://shop.internal/", Door.ROUTES)


def test_the_second_address_is_tried_when_the_first_refuses(canary, settings, names):
    names["shop.internal"] = [["127.0.0.9", "127.0.0.1"]]
    settings.EGRESS_ALLOW = [f"shop.internal:{canary.port}"]

    assert ask(f"http://shop.internal:{canary.port}/", Door.ROUTES).status == 200


def test_proxies_of_the_environment_are_not_asked(canary, settings, monkeypatch):
    settings.EGRESS_ALLOW = [f"127.0.0.1:{canary.port}"]
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")

    assert ask(f"http://127.0.0.1:{canary.port}/", Door.ROUTES).status == 200


# --- What comes back --------------------------------------------------------------------------


@pytest.fixture
def shop(canary, settings):
    settings.EGRESS_ALLOW = [f"127.0.0.1:{canary.port}"]
    return f"http://127.0.0.1:{canary.port}"


def test_a_redirect_is_an_answer_and_not_followed(shop, canary):
    assert ask(f"{shop}/redirect", Door.ROUTES).status == 302
    assert [path for path, _, _ in canary.seen] == ["/redirect"]


@pytest.mark.parametrize("path", ["large", "endless"])
def test_an_answer_that_is_too_large_is_lost(path, shop):
    with pytest.raises(Lost, match="larger than 1024 KiB"):
        ask(f"{shop}/{path}", Door.ROUTES)


@pytest.mark.parametrize("path", ["drip", "silent"])
def test_the_timeout_covers_the_whole_exchange(path, shop):
    began = time.monotonic()

    with pytest.raises(Lost, match=r"no answer in time|time for this request is over"):
        ask(f"{shop}/{path}", Door.ROUTES, timeout=0.3)

    assert time.monotonic() - began < 1


def test_a_connection_that_breaks_after_sending_is_lost(shop):
    with pytest.raises(Lost):
        ask(f"{shop}/hang-up", Door.ROUTES)


def test_a_port_that_nobody_listens_on_is_not_sent(settings):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings.EGRESS_ALLOW = [f"127.0.0.1:{port}"]

    with pytest.raises(NotSent):
        ask(f"http://127.0.0.1:{port}/", Door.ROUTES)


def test_a_handshake_that_fails_is_not_sent(canary, settings):
    settings.EGRESS_ALLOW = [f"127.0.0.1:{canary.port}"]

    with pytest.raises(NotSent):
        ask(f"https://127.0.0.1:{canary.port}/", Door.ROUTES)


def certificate(name: str, file: Path) -> Path:
    """A file with a key and a certificate for this name, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, SHA256())
    )
    as_text = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(as_text + made.public_bytes(Encoding.PEM))
    return file


@pytest.fixture
def certified(canary, settings, names, monkeypatch, tmp_path):
    """The canary behind TLS, with a certificate for shop.internal, which is trusted."""
    file = certificate("shop.internal", tmp_path / "shop.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    canary.socket = context.wrap_socket(canary.socket, server_side=True, do_handshake_on_connect=False)
    trusted = ssl.create_default_context(cafile=file)
    monkeypatch.setattr(egress, "_trusted", lambda: trusted)
    for name in ("shop.internal", "other.internal"):
        names[name] = [["127.0.0.1"]]
    settings.EGRESS_ALLOW = [f"{name}:{canary.port}" for name in names]


def test_over_tls_a_request_reaches_the_name_that_the_certificate_is_of(canary, certified):
    answer = ask(f"https://shop.internal:{canary.port}/ok", Door.ROUTES, content=b"x" * 200_000)

    assert (answer.status, canary.seen[0][2]) == (200, b"x" * 200_000)


def test_over_tls_nothing_is_sent_to_another_name(canary, certified):
    with pytest.raises(NotSent, match="certificate verify failed"):
        ask(f"https://other.internal:{canary.port}/ok", Door.ROUTES)

    assert canary.seen == []


def test_a_name_that_does_not_exist_is_not_sent(settings, monkeypatch):
    settings.EGRESS_ALLOW = ["nowhere.invalid:80"]

    def unknown(*args, **kwargs):
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)

    with pytest.raises(NotSent):
        ask("http://nowhere.invalid/", Door.ROUTES)


def test_a_resolver_that_hangs_is_not_waited_for(settings, monkeypatch):
    settings.EGRESS_ALLOW = ["slow.invalid:80"]
    answered, real = threading.Event(), socket.getaddrinfo

    def hangs(host, *more, **how):
        if host == "slow.invalid":
            answered.wait(20)
        return real(host, *more, **how)

    monkeypatch.setattr(socket, "getaddrinfo", hangs)
    began = time.monotonic()

    with pytest.raises(NotSent):
        ask("http://slow.invalid/", Door.ROUTES, timeout=0.2)

    assert time.monotonic() - began < 10
    answered.set()


@pytest.mark.parametrize(
    "headers", [{"X": "a\r\nY: b"}, {"X\r\nY": "b"}, {"X": "\x00"}, {"": "x"}, {"X": "☃"}]
)
def test_a_header_cannot_smuggle_another(headers, shop, canary):
    with pytest.raises(Refused):
        ask(f"{shop}/", Door.ROUTES, headers=headers)

    assert canary.seen == []


@pytest.mark.parametrize("body", [b"", b"[", b"NaNs", b"\xff", b"[" * 100_000])
def test_an_answer_that_is_no_json_has_none(body):
    assert egress.Answer(200, egress.httpx.Headers(), body).json is None


# --- The last moment in which it can be left ----------------------------------------------------


def test_nothing_is_sent_where_the_sender_may_not_any_more(canary, settings):
    settings.CALLBACK_ALLOW = [f"127.0.0.1:{canary.port}"]
    url = f"http://127.0.0.1:{canary.port}/ok"

    with pytest.raises(NotSent):
        ask(url, content=b"x" * 200_000, may_send=lambda: False)
    with pytest.raises(NotSent):
        ask(url, timeout=2.0, began=time.monotonic() - 3)

    assert canary.seen == []


def test_the_sender_is_asked_once_and_then_all_of_it_leaves(canary, settings):
    settings.CALLBACK_ALLOW = [f"127.0.0.1:{canary.port}"]
    asked = []

    answer = ask(
        f"http://127.0.0.1:{canary.port}/ok",
        content=b"x" * 200_000,
        may_send=lambda: not asked.append(len(canary.seen)),
    )

    assert (answer.status, asked) == (200, [0])
    assert canary.seen[0][2] == b"x" * 200_000
