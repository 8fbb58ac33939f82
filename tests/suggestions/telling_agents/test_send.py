"""One message is brought to its agent: signed, tried again, given up."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.db.models import F
from django.db.models.functions import Now
from standardwebhooks import Webhook, WebhookVerificationError

from audit.ground.actors import SYSTEM
from audit.models import Event
from audit.outbox.outbox import Attempt
from governance.agents.callback_secret import callback_secret, rotate
from suggestions.answering import callbacks
from suggestions.models import Callback, CallbackAttempt, CallbackEndpoint
from suggestions.telling_agents import send as sending
from tests.queries import sent
from tests.suggestions.telling_agents.conftest import make_due, state

pytestmark = pytest.mark.django_db
MESSAGE = 6  # taken; read; its secrets; the lock of its endpoint; its end; all that is written


def test_a_callback_arrives_signed(owed, hook, agent):
    sending.send(owed.pk)
    sending.send(owed.pk)

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
    tried = CallbackAttempt.objects.get()
    assert (tried.number, tried.http_status, tried.answer, tried.error) == (1, 204, "", "")


def test_bringing_a_message_costs_few_statements(owed, hook):
    with sent() as statements:
        sending.send(owed.pk)

    assert len(hook.heard) == 1
    assert len(statements) <= MESSAGE, statements


def test_a_message_to_a_worker_sends_what_else_is_due(owed, owe, hook, monkeypatch):
    monkeypatch.setattr(sending, "SECONDS", 60)
    others = [owe(), owe()]
    later = owe()
    Callback.objects.filter(pk=later.pk).update(due_at=Now() + timedelta(minutes=1))

    sending.send_what_is_due(owed.pk)

    assert hook.ids == [str(one.pk) for one in (owed, *others)]
    assert state(later)[0] == "waiting"


def test_others_have_their_turn_and_the_rest_another_message(owed, owe, hook, monkeypatch):
    told = []
    monkeypatch.setattr(sending, "SECONDS", 0)
    monkeypatch.setattr(sending.CALLBACKS.__class__, "tell", lambda _, row: told.append(row))
    owe()
    told.clear()

    sending.send_what_is_due(owed.pk)

    assert hook.ids == [str(owed.pk)]
    assert told == [owed.pk]


def test_nobody_else_can_sign(owed, hook, agent, olga):
    from governance.models import Agent as AgentRow

    sending.send(owed.pk)
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


def test_while_one_secret_takes_over_a_message_is_signed_by_both(owed, hook, agent):
    new = rotate(agent, actor=SYSTEM)
    sending.send(owed.pk)

    [(headers, body)] = hook.heard
    assert len(headers["webhook-signature"].split(" ")) == 2
    for secret in (new, callback_secret(agent)):
        assert Webhook(secret).verify(body, headers)["type"] == owed.type


def test_nothing_is_sent_unsigned_and_its_agent_is_not_blamed(owed, hook, agent, settings):
    rotate(agent, actor=SYSTEM, overlap=timedelta(0))
    settings.SECRET_KEY = "another"
    sending.send(owed.pk)

    assert hook.heard == []
    status, attempts, error = state(owed)
    assert (status, attempts) == ("waiting", 1)
    assert "Make a new one" in error
    assert not CallbackEndpoint.objects.exists()


def test_an_agent_without_an_address_is_owed_nothing(propose):
    assert callbacks.owe(propose(), "proposal.approved", {}) is None
    assert not Callback.objects.exists()


@pytest.mark.parametrize("status", [302, 400, 404, 429, 500, 503])
def test_what_does_not_arrive_is_sent_again_with_the_same_id(status, owed, hook):
    hook.will_answer(status, {"Location": f"{hook.origin}/elsewhere"}, b"not \x00 now" + 2_000 * b".")
    sending.send(owed.pk)
    assert state(owed) == ("waiting", 1, f"HTTP {status}")
    sending.send(owed.pk)
    assert len(hook.heard) == 1  # it is not due yet

    make_due(owed)
    sending.send(owed.pk)

    assert state(owed) == ("sent", 2, "")
    assert len(set(hook.ids)) == 1
    first, second = owed.tries.order_by("number")
    assert (first.http_status, first.error, second.http_status, second.error) == (
        status,
        f"HTTP {status}",
        204,
        "",
    )
    assert first.answer == "not \ufffd now".ljust(1_000, ".")


def test_retry_after_is_honoured(owed, hook):
    hook.will_answer(503, {"Retry-After": "4000"})

    sending.send(owed.pk)

    wait = Callback.objects.annotate(wait=F("due_at") - Now()).get().wait
    assert timedelta(seconds=3_990) < wait <= timedelta(seconds=4_000)


def test_ten_attempts_in_three_days_and_then_no_more(owed, hook):
    hook.will_answer(500, times=20)
    waited = timedelta()
    for _ in range(callbacks.CALLBACKS.attempts):
        make_due(owed)
        sending.send(owed.pk)
        if state(owed)[0] == "waiting":
            waited += Callback.objects.annotate(wait=F("due_at") - Now()).get().wait
    make_due(owed)
    sending.send(owed.pk)

    assert state(owed) == ("given_up", 10, "HTTP 500")
    assert len(hook.heard) == 10
    assert sum(callbacks.CALLBACKS.pauses) == (75 * 60 + 35) * 60 + 5
    assert abs(waited.total_seconds() / sum(callbacks.CALLBACKS.pauses) - 1) <= sending.JITTER


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1/", "http://169.254.169.254/latest/", "http://[::1]/", "http://10.0.0.1/x"]
)
def test_a_private_address_is_never_called(url, owed, hook):
    type(owed.proposal).objects.update(callback_url=url)

    sending.send(owed.pk)

    status, attempts, error = state(owed)
    assert (status, attempts) == ("given_up", 1)
    assert error.startswith("Refused: ")
    assert hook.heard == []


@pytest.mark.django_db(transaction=True)
def test_of_many_senders_one_sends(owed, hook):
    def work():
        try:
            sending.send(owed.pk)
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
    sending.send(owed.pk)
    assert hook.heard == []

    make_due(owed)
    sending.send(owed.pk)

    assert state(owed) == ("sent", 2, "")


def test_a_sender_that_was_overtaken_writes_nothing(owed, hook):
    first = callbacks.CALLBACKS.take(owed.pk)
    make_due(owed)
    callbacks.CALLBACKS.take(owed.pk)

    sending._end(owed, first, Callback.Status.SENT, sending.Heard(status=204))

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
    sending.send(owed.pk)

    [(headers, _)] = hook.heard
    assert abs(int(headers["webhook-timestamp"]) - datetime.now(UTC).timestamp()) < 5


def test_what_came_of_an_attempt_can_be_written_down_twice(owed, hook):
    hook.will_answer(500)
    sending.send(owed.pk)
    attempt = Attempt(1, CallbackAttempt.objects.get().at)

    sending._note(owed, attempt, sending.Heard("HTTP 500", status=500))

    assert state(owed) == ("waiting", 1, "HTTP 500")
    assert CallbackEndpoint.objects.get().failures == 1


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
