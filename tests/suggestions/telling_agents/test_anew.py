"""What was given up or had arrived is sent again: one message, or all that failed, at a rate."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db.models.functions import Now

from audit.models import Event
from governance.models import Agent
from suggestions.models import Callback, CallbackEndpoint
from suggestions.telling_agents import anew
from suggestions.telling_agents.send import send
from tests.conftest import actor_of
from tests.suggestions.telling_agents.conftest import Hook, later, state

pytestmark = pytest.mark.django_db

Owe = Callable[..., Callback]


@pytest.fixture
def given_up(owe: Owe) -> Callable[[int], list[Callback]]:
    def make(count: int) -> list[Callback]:
        made = [owe() for _ in range(count)]
        ids = [callback.pk for callback in made]
        gone = {"status": "given_up", "attempts": 10, "last_error": "HTTP 500"}
        Callback.objects.filter(pk__in=ids).update(**gone)
        return made

    return make


def test_a_message_that_arrived_is_sent_again_with_its_id(owed: Callback, hook: Hook, olga: Any) -> None:
    send(owed.pk)

    anew.send_again(owed.pk, actor=actor_of(olga))
    send(owed.pk)

    assert hook.ids == [str(owed.pk)] * 2
    assert state(owed) == ("sent", 2, "")
    event = json.loads(Event.objects.get(type="callback.sent_again").body)
    assert (event["actor"]["name"], event["proposal"]) == ("Olga", str(owed.proposal_id))
    assert event["data"] == {"callback": str(owed.pk), "type": owed.type, "was": "sent"}


def test_one_that_was_given_up_has_ten_attempts_anew(
    given_up: Callable[[int], list[Callback]], hook: Hook, olga: Any
) -> None:
    [one] = given_up(1)
    anew.send_again(one.pk, actor=actor_of(olga))
    with pytest.raises(anew.WaitsAlready):
        anew.send_again(one.pk, actor=actor_of(olga))
    hook.will_answer(500, times=10)
    for _ in range(10):
        assert state(one)[0] == "waiting"
        Callback.objects.update(due_at=Now())
        send(one.pk)

    assert state(one) == ("given_up", 20, "HTTP 500")


def test_all_that_failed_is_sent_again_in_order_at_a_rate(
    agent: Agent, given_up: Callable[[int], list[Callback]], owed: Callback, hook: Hook, olga: Any
) -> None:
    made = given_up(15)
    preview = anew.failed(agent)
    assert (preview.count, preview.more, preview.seconds) == (15, False, 2)
    assert preview.origins == {hook.origin: 15}
    since = given_up(1)

    assert anew.send_failed_again(agent, actor=actor_of(olga), until=preview.until) == 15

    waiting = list(Callback.objects.filter(attempts=10, status="waiting").order_by("due_at"))
    assert [callback.pk for callback in waiting] == [callback.pk for callback in made]
    assert waiting[-1].due_at - waiting[0].due_at == timedelta(seconds=1.4)
    assert state(since[0])[0] == "given_up"  # whoever asked had not seen it
    assert Event.objects.filter(type="callback.sent_again").count() == 15
    told = json.loads(Event.objects.get(type="callbacks.sent_again").body)["data"]
    assert told == {"agent": str(agent.pk), "agent_name": agent.name, "callbacks": 15}

    # What is asked for next comes after them, however soon it is asked for.
    anew.send_failed_again(agent, actor=actor_of(olga))
    since[0].refresh_from_db()
    assert since[0].due_at >= waiting[-1].due_at
    with pytest.raises(anew.NoneFailed):
        anew.send_failed_again(agent, actor=actor_of(olga))

    later(hours=1)
    for callback in Callback.objects.filter(status="waiting").order_by("due_at"):
        send(callback.pk)
    assert sorted(hook.ids) == sorted(str(callback.pk) for callback in (owed, *made, *since))


def test_no_more_than_the_most_is_sent_again_at_once(
    agent: Agent,
    given_up: Callable[[int], list[Callback]],
    olga: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(anew, "MOST", 2)
    made = given_up(3)
    assert (anew.failed(agent).count, anew.failed(agent).more) == (2, True)

    assert anew.send_failed_again(agent, actor=actor_of(olga), until=made[-1].pk) == 2

    assert [state(one)[0] for one in made] == ["waiting", "waiting", "given_up"]


def test_what_is_sent_again_to_a_paused_address_waits(
    agent: Agent, given_up: Callable[[int], list[Callback]], hook: Hook, olga: Any
) -> None:
    [one] = given_up(1)
    since = {"paused_at": Now(), "paused_because": "gone"}
    CallbackEndpoint.objects.create(agent=agent, origin=hook.origin, **since)
    anew.send_failed_again(agent, actor=actor_of(olga))

    send(one.pk)

    assert state(one)[0] == "paused"
    assert hook.heard == []
