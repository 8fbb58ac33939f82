"""Messages on their way outside: real servers at the other end, and nowhere else to go."""

from __future__ import annotations

import json
import os
import socketserver
import threading
from collections.abc import Iterator
from email import message_from_bytes
from email.message import Message as Mail
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from django.db.models.functions import Now

from approvals.models import Delivery, Message, Notice, Target
from approvals.telling import carrier, deliver, seal, targets
from approvals.telling.outbox import DELIVERIES
from audit.ground import egress
from audit.ground.refusals import Invalid
from audit.models import Event
from tests.conftest import actor_of

KEY = "0195c1f5-0000-7000-8000-000000000001"


class Hooks(HTTPServer):
    """A webhook's server: keeps what it is sent, and answers as it is told to."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Hook)
        self.received: list[tuple[str, dict[str, str], bytes]] = []
        self.answers = 200
        self.location = ""

    @property
    def place(self) -> str:
        return f"127.0.0.1:{self.server_port}"


class _Hook(BaseHTTPRequestHandler):
    server: Hooks

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.received.append((self.path, headers, body))
        self.send_response(self.server.answers)
        if self.server.location:
            self.send_header("Location", self.server.location)
        self.end_headers()

    do_GET = do_POST  # noqa: N815

    def log_message(self, *_: Any) -> None:
        """Tests say nothing."""


class Post(socketserver.TCPServer):
    """A mail server: keeps what it is sent, or turns it away."""

    allow_reuse_address = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Letter)
        self.received: list[Mail] = []
        self.refuses = False


class _Letter(socketserver.StreamRequestHandler):
    server: Post

    def handle(self) -> None:
        self._say("220 here")
        while line := self.rfile.readline():
            verb = line.split()[0].upper() if line.split() else b""
            if verb == b"QUIT":
                return self._say("221 bye")
            if verb == b"RCPT" and self.server.refuses:
                self._say("550 nobody of that name")
            elif verb == b"DATA":
                self._say("354 go on")
                lines = iter(self.rfile.readline, b".\r\n")
                self.server.received.append(message_from_bytes(b"".join(lines)))
                self._say("250 taken")
            else:
                self._say("250 well")
        return None

    def _say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())


def _running(server: Any) -> Iterator[Any]:
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def hooks(settings: Any) -> Iterator[Hooks]:
    server = Hooks()
    settings.NOTICE_ALLOW = [server.place]
    yield from _running(server)


@pytest.fixture
def post(settings: Any) -> Iterator[Post]:
    server = Post()
    settings.EMAIL_URL = f"smtp://127.0.0.1:{server.server_address[1]}"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.server_address[1]
    settings.EMAIL_FROM = "reviewapp@example.com"
    yield from _running(server)


# --- What arrives ----------------------------------------------------------------------------------


def test_a_webhook_gets_the_message_and_its_key(hooks: Hooks) -> None:
    address = carrier.read(f"http://{hooks.place}/hook?+X-Mine=yes&+host=other&+Idempotency-key=x")
    carrier.carry(address.full, title="2 new", body="line\n\nlink", key=KEY)

    [(path, headers, body)] = hooks.received
    assert path == "/hook"
    assert headers["idempotency-key"] == KEY
    assert (headers["x-mine"], headers["host"]) == ("yes", hooks.place)
    said = json.loads(body)
    assert (said["title"], said["message"]) == ("2 new", "line\n\nlink")


def test_a_mailbox_gets_plain_text_under_the_key(post: Post, settings: Any) -> None:
    settings.PUBLIC_URL = "https://review.example.com"
    address = carrier.read("ana@example.com")
    carrier.carry(address.full, title="2 new", body="line\n\nhttps://review.example.com/queue/", key=KEY)

    [mail] = post.received
    assert (mail["Subject"], mail["To"]) == ("2 new", "ana@example.com")
    assert "reviewapp@example.com" in mail["From"]
    assert mail.get_all("Message-ID") == [f"<{KEY}@review.example.com>"]
    assert mail.get_content_type() == "text/plain"
    assert "https://review.example.com/queue/" in mail.get_payload(decode=True).decode()


SERVICES = {
    "discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js": "discord.com",
    "https://discord.com/api/webhooks/4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js": "discord.com",
    "gchat://workspace/key/token": "chat.googleapis.com",
    "gotifys://push.example.com/abcdefghijklmno": "push.example.com",
    "mmosts://chat.example.com/3ccdd113474722377935511fc85d3dd4": "chat.example.com",
    "ntfys://push.example.com/topic": "push.example.com",
    "rockets://abcd123/efgh456@chat.example.com/%23channel": "chat.example.com",
    "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ": "hooks.slack.com",
    "https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ": "hooks.slack.com",
    "tgram://123456789:abcdefg_hijklmnop/12315544/": "api.telegram.org",
    "workflows://p1.logic.azure.com:443/643e69f83c8944/438jdfi3248/": "p1.logic.azure.com",
    "wxteams://" + "abcdefghijklmnop" * 5: "api.ciscospark.com",
    "zulip://bot@example/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/channel": "example.zulipchat.com",
    "forms://hooks.example.com/form": "hooks.example.com",
    "https://hooks.example.com/x": "hooks.example.com",
}


@pytest.mark.parametrize(("text", "host"), SERVICES.items())
def test_every_service_goes_through_our_door(text: str, host: str, settings: Any, monkeypatch: Any) -> None:
    settings.NOTICE_ALLOW = [f"{host}:443"]
    asked: list[tuple[str, bytes, Any]] = []

    def answer(method: str, url: str, *, door: Any, content: bytes, **_: Any) -> egress.Answer:
        asked.append((url, content, door))
        return egress.Answer(200, {}, b"ok" if "slack" in url else b'{"ok": true, "id": "1"}')  # type: ignore[arg-type]

    monkeypatch.setattr(egress, "request", answer)
    address = carrier.read(text)
    carrier.carry(address.full, title="2 new", body="look there", key=KEY)

    assert address.shown == host
    assert {door for _, _, door in asked} == {egress.Door.NOTICES}
    assert {egress.read_url(url).host for url, _, _ in asked} == {host}
    assert any(b"look" in content for _, content, _ in asked)


# --- What does not leave ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "http://127.0.0.1:1/",
        "json://169.254.169.254/latest/meta-data/",
        "jsons://hooks.example.com:8443/",
        "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ",
        "file:///etc/passwd",
        "syslog://",
        "mailto://user:password@gmail.com",
        "dbus://",
        "apprise://hooks.example.com/token",
        "discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js?template=/etc/passwd",
        "https://hooks.example.com/?verify=no",
        "https://hooks.example.com/?redirect=yes",
        "https://hooks.example.com/?image=yes",
        "ana@example.com\nbcc: all@example.com",
        "ana@example.com,ben@example.com",
        "ana@",
        "",
        "x" * 2_000,
    ],
)
def test_other_addresses_are_refused(text: str, settings: Any, post: Post) -> None:
    settings.NOTICE_ALLOW = ["hooks.example.com:443"]

    with pytest.raises(carrier.NoAddress):
        carrier.read(text)
    assert post.received == []


def test_a_host_is_judged_again_when_it_is_sent_to(hooks: Hooks, settings: Any) -> None:
    address = carrier.read(f"http://{hooks.place}/")
    settings.NOTICE_ALLOW = []

    with pytest.raises(carrier.NotCarried, match="does not let"):
        carrier.carry(address.full, title="a", body="b", key=KEY)
    assert hooks.received == []


def test_no_redirect_is_followed(hooks: Hooks) -> None:
    other = Hooks()
    hooks.answers, hooks.location = 307, f"http://{other.place}/inside"
    for _ in _running(other):
        with pytest.raises(carrier.NotCarried, match="307"):
            carrier.carry(f"json://{hooks.place}/", title="a", body="b", key=KEY)
        assert (len(hooks.received), other.received) == (1, [])


def test_without_a_mail_server_there_are_no_mailboxes(settings: Any) -> None:
    settings.EMAIL_URL = ""
    with pytest.raises(carrier.NoAddress, match="EMAIL_URL"):
        carrier.read("ana@example.com")


# --- From a person's address to a delivery ---------------------------------------------------------


def arrive(target: Target) -> Delivery:
    """Send a test there, as a worker would."""
    targets.attempt(target.pk, user=target.user, actor=actor_of(target.user))
    delivery = Delivery.objects.filter(target=target).latest("id")
    deliver.attempt(delivery.pk)
    return Delivery.objects.get(pk=delivery.pk)


def add(user: Any, address: str, name: str = "mine") -> Target:
    return targets.add(user, address=address, name=name, actor=actor_of(user))


def message_to(target: Target) -> Delivery:
    """Something that is told, and not a test."""
    message = Message.objects.create(user=target.user, title="1 new", body="look")
    kind: Any = {"kind": "target", "risk": 0, "urgent": False, "occasion": str(message.pk), "outside": "sent"}
    Notice.objects.create(user=target.user, message=message, **kind)
    return Delivery.objects.create(message=message, target=target)


def test_an_address_is_sealed_and_its_secret_is_nowhere(hooks: Hooks, ana: Any) -> None:
    target = add(ana, f"http://{hooks.place}/very-secret-path?+Authorization=very-secret")

    assert b"secret" not in bytes(target.sealed)
    assert seal.opened(bytes(target.sealed)).endswith("very-secret")
    assert (target.service, target.shown) == ("Webhook", "127.0.0.1")
    assert not any("secret" in event.body for event in Event.objects.all())


def test_a_test_message_arrives_and_the_page_can_say_so(hooks: Hooks, ana: Any) -> None:
    target = add(ana, f"http://{hooks.place}/")
    delivery = arrive(target)

    target.refresh_from_db()
    assert (delivery.status, target.failures, bool(target.sent_at)) == ("sent", 0, True)
    assert hooks.received[0][1]["idempotency-key"] == str(delivery.pk)


def test_a_test_that_fails_says_why_at_once(hooks: Hooks, ana: Any) -> None:
    hooks.answers = 403
    target = add(ana, f"http://{hooks.place}/")
    delivery = arrive(target)

    target.refresh_from_db()
    assert (delivery.status, target.last_error) == ("given_up", "It answered 403.")


def test_a_message_is_tried_again_and_given_up_in_the_end(hooks: Hooks, ana: Any) -> None:
    hooks.answers = 500
    delivery = message_to(add(ana, f"http://{hooks.place}/"))
    for _ in range(DELIVERIES.attempts + 2):
        deliver.attempt(delivery.pk)
        deliver.attempt(delivery.pk)  # nothing is due yet
        Delivery.objects.update(due_at=Now())

    delivery.refresh_from_db()
    assert (delivery.status, delivery.attempts) == ("given_up", DELIVERIES.attempts)
    assert {headers["idempotency-key"] for _, headers, _ in hooks.received} == {str(delivery.pk)}
    assert len(hooks.received) == DELIVERIES.attempts
    assert Event.objects.filter(type="notice.given_up").count() == 1


def test_an_address_that_fails_too_often_is_switched_off_and_its_owner_told(hooks: Hooks, ana: Any) -> None:
    hooks.answers = 500
    target = add(ana, f"http://{hooks.place}/")
    for _ in range(deliver.DISABLED_AFTER):
        deliver.attempt(message_to(target).pk)

    target.refresh_from_db()
    assert target.disabled_at
    assert Notice.objects.unread().filter(user=ana, kind="target", message=None).count() == 1
    deliver.attempt(message_to(target).pk)
    assert len(hooks.received) == deliver.DISABLED_AFTER

    hooks.answers = 200
    arrive(target)
    target.refresh_from_db()
    assert target.disabled_at is None


def test_a_worker_killed_after_sending_sends_the_same_key_again(
    hooks: Hooks, ana: Any, monkeypatch: Any
) -> None:
    delivery = message_to(add(ana, f"http://{hooks.place}/"))

    def killed(*_: Any) -> None:
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(deliver, "_arrived", killed)
        with pytest.raises(SystemExit):
            deliver.attempt(delivery.pk)
    assert DELIVERIES.due() == []
    Delivery.objects.update(due_at=Now())
    assert DELIVERIES.due() == [delivery.pk]
    deliver.attempt(delivery.pk)

    assert [headers["idempotency-key"] for _, headers, _ in hooks.received] == [str(delivery.pk)] * 2
    assert Delivery.objects.get(pk=delivery.pk).status == "sent"


def test_another_key_of_the_installation_is_said_and_nothing_sent(
    hooks: Hooks, ana: Any, settings: Any
) -> None:
    target = add(ana, f"http://{hooks.place}/")
    settings.SECRET_KEY = os.urandom(16).hex()
    arrive(target)

    target.refresh_from_db()
    assert "Add it again" in target.last_error
    assert hooks.received == []


def test_there_is_a_most_of_addresses(hooks: Hooks, ana: Any) -> None:
    for _ in range(targets.MOST):
        add(ana, f"http://{hooks.place}/")
    with pytest.raises(Invalid):
        add(ana, f"http://{hooks.place}/")
