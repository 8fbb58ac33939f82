from __future__ import annotations

import json
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from django.db import connection
from django.db.models import F
from django.db.models.functions import Now
from standardwebhooks import Webhook, WebhookVerificationError

from audit.models import Event
from governance.agents.callback_secret import callback_secret
from suggestions.answering import callbacks
from suggestions.models import Callback

pytestmark = pytest.mark.django_db


class Agent(ThreadingHTTPServer):
    """The agent's end: keeps what it was told, answers as it was told to."""

    daemon_threads = True

    def __init__(self) -> None:
        self.heard: list[tuple[dict[str, str], bytes]] = []
        self.answers: list[tuple[int, dict[str, str]]] = []
        super().__init__(("127.0.0.1", 0), _Handler)
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def place(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Agent

    def log_message(self, *args: object) -> None:
        pass

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.heard.append((dict(self.headers.items()), body))
        status, headers = self.server.answers.pop(0) if self.server.answers else (204, {})
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", "0")
        self.end_headers()


@pytest.fixture
def hook(settings, monkeypatch):
    monkeypatch.setattr("audit.outbox.tell_worker._hand_over", lambda *_: None)
    server = Agent()
    settings.CALLBACK_ALLOW = [server.place]
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def owed(propose, hook):
    proposal = propose(callback_url=f"http://{hook.place}/hooks?x=1")
    return callbacks.owe(proposal, "execution.succeeded", {"status": "succeeded", "note": "größer \u2028"})


def state(callback):
    callback.refresh_from_db()
    return callback.status, callback.attempts, callback.last_error


def make_due(callback):
    Callback.objects.filter(pk=callback.pk).update(due_at=Now())


def test_a_callback_arrives_signed(owed, hook, agent):
    callbacks.send(owed.pk)
    callbacks.send(owed.pk)

    [(headers, body)] = hook.heard
    message = Webhook(callback_secret(agent)).verify(body, headers)
    assert message["type"] == "execution.succeeded"
    assert message["data"] == {
        "proposal": str(owed.proposal_id),
        "status": "succeeded",
        "note": "größer \u2028",
    }
    assert datetime.fromisoformat(message["timestamp"]) == Callback.objects.get().created_at
    assert headers["webhook-id"] == str(owed.pk)
    assert state(owed) == ("sent", 1, "")
    event = json.loads(Event.objects.get(type="callback.sent").body)
    assert event["proposal"] == str(owed.proposal_id)
    assert event["data"] == {"callback": str(owed.pk), "type": "execution.succeeded", "attempts": 1}


def test_nobody_else_can_sign(owed, hook, agent, olga):
    from governance.models import Agent as AgentRow

    callbacks.send(owed.pk)
    [(headers, body)] = hook.heard
    agent.callback_secret_version += 1
    other = AgentRow.objects.create(name="other-bot", owner=olga)

    for secret in (callback_secret(agent), callback_secret(other)):
        with pytest.raises(WebhookVerificationError):
            Webhook(secret).verify(body, headers)
    agent.callback_secret_version -= 1
    with pytest.raises(WebhookVerificationError):
        Webhook(callback_secret(agent)).verify(body + b" ", headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(callback_secret(agent)).verify(body, {**headers, "webhook-id": "another"})


def test_an_agent_without_an_address_is_owed_nothing(propose):
    assert callbacks.owe(propose(), "proposal.approved", {}) is None
    assert not Callback.objects.exists()


@pytest.mark.parametrize("status", [302, 400, 404, 429, 500, 503])
def test_what_does_not_arrive_is_sent_again_with_the_same_id(status, owed, hook):
    hook.answers = [(status, {"Location": f"http://{hook.place}/elsewhere"})]
    callbacks.send(owed.pk)
    assert state(owed) == ("waiting", 1, f"HTTP {status}")
    callbacks.send(owed.pk)
    assert len(hook.heard) == 1  # it is not due yet

    make_due(owed)
    callbacks.send(owed.pk)

    assert state(owed) == ("sent", 2, "")
    assert len({headers["webhook-id"] for headers, _ in hook.heard}) == 1


def test_gone_means_gone(owed, hook):
    hook.answers = [(410, {})]

    callbacks.send(owed.pk)

    assert state(owed) == ("given_up", 1, "HTTP 410")
    assert Event.objects.filter(type="callback.given_up").count() == 1


def test_retry_after_is_honoured(owed, hook):
    hook.answers = [(503, {"Retry-After": "4000"})]

    callbacks.send(owed.pk)

    wait = Callback.objects.annotate(wait=F("due_at") - Now()).get().wait
    assert timedelta(seconds=3_990) < wait <= timedelta(seconds=4_000)


def test_ten_attempts_in_three_days_and_then_no_more(owed, hook):
    hook.answers = [(500, {})] * 20
    waited = timedelta()
    for _ in range(callbacks.CALLBACKS.attempts):
        make_due(owed)
        callbacks.send(owed.pk)
        if state(owed)[0] == "waiting":
            waited += Callback.objects.annotate(wait=F("due_at") - Now()).get().wait
    make_due(owed)
    callbacks.send(owed.pk)

    assert state(owed) == ("given_up", 10, "HTTP 500")
    assert len(hook.heard) == 10
    assert sum(callbacks.CALLBACKS.pauses) == (75 * 60 + 35) * 60 + 5
    assert abs(waited.total_seconds() / sum(callbacks.CALLBACKS.pauses) - 1) <= callbacks.JITTER


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1/", "http://169.254.169.254/latest/", "http://[::1]/", "http://10.0.0.1/x"]
)
def test_a_private_address_is_never_called(url, owed, hook):
    type(owed.proposal).objects.update(callback_url=url)

    callbacks.send(owed.pk)

    status, attempts, error = state(owed)
    assert (status, attempts) == ("given_up", 1)
    assert error.startswith("Refused: ")
    assert hook.heard == []


@pytest.mark.django_db(transaction=True)
def test_of_many_senders_one_sends(owed, hook):
    def work():
        try:
            callbacks.send(owed.pk)
        finally:
            connection.close()

    senders = [threading.Thread(target=work) for _ in range(8)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()

    assert len(hook.heard) == 1


def test_a_sender_that_was_killed_leaves_a_row_that_is_due_again(owed, hook):
    assert callbacks.CALLBACKS.take(owed.pk).number == 1
    callbacks.send(owed.pk)
    assert hook.heard == []

    make_due(owed)
    callbacks.send(owed.pk)

    assert state(owed) == ("sent", 2, "")


def test_a_sender_that_was_overtaken_writes_nothing(owed, hook):
    callbacks.CALLBACKS.take(owed.pk)
    make_due(owed)
    callbacks.CALLBACKS.take(owed.pk)

    callbacks._close(owed, 1, Callback.Status.SENT, "callback.sent")

    assert state(owed)[:2] == ("waiting", 2)
    assert not Event.objects.filter(type="callback.sent").exists()


def test_the_sweeper_tells_the_broker_once_of_what_is_due(owed):
    assert callbacks.CALLBACKS.due() == []
    Callback.objects.update(queued_at=Now() - timedelta(seconds=31))

    assert callbacks.CALLBACKS.due() == [owed.pk]
    assert callbacks.CALLBACKS.due() == []

    Callback.objects.update(due_at=Now() + timedelta(hours=1))
    Callback.objects.update(queued_at=None)
    assert callbacks.CALLBACKS.due() == []


def test_the_time_of_the_signature_is_the_time_of_sending(owed, hook):
    Callback.objects.update(created_at=Now() - timedelta(days=2))
    callbacks.send(owed.pk)

    [(headers, _)] = hook.heard
    assert abs(int(headers["webhook-timestamp"]) - datetime.now(UTC).timestamp()) < 5


@pytest.mark.django_db(transaction=True)
def test_what_came_of_an_attempt_is_written_down_although_the_database_was_away(db, monkeypatch):
    from audit.outbox import insist

    monkeypatch.setattr(insist, "PAUSE", 0.01)
    tries = []

    def write():
        tries.append(1)
        with connection.cursor() as cursor:
            if len(tries) == 1:  # as when PostgreSQL is killed under it
                cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
            cursor.execute("SELECT 'there again'")
            return cursor.fetchone()[0]

    assert insist.insist(write) == "there again"
    assert len(tries) == 2
