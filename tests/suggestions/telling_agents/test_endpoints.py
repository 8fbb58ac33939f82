"""An address where nothing arrives is paused, tried by one probe, resumed, and its owner is told."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models import F
from django.db.models.functions import Now

from approvals.models import Notice
from approvals.telling.tell import in_words, still_news
from audit.ground.actors import SYSTEM
from audit.models import Event
from suggestions.answering.callbacks import CALLBACKS
from suggestions.models import Callback, CallbackEndpoint
from suggestions.tasks import sweep
from suggestions.telling_agents import endpoints
from suggestions.telling_agents.send import send
from tests.sealed import follow
from tests.suggestions.telling_agents.conftest import Hook, later, make_due, state

pytestmark = pytest.mark.django_db

Owe = Callable[..., Callback]


@pytest.fixture(autouse=True)
def _log_is_followed(db: None) -> None:
    follow()


def fail(callback: Callback, times: int) -> None:
    for _ in range(times):
        make_due(callback)
        send(callback.pk)


def of(type: str) -> list[dict[str, Any]]:
    return [json.loads(event.body)["data"] for event in Event.objects.filter(type=type).order_by("id")]


@pytest.fixture
def paused(owed: Callback, hook: Hook) -> CallbackEndpoint:
    """Six attempts in more than three hours have failed."""
    hook.will_answer(500, times=6)
    fail(owed, 5)
    later(hours=3)
    fail(owed, 1)
    hook.heard.clear()
    return CallbackEndpoint.objects.get()


def probe() -> None:
    """The sweeper comes, and a worker sends all that is due."""
    endpoints.send_probes()
    for callback in Callback.objects.filter(status="waiting", due_at__lte=Now()).order_by("pk"):
        send(callback.pk)


# --- Paused ---------------------------------------------------------------------------------------


def test_many_failures_pause_nothing_before_some_time_is_over(owed: Callback, hook: Hook) -> None:
    hook.will_answer(500, times=9)
    fail(owed, 9)
    assert state(owed) == ("waiting", 9, "HTTP 500")
    assert not CallbackEndpoint.objects.paused().exists()


def test_a_long_time_pauses_nothing_before_enough_attempts(owed: Callback, hook: Hook) -> None:
    hook.will_answer(500, times=5)
    fail(owed, 1)
    later(hours=24)
    fail(owed, 4)
    assert not CallbackEndpoint.objects.paused().exists()


def test_one_that_arrives_begins_the_count_anew(owed: Callback, owe: Owe, hook: Hook) -> None:
    hook.will_answer(500, times=5)
    fail(owed, 5)
    send(owe().pk)
    later(hours=4)
    hook.will_answer(500, times=1)
    fail(owed, 1)

    endpoint = CallbackEndpoint.objects.get()
    assert (endpoint.failures, endpoint.paused_at) == (1, None)


def test_where_nothing_arrives_nothing_is_tried_any_more(
    paused: CallbackEndpoint, owed: Callback, owe: Owe, hook: Hook
) -> None:
    assert (paused.failures, paused.paused_because) == (6, "failing")
    assert state(owed) == ("paused", 6, "HTTP 500")
    [told] = of("callback_endpoint.paused")
    assert told == {
        "agent": str(owed.agent_id),
        "agent_name": "support-bot",
        "origin": hook.origin,
        "failures": 6,
        "why": "nothing arrives",
        "error": "HTTP 500",
    }

    newer = owe()
    send(newer.pk)

    assert state(newer) == ("paused", 0, "")
    assert hook.heard == []
    assert CALLBACKS.due() == []


def test_another_address_of_the_agent_is_called_meanwhile(
    paused: CallbackEndpoint, owe: Owe, settings: Any
) -> None:
    elsewhere = Hook()
    settings.CALLBACK_ALLOW = [elsewhere.place]
    other = owe(to=elsewhere)

    send(other.pk)
    elsewhere.shutdown()
    elsewhere.server_close()

    assert state(other) == ("sent", 1, "")
    assert elsewhere.ids == [str(other.pk)]


def test_gone_is_believed_at_once_and_nothing_is_tried_before_somebody_resumes_it(
    owed: Callback, hook: Hook
) -> None:
    hook.will_answer(410)
    send(owed.pk)

    endpoint = CallbackEndpoint.objects.get()
    assert (endpoint.paused_because, endpoint.probe_due_at) == ("gone", None)
    assert state(owed) == ("paused", 1, "HTTP 410")
    assert [told["why"] for told in of("callback_endpoint.paused")] == ["it says that it is gone"]
    later(hours=1_000)
    probe()
    assert len(hook.heard) == 1

    assert endpoints.resume(endpoint.pk, actor=SYSTEM) == 1
    probe()
    assert state(owed) == ("sent", 2, "")


# --- The owner ------------------------------------------------------------------------------------


def test_the_owner_is_told_once_and_no_more_once_it_is_resumed(
    paused: CallbackEndpoint, olga: Any, ana: Any
) -> None:
    follow()
    follow()

    notice = Notice.objects.get(kind="paused")
    assert (notice.user, notice.on_page, notice.by_browser) == (olga, True, True)
    assert in_words(notice).text == "A callback address of an agent of yours is paused: nothing arrives there"
    assert in_words(notice).path == "/governance/agents/callbacks/paused/"
    assert still_news(olga.pk, [notice])[notice.pk].count == 1

    endpoints.resume(paused.pk, actor=SYSTEM)
    assert still_news(olga.pk, [notice])[notice.pk].count == 0


# --- Probes ---------------------------------------------------------------------------------------


def test_one_message_is_tried_now_and_then_and_the_others_follow_it(
    paused: CallbackEndpoint, owed: Callback, owe: Owe, hook: Hook
) -> None:
    waiting = [owe() for _ in range(3)]
    probe()
    assert hook.heard == []  # it is not time yet

    later(hours=0.25)
    probe()

    assert hook.ids == [str(waiting[0].pk)]  # the one that was tried longest ago, or never
    endpoint = CallbackEndpoint.objects.get()
    assert (endpoint.paused_at, endpoint.failures, endpoint.probe) == (None, 0, None)
    assert [told["callbacks"] for told in of("callback_endpoint.resumed")] == [3]
    due = Callback.objects.filter(status="waiting").order_by("due_at").values_list("due_at", flat=True)
    assert len(due) == 3
    assert due[2] - due[0] == timedelta(seconds=0.2)  # ten a second at most
    later(hours=0.01)
    probe()
    assert [state(one) for one in (*waiting, owed)] == [*[("sent", 1, "")] * 3, ("sent", 7, "")]


def test_a_probe_that_fails_gives_nothing_up_and_the_next_one_is_another_message(
    paused: CallbackEndpoint, owed: Callback, owe: Owe, hook: Hook
) -> None:
    other = owe()
    send(other.pk)
    hook.will_answer(500, times=30)
    for n in range(12):
        later(hours=6)
        probe()
        assert len(hook.heard) == n + 1

    assert set(hook.ids) == {str(owed.pk), str(other.pk)}
    assert hook.ids[:4] == 2 * hook.ids[:2]
    assert state(owed) == ("paused", 12, "HTTP 500")
    assert Event.objects.filter(type="callback.given_up").count() == 0
    endpoint = CallbackEndpoint.objects.annotate(wait=F("probe_due_at") - Now()).get()
    assert timedelta(hours=5.9) < endpoint.wait <= timedelta(hours=6)


def test_the_round_of_the_sweeper_sends_for_the_probe(
    paused: CallbackEndpoint, owed: Callback, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[Any] = []
    monkeypatch.setattr("audit.outbox.outbox.current_app.send_task", lambda task, args: sent.append(args))
    sweep()
    assert sent == []
    later(hours=0.25)
    sweep()
    assert sent == [(str(owed.pk),)]


@pytest.mark.django_db(transaction=True)
def test_of_many_workers_and_sweepers_one_sends_the_probe(
    paused: CallbackEndpoint, owe: Owe, hook: Hook
) -> None:
    for callback in [owe() for _ in range(3)]:
        send(callback.pk)
    hook.will_answer(500, times=8)
    later(hours=0.25)
    start = threading.Barrier(6)

    def work() -> None:
        try:
            start.wait()
            probe()
        finally:
            connection.close()

    workers = [threading.Thread(target=work) for _ in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    assert len(hook.heard) == 1
    assert Callback.objects.filter(status="paused").count() == 4


# --- Resumed --------------------------------------------------------------------------------------


def test_resuming_by_hand_sends_what_is_owed_with_ten_attempts_anew(
    paused: CallbackEndpoint, owed: Callback, owe: Owe, hook: Hook
) -> None:
    put_off = owe()
    Callback.objects.filter(pk=put_off.pk).update(due_at=Now() + timedelta(hours=9), attempts=5)

    assert endpoints.resume(paused.pk, actor=SYSTEM) == 2
    with pytest.raises(endpoints.NotPaused):
        endpoints.resume(paused.pk, actor=SYSTEM)

    assert {one.attempts - one.attempts_before for one in Callback.objects.all()} == {0}
    later(hours=0.01)
    hook.will_answer(500)
    probe()
    assert state(owed)[0] == "waiting"  # the first attempt of ten, and the first failure
    assert state(put_off) == ("sent", 6, "")


def test_what_is_on_its_way_while_it_is_resumed_is_not_sent_twice(
    paused: CallbackEndpoint, owed: Callback
) -> None:
    later(hours=0.25)
    endpoints.send_probes()
    taken = CALLBACKS.take(owed.pk)
    assert taken is not None

    assert endpoints.resume(paused.pk, actor=SYSTEM) == 0

    assert CALLBACKS.end(owed.pk, taken.number, "sent")


def test_who_goes_on_with_what_is_due_passes_over_what_is_paused(paused: CallbackEndpoint, owe: Owe) -> None:
    owe()

    assert CALLBACKS.take_next() is None


def test_a_worker_that_knew_it_as_paused_a_moment_ago_leaves_nothing_behind(
    paused: CallbackEndpoint, owe: Owe
) -> None:
    newer = owe()
    endpoints.resume(paused.pk, actor=SYSTEM)

    endpoints.hold(newer.pk)

    assert state(newer)[0] == "waiting"
